package notify

import (
	"context"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"navidocs/internal/fault"
)

const maxNtfy = 4096 // octets of a message; more becomes an attachment

// NtfySender publishes to topics of ntfy. Whoever knows a topic's name reads
// it, so that no receipt has one. A repeated message replaces the first one at
// servers from 2.16 on, and is shown twice by older ones.
type NtfySender struct {
	server string
	client Doer
}

var _ Sender = (*NtfySender)(nil)

// NewNtfy takes the server of topics that are written without one. The client
// must be a guarded one, for a user may name another server.
func NewNtfy(server string, client Doer) (_ *NtfySender, err error) {
	defer fault.Wrap(&err, "notify.NewNtfy")
	server = strings.TrimRight(server, "/")
	if u, err := url.Parse(server); err != nil || !webAddress(u) {
		return nil, fault.New(fault.Invalid, "%q is not the address of an ntfy server; write https://ntfy.sh", server)
	}
	return &NtfySender{server: server, client: client}, nil
}

func webAddress(u *url.URL) bool {
	return u.Host != "" && u.User == nil && (u.Scheme == "https" || u.Scheme == "http")
}

// Channel is Ntfy.
func (s *NtfySender) Channel() Channel { return Ntfy }

// Send publishes the message.
func (s *NtfySender) Send(ctx context.Context, m Message) Receipt {
	address, name, err := s.topic(m.To)
	if err != nil {
		return Receipt{Outcome: Refused, Reason: fault.Message(err)}
	}
	ctx, cancel := context.WithTimeout(ctx, httpTimeout)
	defer cancel()
	text := cutWords(manyLines(m.Text), maxNtfy, ellipsis, octets)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(text))
	if err != nil {
		return Receipt{Outcome: Refused, Reason: "the address of the ntfy topic cannot be used"}
	}
	ntfyHeader(req.Header, m)
	resp, err := s.client.Do(req)
	if err != nil {
		return noAnswer(ctx, "the ntfy server "+req.URL.Hostname(), err, name, req.URL.RawQuery)
	}
	return read(resp).receipt(name, req.URL.RawQuery)
}

var topicName = regexp.MustCompile(`^[-_A-Za-z0-9]{1,64}$`)

// topic is the address that a topic, or the whole of its address, stands for,
// and its name.
func (s *NtfySender) topic(to string) (address, name string, _ error) {
	if topicName.MatchString(to) {
		return s.server + "/" + to, to, nil
	}
	u, err := url.Parse(to)
	if err != nil || !webAddress(u) {
		return "", "", fault.New(fault.Invalid, "this is no ntfy topic; write its name, or https://host/topic")
	}
	name = u.Path[strings.LastIndexByte(u.Path, '/')+1:]
	if !topicName.MatchString(name) {
		return "", "", fault.New(fault.Invalid, "the address names no ntfy topic; write https://host/topic")
	}
	return u.String(), name, nil
}

func ntfyHeader(h http.Header, m Message) {
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Title", mime.QEncoding.Encode("utf-8", oneLine(m.Title, maxTitle)))
	h.Set("Tags", "anchor")
	h.Set("Priority", "3")
	h.Set("X-Sequence-ID", identity(m.ID))
	if m.Urgent {
		h.Set("Priority", "5")
	}
	if m.Link != "" {
		h.Set("Click", mime.QEncoding.Encode("utf-8", oneLine(m.Link, 1000)))
	}
}
