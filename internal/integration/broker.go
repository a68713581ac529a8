package integration

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/vault"
	"navidocs/internal/webhook"
)

// passwordPurpose is what the passwords of brokers are sealed for.
const passwordPurpose = "mqtt password"

// defaultPrefix is Home Assistant's own.
const defaultPrefix = "homeassistant"

// MaxBrokers is how many brokers an organization may have: each is a connection
// that stays open.
const MaxBrokers = 5

// hasRoom refuses one broker too many; webhooks count by themselves.
func hasRoom(ctx context.Context, tx *db.Tx, c Connection) error {
	if c.Lane != MQTT {
		return nil
	}
	n, err := db.One(ctx, tx, db.Scalar[int], "SELECT count(*) FROM home_assistant_config c WHERE c.org_id = $1 AND c.lane = 'mqtt' AND "+current, c.OrgID)
	if err == nil && n >= MaxBrokers {
		err = fault.New(fault.Conflict, "an organization has at most %d MQTT brokers: delete one first", MaxBrokers)
	}
	return err
}

// Vaults are where the package's sealed values lie.
func Vaults() []vault.Column {
	return []vault.Column{
		{Kind: "passwords of MQTT brokers", Table: "home_assistant_config", Key: []string{"id"}, Column: "password_sealed", Purpose: passwordPurpose},
	}
}

// broker is what the lane mqtt has; empty for the others.
func (c Connection) broker() Broker {
	if c.Broker == nil {
		return Broker{}
	}
	return *c.Broker
}

// showBroker fills in what a webhook tells of the other lanes. What a process
// that ended left behind in the row says nothing.
func (c *Connection) showBroker(now time.Time) {
	c.EventTypes, c.Status = []string{}, webhook.Active
	if c.Broker.Connected = c.Broker.ConnectedSince != nil && now.Before(c.Broker.heldUntil); !c.Broker.Connected {
		c.Broker.ConnectedSince = nil
	}
}

// prefixForm is a topic of one or more levels, without wildcards.
var prefixForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,60}(/[A-Za-z0-9_-]{1,60}){0,3}$`)

// checkBroker finds the faults of what the lane mqtt is given.
func (s *Service) checkBroker(ctx context.Context, in *Input, add func(location, message string, value any)) {
	u, err := s.client.Broker(in.URL)
	if err == nil {
		in.URL = u.String()
		err = s.client.CheckBroker(ctx, u)
	}
	if err != nil {
		add("url", fault.Message(err), nil)
	}
	if in.Prefix = strings.Trim(in.Prefix, "/"); in.Prefix == "" {
		in.Prefix = defaultPrefix
	}
	if !prefixForm.MatchString(in.Prefix) {
		add("discovery_prefix", "must be letters, digits, _ and -, with / between levels, such as homeassistant", fault.Echo(in.Prefix))
	}
	if len(in.EventTypes) > 0 {
		add("event_types", "are not chosen for the lane mqtt: each device tells of document.uploaded, warranty.expiring, maintenance.due and sale.transferred", nil)
	}
	if problem := textProblem(in.Username, 200); problem != "" {
		add("username", problem, nil)
	}
	if problem := textProblem(in.Secret, longestSecret); problem != "" {
		add("secret", problem, nil)
	} else if in.Secret != "" && in.Username == "" {
		add("username", "is required with a password (secret)", nil)
	}
}

func textProblem(s string, longest int) string {
	if utf8.RuneCountInString(s) > longest || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return fmt.Sprintf("must be text of at most %d characters", longest)
	}
	return ""
}

// setBroker puts what was given into a connection; without a password the one
// before stays, as long as there is a user name.
func (s *Service) setBroker(c *Connection, in Input) (err error) {
	b := c.broker()
	b.Username, b.DiscoveryPrefix = in.Username, in.Prefix
	c.Broker = &b
	if c.key == "" {
		c.key = string(c.ID)
	}
	switch {
	case in.Username == "":
		c.password = ""
	case in.Secret != "":
		c.password, err = s.accounts.Keys().Seal(passwordPurpose, []byte(in.Secret))
	}
	c.showBroker(s.db.Now())
	return err
}

// unsealed is the password of a connection, "" when it has none.
func (s *Service) unsealed(c Connection) (string, error) {
	if c.password == "" {
		return "", nil
	}
	plain, err := s.accounts.Keys().Unseal(passwordPurpose, c.password)
	return string(plain), err
}

// leave has the devices taken off a broker, or from below a prefix, at which a
// connection is no more: what it was stays behind as one that was deleted.
func leave(ctx context.Context, tx *db.Tx, before, now Connection) error {
	if before.Lane != MQTT || before.URL == now.URL && before.Broker.DiscoveryPrefix == now.Broker.DiscoveryPrefix {
		return nil
	}
	before.ID, before.CreatedAt = ID(db.NewID()), tx.Now()
	if err := insert(ctx, tx, before); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, "UPDATE home_assistant_config SET ended_at = $1 WHERE id = $2", db.Micros(tx.Now()), before.ID)
	return err
}
