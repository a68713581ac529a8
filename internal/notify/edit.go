package notify

import (
	"context"
	"maps"
	"slices"
	"strings"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// Template is what is said of one kind of event by one channel in one language.
type Template struct {
	ID        string  `json:"id"`
	OrgID     *string `json:"organization_id" doc:"null for the one that came with NaviDocs"`
	EventType string  `json:"event_type"`
	Channel   Channel `json:"channel" enum:"in_app,email,sms,push,ntfy"`
	Language  string  `json:"language" enum:"en,fr,de,it,es"`
	Subject   string  `json:"subject" doc:"not for text messages"`
	Body      string  `json:"body"`
	// Variables may stand in it as {{name}}; Needed ones have to.
	Variables []string `json:"variables"`
	Needed    []string `json:"needed_variables"`
}

// TemplateInput replaces a template's words.
type TemplateInput struct {
	Subject string `json:"subject,omitempty" maxLength:"200"`
	Body    string `json:"body" maxLength:"4000"`
}

// Preview is a template filled in with the data of a real event, or with made
// up ones where none has happened.
type Preview struct {
	Subject string `json:"subject"`
	Body    string `json:"body"`
	// EventID is the event that it was filled in with; "" for none.
	EventID string `json:"event_id"`
}

// TemplateFilter narrows a list of templates.
type TemplateFilter struct {
	EventType string
	Channel   Channel
	Language  string
}

// standard are the templates that came with NaviDocs. Letters with secrets are
// not for organizations to change.
func standard() ([]Template, error) {
	out := []Template{}
	for _, eventType := range slices.Sorted(maps.Keys(kinds)) {
		for _, name := range templatesOf(eventType) {
			for _, language := range Languages {
				b, err := bookIn(language)
				if err != nil {
					return nil, err
				}
				for _, c := range allChannels {
					out = append(out, describe(Template{EventType: name, Channel: c, Language: language, Subject: b.words[name].title, Body: bodyOf(b.words[name], c)}))
				}
			}
		}
	}
	return out, nil
}

func bodyOf(w words, c Channel) string {
	if c == SMS {
		return w.sms
	}
	return w.text
}

// describe gives a template its name and variables. The name says all, so that
// a standard one and an organization's have the same.
func describe(t Template) Template {
	k, _ := kindOf(t.EventType)
	t.ID = t.EventType + ":" + string(t.Channel) + ":" + t.Language
	if t.Channel == SMS {
		t.Subject = ""
	}
	t.Variables = k.variables()
	t.Needed = append([]string{}, k.needs...)
	return t
}

// Seed writes the templates that came with this release into the database, where
// the operator can read them with SQL; organizations' own are left alone.
func (s *Service) Seed(ctx context.Context) (err error) {
	defer fault.Wrap(&err, "notify.Seed")
	all, err := standard()
	if err != nil {
		return err
	}
	known, err := s.stored(ctx, s.db, "org_id IS NULL")
	if err != nil {
		return err
	}
	at := map[string]Template{}
	for _, t := range known {
		at[t.ID] = t
	}
	var changed []Template
	for _, t := range all {
		if old := at[t.ID]; old.ID == "" || old.Body != t.Body || old.Subject != t.Subject {
			changed = append(changed, t)
		}
	}
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		for part := range slices.Chunk(changed, 100) {
			if err := putAll(ctx, tx, part); err != nil {
				return err
			}
		}
		return nil
	})
}

// putAll writes standard templates, many in one statement: a start is not to
// wait for hundreds.
func putAll(ctx context.Context, tx *db.Tx, all []Template) error {
	var w db.Where // for its numbered arguments
	rows := make([]string, len(all))
	for i, t := range all {
		rows[i] = "(" + strings.Join([]string{
			w.Arg(t.ID), "NULL", w.Arg(t.EventType), w.Arg(t.Channel), w.Arg(t.Language), w.Arg(db.Text(t.Subject)), w.Arg(db.Text(t.Body)), w.Arg(db.Micros(tx.Now())),
		}, ", ") + ")"
	}
	_, err := tx.Exec(ctx, "INSERT INTO notification_templates (id, org_id, event_type, channel, language, subject, body, updated_at) VALUES "+strings.Join(rows, ", ")+
		" ON CONFLICT (id) DO UPDATE SET subject = excluded.subject, body = excluded.body, updated_at = excluded.updated_at", w.Args()...)
	return err
}

func put(ctx context.Context, tx *db.Tx, id string, t Template) error {
	_, err := tx.Exec(ctx, `INSERT INTO notification_templates (id, org_id, event_type, channel, language, subject, body, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (id) DO UPDATE SET subject = $6, body = $7, updated_at = $8`,
		id, t.OrgID, t.EventType, t.Channel, t.Language, db.Text(t.Subject), db.Text(t.Body), db.Micros(tx.Now()))
	return err
}

func (s *Service) stored(ctx context.Context, q db.Querier, where string, args ...any) ([]Template, error) {
	return db.Collect(ctx, q, func(r db.Row) (t Template, err error) {
		err = r.Scan(&t.OrgID, &t.EventType, &t.Channel, &t.Language, &t.Subject, &t.Body)
		return describe(t), err
	}, "SELECT org_id, event_type, channel, language, subject, body FROM notification_templates WHERE "+where+" ORDER BY event_type, channel, language", args...)
}

// Templates lists what an organization's people are told: its own words, or
// those that came with NaviDocs.
func (s *Service) Templates(ctx context.Context, who account.Actor, org account.OrgID, f TemplateFilter) (out []Template, err error) {
	defer fault.Wrap(&err, "notify.Templates")
	if err := who.Require(org, account.Manager, "organization"); err != nil {
		return nil, err
	}
	all, err := standard()
	if err != nil {
		return nil, err
	}
	own, err := s.stored(ctx, s.db, "org_id = $1", org)
	if err != nil {
		return nil, err
	}
	for _, t := range all {
		if i := slices.IndexFunc(own, func(o Template) bool { return o.ID == t.ID }); i >= 0 {
			t = own[i]
		}
		if f.takes(t) {
			out = append(out, t)
		}
	}
	return out, nil
}

func (f TemplateFilter) takes(t Template) bool {
	return (f.EventType == "" || t.EventType == f.EventType || strings.HasPrefix(t.EventType, f.EventType+".")) &&
		(f.Channel == "" || t.Channel == f.Channel) && (f.Language == "" || t.Language == f.Language)
}

// Template is one of them, by its name.
func (s *Service) Template(ctx context.Context, who account.Actor, org account.OrgID, id string) (t Template, err error) {
	defer fault.Wrap(&err, "notify.Template %s", id)
	all, err := s.Templates(ctx, who, org, TemplateFilter{})
	if err != nil {
		return t, err
	}
	i := slices.IndexFunc(all, func(t Template) bool { return t.ID == id })
	if i < 0 {
		return t, fault.New(fault.NotFound, "template not found: GET /api/notification-templates lists them")
	}
	return all[i], nil
}

// SetTemplate puts an organization's words in the place of the standard ones.
func (s *Service) SetTemplate(ctx context.Context, who account.Actor, org account.OrgID, id string, in TemplateInput) (t Template, err error) {
	defer fault.Wrap(&err, "notify.SetTemplate %s", id)
	if t, err = s.Template(ctx, who, org, id); err != nil {
		return t, err
	}
	if err := who.Require(org, account.Admin, "organization"); err != nil {
		return t, err
	}
	if faults := checkTemplate(t.EventType, t.Channel, in.Subject, in.Body); len(faults) > 0 {
		return t, fault.Fields(faults...)
	}
	t.Subject, t.Body, t.OrgID = in.Subject, in.Body, new(string(org))
	return describe(t), s.db.Transact(ctx, func(tx *db.Tx) error {
		if err := put(ctx, tx, string(org)+":"+t.ID, t); err != nil {
			return err
		}
		return s.accounts.Audit(ctx, tx, who, account.Entry{OrgID: org, Action: "notification_template.updated", Kind: "notification_template", SubjectID: t.ID})
	})
}

// ResetTemplate goes back to the standard words.
func (s *Service) ResetTemplate(ctx context.Context, who account.Actor, org account.OrgID, id string) (t Template, err error) {
	defer fault.Wrap(&err, "notify.ResetTemplate %s", id)
	if err := who.Require(org, account.Admin, "organization"); err != nil {
		return t, err
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, "DELETE FROM notification_templates WHERE id = $1 AND org_id = $2", string(org)+":"+id, org)
		if err != nil || n == 0 {
			return err
		}
		return s.accounts.Audit(ctx, tx, who, account.Entry{OrgID: org, Action: "notification_template.reset", Kind: "notification_template", SubjectID: id})
	})
	if err != nil {
		return t, err
	}
	return s.Template(ctx, who, org, id)
}

// PreviewTemplate fills words in with the organization's newest event of the
// kind, as the actor would read them. Nothing is kept or sent.
func (s *Service) PreviewTemplate(ctx context.Context, who account.Actor, org account.OrgID, id string, in TemplateInput) (p Preview, err error) {
	defer fault.Wrap(&err, "notify.PreviewTemplate %s", id)
	t, err := s.Template(ctx, who, org, id)
	if err != nil {
		return p, err
	}
	if in.Body != "" {
		t.Subject, t.Body = in.Subject, in.Body
	}
	if faults := checkTemplate(t.EventType, t.Channel, t.Subject, t.Body); len(faults) > 0 {
		return p, fault.Fields(faults...)
	}
	values, eventID, err := s.example(ctx, org, t)
	if err != nil {
		return p, err
	}
	if values["recipient_name"] = who.Name; who.Name == "" {
		values["recipient_name"] = who.Email
	}
	values = localized(values, t.Language)
	return Preview{Subject: joined(fill(t.Subject, values)), Body: fill(t.Body, values), EventID: eventID}, nil
}

// example is the data of the newest event of a template's kind; what it lacks
// shows its own name.
func (s *Service) example(ctx context.Context, org account.OrgID, t Template) (values map[string]string, eventID string, err error) {
	values = map[string]string{}
	for _, name := range t.Variables {
		values[name] = "[" + name + "]"
	}
	for eventType, k := range kinds {
		if !slices.Contains(templatesOf(eventType), t.EventType) {
			continue
		}
		e, err := s.events.Newest(ctx, s.db, string(org), eventType)
		if fault.Is(err, fault.NotFound) {
			break
		}
		if err != nil {
			return nil, "", err
		}
		real, err := k.values(e)
		if err != nil {
			return nil, "", err
		}
		maps.Copy(values, real)
		o := occasion{event: e, kind: k, values: real}
		o.subject, o.due = k.subjectOf(e, real)
		values["action_url"], eventID = s.pageOf(o), e.ID
	}
	o, err := s.organization(ctx, s.db, new(string(org)))
	values["organization_name"] = o.name
	return values, eventID, err
}

// wordsOf are an organization's words, or those that came with NaviDocs.
func (s *Service) wordsOf(ctx context.Context, q db.Querier, org *string, template string, channel Channel, language string) (w words, err error) {
	b, err := bookIn(language)
	if err != nil {
		return w, err
	}
	w = b.words[template]
	if org == nil {
		return w, nil
	}
	if months[language] == nil {
		language = Languages[0]
	}
	own, err := s.stored(ctx, q, "id = $1", *org+":"+template+":"+string(channel)+":"+language)
	if err != nil || len(own) == 0 {
		return w, err
	}
	return words{title: own[0].Subject, text: own[0].Body, sms: own[0].Body}, nil
}
