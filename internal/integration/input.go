package integration

import (
	"context"
	"net/url"
	"strings"
	"unicode/utf8"

	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/webhook"
)

// Input is what a connection is made with, or wholly replaced by.
type Input struct {
	Name       string   `json:"name,omitempty" doc:"Home Assistant unless given"`
	Lane       Lane     `json:"lane,omitempty" enum:"webhook,event,mqtt" doc:"webhook unless given"`
	URL        string   `json:"url" doc:"webhook: the whole address with /api/webhook/; event: where Home Assistant is, such as https://ha.example.org:8123; mqtt: the broker, such as mqtts://broker.example.org:8883. Encrypted, or what the operator lists in EGRESS_ALLOW"`
	EventTypes []string `json:"event_types,omitempty" doc:"such as warranty.expiring; all unless given; not for the lane mqtt"`
	Secret     string   `json:"secret,omitempty" doc:"webhook: what the header X-Navidocs-Secret says, made unless given; event: a long-lived access token; mqtt: the password. Never read back"`
	Username   string   `json:"username,omitempty" doc:"mqtt: the user name at the broker, if it asks for one"`
	Prefix     string   `json:"discovery_prefix,omitempty" doc:"mqtt: what Home Assistant has as its discovery prefix; homeassistant unless given"`
	Unprobed   bool     `json:"skip_probe,omitempty" doc:"keep it though it does not answer now"`
}

const (
	shortestSecret = 16
	longestSecret  = 1000
)

// check finds every fault of an input, after what is absent was filled in.
func (s *Service) check(ctx context.Context, in *Input, creating bool) error {
	if in.Lane == "" {
		in.Lane = Webhook
	}
	if in.Name = strings.TrimSpace(db.Text(in.Name)); in.Name == "" {
		in.Name = "Home Assistant"
	}
	var faults []fault.Field
	add := func(location, message string, value any) {
		faults = append(faults, fault.Field{Location: "body." + location, Message: message, Value: value})
	}
	if utf8.RuneCountInString(in.Name) > 100 {
		add("name", "must have at most 100 characters", nil)
	}
	if in.Lane != Webhook && in.Lane != Event && in.Lane != MQTT {
		add("lane", "must be webhook, event or mqtt", fault.Echo(string(in.Lane)))
	}
	if in.Lane == MQTT {
		s.checkBroker(ctx, in, add)
	} else if err := s.checkEndpoint(ctx, in, creating, add); err != nil {
		return err
	}
	if faults != nil {
		return fault.Fields(faults...)
	}
	return nil
}

// checkEndpoint finds the faults of what a webhook carries.
func (s *Service) checkEndpoint(ctx context.Context, in *Input, creating bool, add func(location, message string, value any)) error {
	if len(in.EventTypes) == 0 {
		in.EventTypes = []string{"*"}
	}
	endpoint := webhook.Input{URL: in.URL, EventTypes: in.EventTypes}
	err := s.webhooks.Check(ctx, &endpoint)
	if err != nil && !fault.Is(err, fault.Invalid) {
		return err
	}
	for _, f := range fault.FieldsOf(err) {
		add(strings.TrimPrefix(f.Location, "body."), f.Message, f.Value)
	}
	in.URL, in.EventTypes = endpoint.URL, endpoint.EventTypes
	if in.Lane == Event {
		in.URL = strings.TrimSuffix(strings.TrimSuffix(in.URL, "/"), "/api")
		if strings.Contains(in.URL, "/api/webhook/") || strings.ContainsAny(in.URL, "?#") {
			add("url", "must be where Home Assistant is, such as https://ha.example.org:8123, for the lane event", nil)
		}
	}
	if problem := in.secretProblem(creating); problem != "" {
		add("secret", problem, nil)
	}
	if in.Username != "" {
		add("username", "is for the lane mqtt alone", nil)
	}
	if in.Prefix != "" {
		add("discovery_prefix", "is for the lane mqtt alone", nil)
	}
	return nil
}

func (in Input) secretProblem(creating bool) string {
	switch {
	case in.Secret == "" && in.Lane == Event && creating:
		return "is required for the lane event: a long-lived access token, made in Home Assistant under your profile, Security"
	case in.Secret == "":
		return ""
	case len(in.Secret) > longestSecret || strings.ContainsFunc(in.Secret, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "must be at most 1000 printable ASCII characters without spaces"
	case len(in.Secret) < shortestSecret:
		return "must have at least 16 characters; leave it out, and one is made"
	}
	return ""
}

// against refuses what would change a connection into another.
func (in Input) against(old Connection) error {
	if in.Lane != old.Lane {
		return fault.Fields(fault.Field{
			Location: "body.lane", Value: fault.Echo(string(in.Lane)),
			Message: "cannot be changed from " + string(old.Lane) + ": delete the connection and make another",
		})
	}
	if in.Secret == "" && origin(in.URL) != origin(old.URL) && (in.Lane != MQTT || old.password != "" && in.Username != "") {
		return fault.Fields(fault.Field{Location: "body.secret", Message: "is required with another host: the stored one was given for " + origin(old.URL)})
	}
	return nil
}

// origin is an address without its path, which may be a secret.
func origin(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Scheme + "://" + u.Host)
}

// endpoint is the webhook that carries the connection's events.
func (in Input) endpoint() webhook.Connection {
	c := webhook.Connection{
		Kind: webhook.HomeAssistant, URL: in.URL, EventTypes: in.EventTypes, Description: in.Name, Header: SecretHeader, Value: in.Secret,
	}
	if in.Lane == Event {
		c.URL += eventPath
		c.Header = "Authorization"
		if in.Secret != "" {
			c.Value = "Bearer " + in.Secret
		}
	}
	return c
}
