package notify

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"maps"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// Wishes are what a person chooses.
type Wishes struct {
	TimeZone string `json:"time_zone,omitempty" doc:"IANA name; absent for that of the organization" example:"Europe/Lisbon"`
	// Between QuietFrom and QuietTo, which may span midnight, only what is urgent
	// is sent.
	QuietFrom string   `json:"quiet_from,omitempty" pattern:"^([01][0-9]|2[0-3]):[0-5][0-9]$" doc:"begin of the quiet hours, in which only urgent messages come; absent for none" example:"22:00"`
	QuietTo   string   `json:"quiet_to,omitempty" pattern:"^([01][0-9]|2[0-3]):[0-5][0-9]$" example:"07:00"`
	Digest    Digest   `json:"digest,omitempty" enum:"off,daily,weekly" default:"off" doc:"what is not urgent comes as one message, at 08:00"`
	Ntfy      string   `json:"ntfy_topic,omitempty" doc:"topic on the server's ntfy, or the address of one"`
	Events    []Choice `json:"events,omitempty" doc:"what is not given stays as it is"`
}

// Preferences are what a person wants to be told, how and when.
type Preferences struct {
	Wishes

	Phone string     `json:"phone" doc:"confirmed number for text messages; \"\" for none"`
	Email EmailState `json:"email"`
	// Channels are those of this server.
	Channels []Channel `json:"channels"`
	VAPIDKey string    `json:"vapid_public_key" doc:"for PushManager.subscribe"`
}

// EmailState says whether mail reaches the person.
type EmailState struct {
	Address  string `json:"address"`
	Verified bool   `json:"verified"`
	// Stopped is why no mail goes there any more, "" while it does.
	Stopped string `json:"stopped"`
}

// Choice is by what a person is told of one kind of event.
type Choice struct {
	EventType string    `json:"event_type"`
	Channels  []Channel `json:"channels"`
}

// Preferences reads the actor's own.
func (s *Service) Preferences(ctx context.Context, who account.Actor) (p Preferences, err error) {
	defer fault.Wrap(&err, "notify.Preferences")
	return s.preferences(ctx, s.db, who)
}

func (s *Service) preferences(ctx context.Context, q db.Querier, who account.Actor) (p Preferences, err error) {
	x, found, err := s.person(ctx, q, who.UserID)
	if err != nil || !found {
		return p, err
	}
	p = Preferences{
		Wishes:   Wishes{TimeZone: x.zone, QuietFrom: x.quietFrom, QuietTo: x.quietTo, Digest: x.digest, Ntfy: x.ntfy},
		Channels: s.channelsOf(), VAPIDKey: s.config.VAPIDKey, Email: EmailState{Address: x.email, Verified: x.verified},
	}
	if x.phoneConfirmed {
		p.Phone = x.phone
	}
	if x.suppressed {
		p.Email.Stopped, err = db.One(ctx, q, db.Scalar[string], "SELECT reason FROM mail_suppressions WHERE address = $1", x.email)
	}
	for _, eventType := range slices.Sorted(maps.Keys(kinds)) {
		p.Events = append(p.Events, Choice{eventType, x.chosen(eventType)})
	}
	return p, err
}

// channelsOf are the channels that this server can use.
func (s *Service) channelsOf() (out []Channel) {
	for _, c := range allChannels {
		if c == InApp || s.senders[c] != nil {
			out = append(out, c)
		}
	}
	return out
}

// chosen is what a person wants, whether or not it reaches them today.
func (p person) chosen(eventType string) []Channel {
	out := []Channel{}
	for _, c := range allChannels {
		wanted, ok := p.choices[choice{eventType, c}]
		if wanted || (!ok && slices.Contains(kinds[eventType].channels, c)) {
			out = append(out, c)
		}
	}
	return out
}

// SetPreferences replaces the actor's own; events that are not given stay.
func (s *Service) SetPreferences(ctx context.Context, who account.Actor, w Wishes) (p Preferences, err error) {
	defer fault.Wrap(&err, "notify.SetPreferences")
	if faults := checkWishes(w); len(faults) > 0 {
		return p, fault.Fields(faults...)
	}
	if w.Digest == "" {
		w.Digest = Off
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO notification_preferences (user_id, time_zone, quiet_from, quiet_to, digest, ntfy, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (user_id) DO UPDATE SET time_zone = $2, quiet_from = $3, quiet_to = $4, digest = $5, ntfy = $6, updated_at = $7`,
			who.UserID, w.TimeZone, w.QuietFrom, w.QuietTo, w.Digest, w.Ntfy, db.Micros(tx.Now()))
		if err != nil {
			return err
		}
		for _, c := range w.Events {
			if err := s.choose(ctx, tx, who.UserID, c); err != nil {
				return err
			}
		}
		if p, err = s.preferences(ctx, tx, who); err != nil {
			return err
		}
		return s.audit(ctx, tx, who, "notification_preferences.updated")
	})
	return p, err
}

// audit says that a person changed how they are told: whoever reads mail for
// another would begin there.
func (s *Service) audit(ctx context.Context, tx *db.Tx, who account.Actor, action string) error {
	return s.accounts.Audit(ctx, tx, who, account.Entry{Action: action, Kind: "user", SubjectID: string(who.UserID)})
}

// choose keeps a choice for every channel, so that a channel that comes later
// keeps its own default.
func (s *Service) choose(ctx context.Context, tx *db.Tx, user account.UserID, c Choice) error {
	for _, channel := range allChannels {
		if err := s.want(ctx, tx, user, c.EventType, channel, slices.Contains(c.Channels, channel)); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) want(ctx context.Context, tx *db.Tx, user account.UserID, eventType string, channel Channel, wanted bool) error {
	_, err := tx.Exec(ctx, `INSERT INTO notification_choices (user_id, event_type, channel, wanted) VALUES ($1, $2, $3, $4)
		ON CONFLICT (user_id, event_type, channel) DO UPDATE SET wanted = $4`, user, eventType, channel, wanted)
	return err
}

var ntfyTopic = regexp.MustCompile(`^([-_A-Za-z0-9]{1,64}|https?://[^\s]{1,200})$`)

func checkWishes(p Wishes) (faults []fault.Field) {
	add := func(location, message string, value any) {
		faults = append(faults, fault.Field{Location: "body." + location, Message: message, Value: value})
	}
	if _, err := time.LoadLocation(p.TimeZone); err != nil || p.TimeZone == "Local" {
		add("time_zone", "must be an IANA time zone, like Europe/Lisbon", fault.Echo(p.TimeZone))
	}
	if (p.QuietFrom == "") != (p.QuietTo == "") {
		add("quiet_to", "quiet hours have a begin and an end: give both, or neither", nil)
	}
	if p.Ntfy != "" && !ntfyTopic.MatchString(p.Ntfy) {
		add("ntfy_topic", "must be a topic (letters, digits, - and _) or an address", fault.Echo(p.Ntfy))
	}
	for i, c := range p.Events {
		if _, ok := kinds[c.EventType]; !ok {
			add(fmt.Sprintf("events[%d].event_type", i), "must be one of "+strings.Join(slices.Sorted(maps.Keys(kinds)), ", "), fault.Echo(c.EventType))
		}
		for _, channel := range c.Channels {
			if !slices.Contains(allChannels, channel) {
				add(fmt.Sprintf("events[%d].channels", i), "must be in_app, email, sms, push or ntfy", fault.Echo(string(channel)))
			}
		}
	}
	return faults
}

// A code that confirms a telephone number is good for ten minutes and five tries.
const (
	codeLives = 10 * time.Minute
	codeTries = 5
)

var e164 = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

// SetPhone takes a number for text messages and sends a code to it, which
// ConfirmPhone asks for: nobody gets text messages that they did not ask for.
func (s *Service) SetPhone(ctx context.Context, who account.Actor, number string) (err error) {
	defer fault.Wrap(&err, "notify.SetPhone")
	number = strings.NewReplacer(" ", "", "-", "", "(", "", ")", "").Replace(number)
	if !e164.MatchString(number) {
		return fault.Fields(fault.Field{Location: "body.phone", Message: "must be a number with its country code, like +351912345678", Value: fault.Echo(number)})
	}
	sender, ok := s.senders[SMS]
	if !ok {
		return fault.New(fault.Conflict, "text messages are not set up on this server: the operator sets TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN and TWILIO_FROM")
	}
	code, err := newCode()
	if err != nil {
		return err
	}
	if err := s.keepCode(ctx, who, number, code); err != nil {
		return err
	}
	language, err := db.One(ctx, s.db, db.Scalar[string], "SELECT language FROM users WHERE id = $1", who.UserID)
	if err != nil {
		return err
	}
	b, err := bookIn(language)
	if err != nil {
		return err
	}
	text := fill(b.words["phone.code"].sms, map[string]string{"code": code})
	r := sender.Send(ctx, Message{ID: db.NewID(), To: number, Text: strings.TrimSpace(text)})
	if r.Outcome == Refused || r.Outcome == Gone {
		return fault.New(fault.Invalid, "the code could not be sent to %s: %s", number, r.Reason)
	}
	return nil
}

// newCode is six digits.
func newCode() (string, error) {
	n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%06d", n), nil
}

func (s *Service) keepCode(ctx context.Context, who account.Actor, number, code string) error {
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		recent, err := db.Collect(ctx, tx, db.Scalar[int64], "SELECT phone_code_until FROM notification_preferences WHERE user_id = $1", who.UserID)
		if err != nil {
			return err
		}
		now := tx.Now()
		if len(recent) > 0 && db.Time(recent[0]).After(now.Add(codeLives-time.Minute)) {
			return fault.New(fault.RateLimited, "a code was sent less than a minute ago").With("retry_after", time.Minute)
		}
		_, err = tx.Exec(ctx, `INSERT INTO notification_preferences (user_id, phone, phone_confirmed, phone_code, phone_code_until, phone_code_tries, updated_at) VALUES ($1, $2, FALSE, $3, $4, 0, $5)
			ON CONFLICT (user_id) DO UPDATE SET phone = $2, phone_confirmed = FALSE, phone_code = $3, phone_code_until = $4, phone_code_tries = 0, updated_at = $5`,
			who.UserID, number, codeHash(who.UserID, code), db.Micros(now.Add(codeLives)), db.Micros(now))
		if err != nil {
			return err
		}
		return s.audit(ctx, tx, who, "phone.given")
	})
}

func codeHash(user account.UserID, code string) string {
	sum := sha256.Sum256([]byte(string(user) + "/" + code))
	return hex.EncodeToString(sum[:])
}

// ConfirmPhone confirms the number with the code that was sent to it.
func (s *Service) ConfirmPhone(ctx context.Context, who account.Actor, code string) (p Preferences, err error) {
	defer fault.Wrap(&err, "notify.ConfirmPhone")
	type pending struct {
		hash  string
		until int64
		tries int
	}
	wrong := false
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		known, err := db.Collect(ctx, tx, func(r db.Row) (x pending, err error) {
			err = r.Scan(&x.hash, &x.until, &x.tries)
			return x, err
		}, "SELECT phone_code, phone_code_until, phone_code_tries FROM notification_preferences WHERE user_id = $1", who.UserID)
		if err != nil {
			return err
		}
		if len(known) == 0 || known[0].hash == "" || known[0].tries >= codeTries || db.Time(known[0].until).Before(tx.Now()) {
			return fault.New(fault.Conflict, "no code is open, or it is too old or was tried %d times: ask for a new one", codeTries)
		}
		if wrong = subtle.ConstantTimeCompare([]byte(known[0].hash), []byte(codeHash(who.UserID, code))) == 0; wrong {
			_, err = tx.Exec(ctx, "UPDATE notification_preferences SET phone_code_tries = phone_code_tries + 1 WHERE user_id = $1", who.UserID)
			return err
		}
		if _, err = tx.Exec(ctx, "UPDATE notification_preferences SET phone_confirmed = TRUE, phone_code = '' WHERE user_id = $1", who.UserID); err != nil {
			return err
		}
		if p, err = s.preferences(ctx, tx, who); err != nil {
			return err
		}
		return s.audit(ctx, tx, who, "phone.confirmed")
	})
	if err == nil && wrong {
		err = fault.Fields(fault.Field{Location: "body.code", Message: "is not the code that was sent"})
	}
	return p, err
}

// ForgetPhone ends text messages.
func (s *Service) ForgetPhone(ctx context.Context, who account.Actor) (p Preferences, err error) {
	defer fault.Wrap(&err, "notify.ForgetPhone")
	err = s.db.Transact(ctx, func(tx *db.Tx) (err error) {
		if _, err = tx.Exec(ctx, "UPDATE notification_preferences SET phone = '', phone_confirmed = FALSE, phone_code = '' WHERE user_id = $1", who.UserID); err != nil {
			return err
		}
		if p, err = s.preferences(ctx, tx, who); err != nil {
			return err
		}
		return s.audit(ctx, tx, who, "phone.forgotten")
	})
	return p, err
}

// ResumeMail has mail sent to the actor's address again, from which it had come
// back. If it comes back once more, it stops once more.
func (s *Service) ResumeMail(ctx context.Context, who account.Actor) (p Preferences, err error) {
	defer fault.Wrap(&err, "notify.ResumeMail")
	err = s.db.Transact(ctx, func(tx *db.Tx) (err error) {
		if _, err = tx.Exec(ctx, "DELETE FROM mail_suppressions WHERE address IN (SELECT email FROM users WHERE id = $1)", who.UserID); err != nil {
			return err
		}
		if p, err = s.preferences(ctx, tx, who); err != nil {
			return err
		}
		return s.audit(ctx, tx, who, "mail.resumed")
	})
	return p, err
}
