package notify

import (
	"context"
	"time"
)

// Channel is a way to reach a person.
type Channel string

// The channels.
const (
	InApp Channel = "in_app"
	Email Channel = "email"
	SMS   Channel = "sms"
	Push  Channel = "push" // web push
	Ntfy  Channel = "ntfy"
)

// allChannels are in the order in which a person is told.
var allChannels = []Channel{InApp, Email, SMS, Push, Ntfy}

// Message is what one person is told by one channel.
type Message struct {
	// ID is the notification's: the same at every try, it becomes the Message-ID
	// of a mail, the Topic of a push and the like, so that a repeated one can be
	// told apart.
	ID string
	// To is an e-mail address, a telephone number (E.164), the sealed-off JSON of
	// a push subscription, or the address of an ntfy topic.
	To string
	// Title is one line. Text is plain; HTML is for mail only and may be empty.
	Title, Text, HTML string
	// Link leads to what the message is about; "" for none.
	Link string
	// Unsubscribe is the address of the one-click form (RFC 8058); "" on mails
	// that nobody can unsubscribe from.
	Unsubscribe string
	Urgent      bool
}

// Outcome is what became of a message at the next server.
type Outcome string

// The outcomes.
const (
	// Accepted: the next server has taken it on.
	Accepted Outcome = "accepted"
	// Refused: it will not take this message, ever.
	Refused Outcome = "refused"
	// Gone: nobody is reached at this address any more.
	Gone Outcome = "gone"
	// Deferred: not now; it may be tried again.
	Deferred Outcome = "deferred"
	// Unknown: it may have been sent, and must not be sent again.
	Unknown Outcome = "unknown"
)

// Receipt tells what became of a message.
type Receipt struct {
	Outcome Outcome
	// Reason is what the server said, for people to read; it holds no secret.
	Reason string
	// Reference is the server's name for the message; may be empty.
	Reference string
	// After is the least to wait before trying again, 0 when the server did not say.
	After time.Duration
}

// Sender hands messages of one channel to the next server. Every implementation
// passes notifytest.Run.
type Sender interface {
	Channel() Channel
	// Send tries once. It ends with the context, and never panics.
	Send(ctx context.Context, m Message) Receipt
}
