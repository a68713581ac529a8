package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"

	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// maxAnswer is how much of an answer is kept.
const maxAnswer = 16 << 10

// result is how an attempt ended.
type result struct {
	status    int // 0 when there was no answer
	body      string
	truncated bool
	problem   string // in words for the endpoint's owner; empty when it was taken
	refused   bool   // by our own guard, which no retry will change
	asked     time.Duration
	took      time.Duration
}

func (r result) ok() bool   { return r.problem == "" }
func (r result) gone() bool { return r.status == http.StatusGone }

// send makes one attempt, and bounds its time and what it reads.
func (s *Service) send(ctx context.Context, w Webhook, id string, body []byte) (r result) {
	began := time.Now()                           //nolint:forbidigo // for a duration, which is no instant of ours
	defer func() { r.took = time.Since(began) }() //nolint:forbidigo // as above
	ctx, cancel := context.WithTimeout(ctx, s.timeout(w))
	defer cancel()
	req, err := s.request(ctx, w, id, body)
	if err != nil {
		return result{problem: "the request could not be made: its secret or its URL cannot be read on this server"}
	}
	resp, err := s.clientOf(w.OrgID).Do(req)
	if err != nil {
		return result{problem: Explain(err, s.timeout(w)), refused: fault.Is(err, fault.Invalid)}
	}
	defer resp.Body.Close() //nolint:errcheck // as much as is wanted has been read
	r = s.read(resp)
	r.asked = retryAfter(resp.Header.Get("Retry-After"), s.db.Now())
	return r
}

func (s *Service) request(ctx context.Context, w Webhook, id string, body []byte) (*http.Request, error) {
	now := s.db.Now()
	keys, err := s.keys(w, now)
	if err != nil {
		return nil, err
	}
	signature := Sign(id, now, body, keys...)
	if signature == "" {
		return nil, errors.New("the webhook's secret is empty")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "NaviDocs-Webhook/1")
	req.Header.Set("Accept-Encoding", "identity") // else a small answer may grow large
	req.Header.Set("Webhook-Id", id)
	req.Header.Set("Webhook-Timestamp", strconv.FormatInt(now.Unix(), 10))
	req.Header.Set("Webhook-Signature", signature)
	return req, s.setHeader(req, w)
}

// read judges an answer by its status alone; its body is for people, and one
// that breaks off is kept as far as it came.
func (s *Service) read(resp *http.Response) result {
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	r := result{status: resp.StatusCode, truncated: err != nil || len(raw) > maxAnswer}
	r.body = answerText(raw)
	switch {
	case r.status >= 200 && r.status < 300:
	case r.status >= 300 && r.status < 400:
		r.problem = fmt.Sprintf("the answer was %d, a redirect, which is not followed: give the final address", r.status)
	case r.gone():
		r.problem = "the answer was 410: the receiver wants no more"
	default:
		r.problem = strings.TrimSpace(fmt.Sprintf("the answer was %d %s", r.status, http.StatusText(r.status)))
	}
	return r
}

// answerText cuts an answer to what is kept, as text that can be stored.
func answerText(raw []byte) string {
	text := db.Text(string(raw[:min(len(raw), maxAnswer)]))
	for len(text) > maxAnswer { // a replaced byte takes three
		text = strings.ToValidUTF8(text[:maxAnswer], "")
	}
	return text
}

// Explain says in words, for whoever gave the address, why there was no answer
// to a request that was given so long.
func Explain(err error, timeout time.Duration) string {
	if fault.Is(err, fault.Invalid) {
		return fault.Message(err)
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		if dns.IsNotFound {
			return "the host's name does not exist (DNS)"
		}
		return "the host's name could not be looked up (DNS)"
	}
	if bad, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "the receiver's certificate is not valid (TLS): " + explainCertificate(bad)
	}
	network, isNetwork := errors.AsType[net.Error](err)
	switch {
	case errors.Is(err, context.DeadlineExceeded), isNetwork && network.Timeout():
		return fmt.Sprintf("there was no answer within %s", timeout)
	case errors.Is(err, syscall.ECONNREFUSED):
		return "the connection was refused: nothing listens there"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "the connection broke off before the answer"
	}
	return fault.Message(err)
}

func explainCertificate(err error) string {
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "it is for another name"
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "nobody known has issued it, or what links it to its issuer was not sent"
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return "it has expired, or is for a later time"
	}
	return "it is not fit for this"
}
