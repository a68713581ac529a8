package notify

import (
	"bytes"
	"crypto"
	netmail "net/mail"
	"strings"
	"time"

	"github.com/emersion/go-msgauth/dkim"
	"github.com/wneessen/go-mail"

	"navidocs/internal/fault"
)

// DKIM signs mails as their domain (RFC 6376); all three or none are set.
type DKIM struct {
	Domain, Selector string
	PrivateKey       string // PEM: PKCS #1 or PKCS #8, RSA or Ed25519
}

// signedHeaders are under the signature, also those that a mail has not, so
// that nobody adds them on the way. RFC 8058 wants the two of unsubscribing.
// Those that say who speaks, to whom and of what are named twice: then a second
// one breaks the signature too.
var signedHeaders = []string{
	"From", "To", "Subject", "Date", "Message-ID", "Content-Type", "MIME-Version",
	"Auto-Submitted", "List-Unsubscribe", "List-Unsubscribe-Post", "Reply-To", "Cc",
	"From", "Subject", "To",
}

// composer turns messages into mails. Safe for concurrent use.
type composer struct {
	from   netmail.Address
	domain string // of from
	bounce string // domain of the return path
	dkim   DKIM
	key    crypto.Signer // nil: no signature
	now    func() time.Time
}

// envelope is a mail as it goes out.
type envelope struct {
	from, to string
	id       string
	content  []byte
}

func newComposer(c EmailConfig) (*composer, error) {
	from, err := netmail.ParseAddress(c.From)
	if err != nil {
		return nil, fault.New(fault.Invalid, "%q is not an e-mail address; write name@example.com", c.From)
	}
	if c.FromName != "" {
		from.Name = oneLine(c.FromName, maxTitle)
	}
	if c.Now == nil {
		return nil, fault.New(fault.Invalid, "mails need a clock")
	}
	m := &composer{from: *from, bounce: c.BounceDomain, dkim: c.DKIM, now: c.Now}
	m.domain = from.Address[strings.LastIndexByte(from.Address, '@')+1:]
	if m.bounce == "" {
		m.bounce = m.domain
	}
	m.key, err = signingKey(c.DKIM)
	return m, err
}

func signingKey(d DKIM) (crypto.Signer, error) {
	if d == (DKIM{}) {
		return nil, nil
	}
	if d.Domain == "" || d.Selector == "" || d.PrivateKey == "" {
		return nil, fault.New(fault.Invalid, "DKIM needs its domain, its selector and its private key, or none of them")
	}
	key, err := mail.PrivKeyFromPEM([]byte(d.PrivateKey))
	if err != nil {
		return nil, fault.Because(err, fault.Invalid, "the private key of DKIM cannot be read; write an RSA or Ed25519 key as PEM")
	}
	return key, nil
}

// compose writes the mail; the error says what is wrong with its address.
func (c *composer) compose(m Message) (*envelope, error) {
	to, err := netmail.ParseAddress(m.To)
	if err != nil || strings.ContainsAny(to.Address, "\r\n<> ") {
		return nil, fault.New(fault.Invalid, "%s is not an e-mail address", oneLine(m.To, 100))
	}
	to.Name = ""
	e := &envelope{
		id:   identity(m.ID) + "@" + c.domain,
		from: "bounce+" + identity(m.ID) + "@" + c.bounce,
		to:   to.Address,
	}
	var b bytes.Buffer
	if _, err := c.letter(m, to, e.id).WriteTo(&b); err != nil {
		return nil, err
	}
	e.content, err = c.sign(b.Bytes())
	return e, err
}

// notComposed is the receipt of a mail that could not be written.
func notComposed(err error) Receipt {
	if fault.Is(err, fault.Invalid) {
		return Receipt{Outcome: Gone, Reason: fault.Message(err)}
	}
	return Receipt{Outcome: Deferred, Reason: "the mail could not be signed: " + oneLine(err.Error(), maxReason)}
}

func (c *composer) letter(m Message, to *netmail.Address, id string) *mail.Msg {
	l := mail.NewMsg(mail.WithNoDefaultUserAgent())
	l.FromMailAddress(&c.from)
	l.ToMailAddress(to)
	l.Subject(oneLine(m.Title, maxTitle))
	l.SetMessageIDWithValue(id)
	l.SetDateWithValue(c.now())
	l.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no absence note answers it
	if m.Urgent {
		l.SetImportance(mail.ImportanceHigh)
	}
	if address := unsubscribeAddress(m.Unsubscribe); address != "" {
		l.SetGenHeader(mail.HeaderListUnsubscribe, "<"+address+">")
		if strings.HasPrefix(address, "https://") {
			l.SetGenHeader(mail.HeaderListUnsubscribePost, "List-Unsubscribe=One-Click")
		}
	}
	l.SetBodyString(mail.TypeTextPlain, withLink(manyLines(m.Text), m.Link))
	if m.HTML != "" {
		l.AddAlternativeString(mail.TypeTextHTML, manyLines(m.HTML))
	}
	return l
}

// sign puts the signature in front. It is not go-mail's own, which folds a long
// list of headers in the middle of a name, where verifiers then see a space.
func (c *composer) sign(content []byte) ([]byte, error) {
	if c.key == nil {
		return content, nil
	}
	var b bytes.Buffer
	err := dkim.Sign(&b, bytes.NewReader(content), &dkim.SignOptions{
		Domain: c.dkim.Domain, Selector: c.dkim.Selector, Signer: c.key, HeaderKeys: signedHeaders,
		HeaderCanonicalization: dkim.CanonicalizationRelaxed, BodyCanonicalization: dkim.CanonicalizationRelaxed,
	})
	return b.Bytes(), err
}

// unsubscribeAddress is the address if a header can hold it, else "".
func unsubscribeAddress(address string) string {
	web := strings.HasPrefix(address, "https://") || strings.HasPrefix(address, "http://")
	if !web || len(address) > 900 || strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '<' || r == '>' }) {
		return ""
	}
	return address
}
