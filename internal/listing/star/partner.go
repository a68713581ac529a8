package star

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/xml"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"navidocs/internal/fault"
	"navidocs/internal/listing"
	"navidocs/internal/listing/wire"
)

// Doer sends a request; egress.Client is one, and refuses plain HTTP to all but
// what the operator listed.
type Doer = wire.Doer

// Settings are what was agreed with a partner: an address, and either a name with a
// password or a token.
type Settings struct {
	URL            string
	User, Password string
	Token          string
}

// Partner is sent one message for each boat. It is safe for concurrent use.
type Partner struct {
	client Doer
	s      Settings
	now    func() time.Time
}

var _ listing.Vendor = (*Partner)(nil)

// The bounds of what a partner answers.
const (
	maxAnswer    = 64 << 10
	maxReference = 200
)

// NewPartner prepares to send; now is the clock. The error is Invalid and names the
// setting that cannot be. Whether plain HTTP is allowed is for the client to say.
func NewPartner(client Doer, s Settings, now func() time.Time) (_ *Partner, err error) {
	defer fault.Wrap(&err, "star.NewPartner")
	u, err := url.Parse(strings.TrimSpace(s.URL))
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return nil, fault.Fields(fault.Field{Location: "url", Message: "must be a URL: write https://host/path"})
	case u.User != nil:
		return nil, fault.Fields(fault.Field{Location: "url", Message: "must not hold credentials: use user and password"})
	case s.Token == "" && (s.User == "" || s.Password == ""):
		return nil, fault.Fields(fault.Field{Location: "token", Message: "give a token, or a user and a password"})
	}
	s.URL = u.String()
	return &Partner{client, s, now}, nil
}

// Validate sends a message without a boat. The partner may find fault with that: it
// has looked at the credentials before.
func (p *Partner) Validate(ctx context.Context) (err error) {
	defer fault.Wrap(&err, "star.Validate")
	answer, err := p.send(ctx, Add, "", nil)
	if err != nil {
		return err
	}
	switch answer.Status {
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		return nil
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusGone:
		return fault.New(fault.Invalid, "%s takes no messages at this address: it answered %d", p.host(), answer.Status)
	}
	return p.judge(answer)
}

// Create sends action Add. The reference is what the partner answers, in its body's
// DocumentID, or as the end of the answer's Location; without either it is ours.
func (p *Partner) Create(ctx context.Context, a listing.Advert) (_ string, err error) {
	defer fault.Wrap(&err, "star.Create")
	if err := sendable(a); err != nil {
		return "", err
	}
	answer, err := p.send(ctx, Add, a.Ref, vehicle(a.Ref, &a))
	if err != nil {
		return "", err
	}
	if err := p.judge(answer); err != nil {
		return "", err
	}
	if given := given(answer); given != "" {
		return given, nil
	}
	return a.Ref, nil
}

// Update sends action Change. The error is NotFound when the partner does not have
// the boat.
func (p *Partner) Update(ctx context.Context, reference string, a listing.Advert) (err error) {
	defer fault.Wrap(&err, "star.Update")
	if err := sendable(a); err != nil {
		return err
	}
	answer, err := p.send(ctx, Change, reference, vehicle(reference, &a))
	if err != nil {
		return err
	}
	if missing(answer) {
		return fault.New(fault.NotFound, "%s does not have the boat %s", p.host(), wire.Short(reference))
	}
	return p.judge(answer)
}

// Delete sends action Delete with the status Delete.
func (p *Partner) Delete(ctx context.Context, reference string) (err error) {
	defer fault.Wrap(&err, "star.Delete")
	answer, err := p.send(ctx, Delete, reference, gone(reference))
	if err != nil || missing(answer) {
		return err
	}
	return p.judge(answer)
}

// Attach is Unsupported: the format carries links, no files.
func (p *Partner) Attach(context.Context, string, listing.Paper) error {
	return fault.New(fault.Unsupported, "%s takes no files: put a link into the description", p.host())
}

// sendable refuses what no partner may see.
func sendable(a listing.Advert) error {
	if !a.Status.Public() {
		return fault.New(fault.Invalid, "the listing is %q, which is shown to nobody", a.Status)
	}
	if wire.Line(a.Ref) == "" {
		return fault.New(fault.Invalid, "the listing has no reference")
	}
	return nil
}

func missing(a wire.Answer) bool {
	return a.Status == http.StatusNotFound || a.Status == http.StatusGone
}

// send posts one message. Its BODID is made of what it says: when an answer was lost,
// the message that is sent again has the same one.
func (p *Partner) send(ctx context.Context, action Action, reference string, boat *wire.Node) (wire.Answer, error) {
	var boats []*wire.Node
	var said bytes.Buffer
	said.WriteString(string(action) + "\n" + reference + "\n")
	if boat != nil {
		boats = []*wire.Node{boat}
		if err := wire.Encode(&said, boat); err != nil {
			return wire.Answer{}, err
		}
	}
	a := Application{BODID: uuid.NewSHA1(uuid.NameSpaceURL, said.Bytes()).String(), Created: p.now(), Action: action}
	var body bytes.Buffer
	if err := wire.Encode(&body, message(boats, a)); err != nil {
		return wire.Answer{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.s.URL, bytes.NewReader(body.Bytes()))
	if err != nil {
		return wire.Answer{}, fault.New(fault.Invalid, "the partner's address cannot be asked")
	}
	req.Header.Set("Content-Type", "application/xml; charset=utf-8")
	req.Header.Set("Accept", "application/xml")
	req.Header.Set("User-Agent", "NaviDocs-Partner/1")
	if p.s.Token != "" {
		req.Header.Set("Authorization", "Bearer "+p.s.Token)
	} else {
		req.SetBasicAuth(p.s.User, p.s.Password)
	}
	return wire.Ask(p.client, req, p.host(), maxAnswer)
}

func (p *Partner) host() string {
	u, err := url.Parse(p.s.URL)
	if err != nil {
		return "the partner"
	}
	return u.Hostname()
}

// judge says what an answer means.
func (p *Partner) judge(a wire.Answer) error {
	switch {
	case a.Status == http.StatusUnauthorized, a.Status == http.StatusForbidden:
		return fault.New(fault.Unauthenticated, "%s does not know these credentials: it answered %d", p.host(), a.Status)
	case a.Status == http.StatusTooManyRequests:
		return fault.New(fault.RateLimited, "%s asks to be left alone for a while", p.host()).
			With("retry_after", int(a.RetryAfter(p.now()).Seconds()))
	case a.Status >= 500, a.Status < 200, a.Status >= 300 && a.Status < 400, a.Status == http.StatusRequestTimeout, a.Status == http.StatusTooEarly:
		return fault.New(fault.Unavailable, "%s answered %d", p.host(), a.Status)
	case a.Status >= 400:
		return fault.New(fault.Invalid, "%s does not take this boat: it answered %d%s", p.host(), a.Status, p.words(a))
	case a.IsPage():
		return fault.New(fault.Unavailable, "%s answered with a page for people", p.host())
	}
	return nil
}

// words are the beginning of what a partner says of a boat that it refuses, without
// what is secret.
func (p *Partner) words(a wire.Answer) string {
	s := string(a.Body)
	if a.IsPage() || strings.HasPrefix(strings.TrimSpace(s), "<") {
		s = wire.Text(s)
	}
	basic := base64.StdEncoding.EncodeToString([]byte(p.s.User + ":" + p.s.Password))
	for _, secret := range []string{basic, p.s.Password, p.s.Token, p.s.User} {
		if secret != "" {
			s = strings.ReplaceAll(s, secret, "…")
		}
	}
	if s = wire.Short(s); s == "" {
		return ""
	}
	return ": " + s
}

// given is the partner's own reference in an answer, empty when there is none.
func given(a wire.Answer) string {
	d := xml.NewDecoder(bytes.NewReader(a.Body))
	for {
		token, err := d.Token()
		if err != nil {
			break
		}
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == "DocumentID" {
			var s string
			if d.DecodeElement(&s, &start) == nil && usable(s) != "" {
				return usable(s)
			}
			break
		}
	}
	location, err := url.Parse(a.Header.Get("Location"))
	if err != nil {
		return ""
	}
	path := strings.TrimRight(location.Path, "/")
	return usable(path[strings.LastIndex(path, "/")+1:])
}

func usable(s string) string {
	if s = wire.Line(s); len(s) > maxReference {
		return ""
	}
	return s
}
