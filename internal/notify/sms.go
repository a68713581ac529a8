package notify

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"navidocs/internal/fault"
)

// SMSConfig says by which account text messages are sent, in Twilio's form.
type SMSConfig struct {
	URL        string // "" means https://api.twilio.com
	SID, Token string
	From       string // a number, or the SID of a messaging service (MG...)
}

const twilio = "https://api.twilio.com"

// SMSSender sends text messages, each at most once: the service knows no
// idempotency key, so that whatever may have reached it is Unknown and must not
// be sent again. Deferred means that nothing has.
type SMSSender struct {
	config SMSConfig
	client Doer
}

var _ Sender = (*SMSSender)(nil)

// NewSMS checks the configuration.
func NewSMS(c SMSConfig, client Doer) (_ *SMSSender, err error) {
	defer fault.Wrap(&err, "notify.NewSMS")
	if c.URL == "" {
		c.URL = twilio
	}
	c.URL = strings.TrimRight(c.URL, "/")
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return nil, fault.New(fault.Invalid, "%q is not the address of an SMS service; write https://host", c.URL)
	}
	if c.SID == "" || c.Token == "" || c.From == "" {
		return nil, fault.New(fault.Invalid, "text messages need the account's SID, its token, and a number to send from")
	}
	return &SMSSender{config: c, client: client}, nil
}

// Channel is SMS.
func (s *SMSSender) Channel() Channel { return SMS }

// telephone is a number as E.164 writes it.
var telephone = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

// Send posts the message once.
func (s *SMSSender) Send(ctx context.Context, m Message) Receipt {
	if !telephone.MatchString(m.To) {
		return Receipt{Outcome: Gone, Reason: oneLine(m.To, 30) + " is not a telephone number; write +41791234567"}
	}
	ctx, cancel := context.WithTimeout(ctx, httpTimeout)
	defer cancel()
	var connected atomic.Bool
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	})
	req, err := s.request(traced, m)
	if err != nil {
		return Receipt{Outcome: Refused, Reason: "the address of the SMS service cannot be used"}
	}
	resp, err := s.client.Do(req)
	if err != nil {
		r := noAnswer(ctx, "the SMS service "+req.URL.Hostname(), err, s.config.Token)
		if r.Outcome == Deferred && connected.Load() {
			r.Outcome = Unknown // it may have been read
		}
		return r
	}
	return s.receipt(read(resp))
}

func (s *SMSSender) request(ctx context.Context, m Message) (*http.Request, error) {
	form := url.Values{"To": {m.To}, "Body": {smsText(m)}}
	if strings.HasPrefix(s.config.From, "MG") {
		form.Set("MessagingServiceSid", s.config.From)
	} else {
		form.Set("From", s.config.From)
	}
	address := s.config.URL + "/2010-04-01/Accounts/" + url.PathEscape(s.config.SID) + "/Messages.json"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.GetBody = nil // nobody may send it again on our behalf
	req.SetBasicAuth(s.config.SID, s.config.Token)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	return req, nil
}

// receipt reads an answer. A 429 was "never processed"; of a class 5 nobody
// knows.
func (s *SMSSender) receipt(a answer) Receipt {
	var said struct {
		SID  string `json:"sid"`
		Code int    `json:"code"`
	}
	_ = json.Unmarshal(a.body, &said) // without it the status alone counts
	r := a.receipt(s.config.Token)
	switch {
	case a.ok():
		r.Reference = hidden(said.SID, s.config.Token)
	case a.status >= 500:
		r.Outcome, r.After = Unknown, 0
	case r.Outcome == Refused && nobodyThere(said.Code):
		r.Outcome = Gone
	}
	return r
}

// nobodyThere: 21211 is no number, 21614 no mobile one, 21610 wants no more.
func nobodyThere(code int) bool { return code == 21211 || code == 21614 || code == 21610 }

// The sizes of one message (3GPP TS 23.038): more is charged as several.
const (
	gsmUnits  = 160
	ucs2Units = 70
)

// smsText is the message as one text of a single part: title and text in whole
// words, and the link where it leaves them a third. What GSM 7-bit lacks is
// written with what it has where that reads the same (ê as e, “ as "): with one
// foreign letter the message would have 70 characters in place of 160.
func smsText(m Message) string {
	words := oneLine(m.Title, maxTitle)
	if text := oneLine(m.Text, 1000); text != "" {
		words = strings.TrimPrefix(words+"\n"+text, "\n")
	}
	link := oneLine(m.Link, 1000)
	plain := foldGSM(words)
	room, size, mark := gsmUnits, gsmSize, "..."
	if measure(plain+link, gsmSize) >= noGSM {
		plain, room, size, mark = words, ucs2Units, ucs2Size, ellipsis
	}
	if rest := room - measure(link, size) - 1; link != "" && rest >= room/3 {
		return strings.TrimPrefix(cutWords(plain, rest, mark, size)+"\n"+link, "\n")
	}
	return cutWords(plain, room, mark, size)
}

const (
	gsmAlphabet = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
		"¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	gsmExtension = "\f^{}\\[~]|€"
	noGSM        = 1 << 20
)

func gsmSize(r rune) int {
	switch {
	case strings.ContainsRune(gsmAlphabet, r):
		return 1
	case strings.ContainsRune(gsmExtension, r):
		return 2
	}
	return noGSM
}

func ucs2Size(r rune) int {
	if r > 0xffff {
		return 2
	}
	return 1
}

// typography is what keyboards add to plain characters.
var typography = strings.NewReplacer(
	"’", "'", "‘", "'", "“", `"`, "”", `"`, "„", `"`, "«", `"`, "»", `"`, "–", "-", "—", "-",
	"…", "...", "\u00a0", " ", "\u202f", " ", "œ", "oe", "Œ", "OE", "•", "*", "·", "-",
)

// foldGSM writes letters that GSM 7-bit lacks without their accents.
func foldGSM(s string) string {
	var b strings.Builder
	for _, r := range typography.Replace(norm.NFC.String(s)) {
		if gsmSize(r) < noGSM {
			b.WriteRune(r)
			continue
		}
		for _, part := range norm.NFD.String(string(r)) {
			if !unicode.Is(unicode.Mn, part) {
				b.WriteRune(part)
			}
		}
	}
	return b.String()
}
