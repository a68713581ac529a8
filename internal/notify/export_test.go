package notify

// What only tests see.
var (
	RetryAfter        = retryAfter
	SMSText           = smsText
	ParseSubscription = subscription
	PushPayload       = pushPayload
)
