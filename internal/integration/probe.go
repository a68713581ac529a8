package integration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"

	"navidocs/internal/fault"
	"navidocs/internal/webhook"
)

// Outcome is how a Home Assistant answered when it was asked whether it is there.
type Outcome string

// The outcomes.
const (
	Present  Outcome = "present"
	TimedOut Outcome = "timeout"
	NoName   Outcome = "dns"
	Refused  Outcome = "refused" // nothing listens there
	Status   Outcome = "http"    // an HTTP status that is no success
	BadToken Outcome = "token"   // 401: the long-lived token is not known
	Foreign  Outcome = "foreign" // it answers, but not as a Home Assistant or a broker does
	Blocked  Outcome = "blocked" // an address that the operator has not listed
	NoTLS    Outcome = "tls"     // of a broker: no TLS there, or a certificate that is not valid
	NoLogin  Outcome = "login"   // of a broker: it refuses this user name and password
	Broken   Outcome = "broken"  // anything else: TLS of a webhook, a connection that broke off
	Skipped  Outcome = "skipped" // it was not asked
)

// Probe is what came of asking.
type Probe struct {
	Outcome Outcome `json:"outcome" enum:"present,timeout,dns,refused,http,token,foreign,blocked,tls,login,broken,skipped"`
	Status  int     `json:"status" doc:"the HTTP status, 0 when there was none"`
	Message string  `json:"message" doc:"in words; empty when it is present"`
}

// probed asks whether the Home Assistant is there and remembers the answer; it
// is Invalid when it is not.
func (s *Service) probed(ctx context.Context, c *Connection, in Input) error {
	c.Probe = Probe{Outcome: Skipped}
	if in.Unprobed {
		return nil
	}
	if in.Lane == Event && in.Secret == "" {
		return nil // the sealed token is the webhook's alone: the next test tells
	}
	if in.Lane == MQTT {
		c.Probe = s.probeBroker(ctx, *c, in)
	} else {
		c.Probe = s.probe(ctx, in)
	}
	if c.Probe.Outcome == Present {
		return nil
	}
	return fault.Fields(fault.Field{
		Location: c.Probe.location(), Message: c.Probe.Message + ". Correct it, or repeat with skip_probe to keep it all the same",
	}).With("probe", c.Probe)
}

func (p Probe) location() string {
	if p.Outcome == BadToken || p.Outcome == NoLogin {
		return "body.secret"
	}
	return "body.url"
}

// probe asks without an effect: HEAD of a webhook, which Home Assistant answers
// without running it, or GET /api/ with the token.
func (s *Service) probe(ctx context.Context, in Input) Probe {
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	method, address := http.MethodHead, in.URL
	if in.Lane == Event {
		method, address = http.MethodGet, in.URL+"/api/"
	}
	req, err := http.NewRequestWithContext(ctx, method, address, nil)
	if err != nil {
		return Probe{Outcome: Broken, Message: "the address cannot be asked"}
	}
	req.Header.Set("User-Agent", "NaviDocs-Probe/1")
	if in.Lane == Event {
		req.Header.Set("Authorization", "Bearer "+in.Secret)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return Probe{Outcome: outcomeOf(err), Message: webhook.Explain(err, s.config.Timeout)}
	}
	defer resp.Body.Close() //nolint:errcheck // as much as is wanted has been read
	if in.Lane == Event {
		return judgeAPI(resp)
	}
	return judgeWebhook(resp)
}

func outcomeOf(err error) Outcome {
	_, dns := errors.AsType[*net.DNSError](err)
	network, isNetwork := errors.AsType[net.Error](err)
	switch {
	case fault.Is(err, fault.Invalid):
		return Blocked
	case dns:
		return NoName
	case errors.Is(err, context.DeadlineExceeded), isNetwork && network.Timeout():
		return TimedOut
	case errors.Is(err, syscall.ECONNREFUSED):
		return Refused
	}
	return Broken
}

// judgeWebhook takes a server that knows no HEAD for one that is there.
func judgeWebhook(resp *http.Response) Probe {
	switch status := resp.StatusCode; {
	case status >= 200 && status < 300, status == http.StatusMethodNotAllowed, status == http.StatusNotImplemented:
		return Probe{Outcome: Present, Status: status}
	default:
		return Probe{Outcome: Status, Status: status, Message: answered(status)}
	}
}

func answered(status int) string {
	return fmt.Sprintf("the answer was %d %s", status, http.StatusText(status))
}

// judgeAPI reads the answer of GET /api/, which is {"message": "API running."}.
func judgeAPI(resp *http.Response) Probe {
	p := Probe{Outcome: Status, Status: resp.StatusCode, Message: answered(resp.StatusCode)}
	switch resp.StatusCode {
	case http.StatusUnauthorized:
		p.Outcome, p.Message = BadToken, badToken
	case http.StatusOK:
		var said struct {
			Message string `json:"message"`
		}
		if err := json.NewDecoder(resp.Body).Decode(&said); err == nil && said.Message != "" {
			return Probe{Outcome: Present, Status: resp.StatusCode}
		}
		p.Outcome, p.Message = Foreign, "something answers there, but it is not the API of a Home Assistant: give the address without a path"
	}
	return p
}

const badToken = "Home Assistant does not know this token (401): make a long-lived access token under your profile, Security, and give it as secret"
