package notify

// What only tests see.
var (
	RetryAfter   = retryAfter
	SMSText      = smsText
	Subscription = subscription
	PushPayload  = pushPayload
)
