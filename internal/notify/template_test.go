package notify

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"navidocs/internal/account"
	"navidocs/internal/fault"
)

// Every language says everything, with nothing that no event knows.
func TestEveryLanguageSaysEverything(t *testing.T) {
	t.Parallel()
	all, err := books()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for eventType := range kinds {
		names = append(names, templatesOf(eventType)...)
	}
	names = slices.Concat(names, slices.Collect(maps.Keys(letters)))
	for _, language := range Languages {
		b := all[language]
		for _, key := range []string{"greeting", "open", "why", "unsubscribe", "settings"} {
			if b.mail[key] == "" {
				t.Errorf("%s: no %s", language, key)
			}
		}
		if len(b.words) != len(names) {
			t.Errorf("%s: %d templates, want %d", language, len(b.words), len(names))
		}
		for _, name := range names {
			w := b.words[name]
			for _, f := range slices.Concat(checkTemplate(name, Email, w.title, w.text), checkTemplate(name, SMS, "", w.sms)) {
				if name != "digest" && !strings.HasPrefix(name, "phone.") {
					t.Errorf("%s: %s: %s %v %s", language, name, f.Location, f.Value, f.Message)
				}
			}
		}
	}
}

func TestWhatATemplateMayNotSay(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		subject, body string
		faults        int
	}{
		"good":             {"{{item_name}}", "{{ item_name }} ends {{expiration_date}}", 0},
		"unknown variable": {"{{item_name}}", "{{expiration_date}} {{price}}", 1},
		"needed missing":   {"Soon", "{{expiration_date}}", 1},
		"braces":           {"{{item_name}}", "{{expiration_date}} {{ item_name", 1},
		"a call":           {"{{item_name}}", "{{expiration_date}} {{printf \"x\"}}", 1},
		"empty":            {" ", "", 4},
	} {
		if got := checkTemplate("warranty.expired", Email, c.subject, c.body); len(got) != c.faults {
			t.Errorf("%s: %d faults, want %d: %v", name, len(got), c.faults, got)
		}
	}
	if got := checkTemplate("no.such", Email, "x", "y"); len(got) != 1 {
		t.Error(got)
	}
}

func TestAnOrganizationHasItsOwnWords(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		const id = "warranty.expiring.30:email:en"
		own := TemplateInput{Subject: "Ahoy {{recipient_name}}: {{item_name}}", Body: "{{item_name}}: <b>{{expiration_date}}</b>"}
		if _, err := b.SetTemplate(t.Context(), b.ada, b.org, id, TemplateInput{Subject: "{{x}}", Body: "y"}); !fault.Is(err, fault.Invalid) {
			t.Error(err)
		}
		bob := b.user("bob@example.org", b.org, account.Manager)
		if _, err := b.SetTemplate(t.Context(), bob, b.org, id, own); !fault.Is(err, fault.Forbidden) {
			t.Error(err)
		}
		if _, err := b.SetTemplate(t.Context(), b.ada, b.org, id, own); err != nil {
			t.Fatal(err)
		}
		b.expires("<Liferaft>", 30)
		b.run()
		m := b.mail.messages()[0]
		if !strings.HasSuffix(m.Title, "<Liferaft>") || !strings.Contains(m.HTML, "&lt;Liferaft&gt;: &lt;b&gt;31 May 2026") {
			t.Errorf("%s\n%s", m.Title, m.HTML)
		}
		p, err := b.PreviewTemplate(t.Context(), b.ada, b.org, id, TemplateInput{})
		if err != nil || !strings.Contains(p.Body, "[item_name]") {
			t.Error(p, err)
		}
		back, err := b.ResetTemplate(t.Context(), b.ada, b.org, id)
		if err != nil || back.OrgID != nil || back.Subject == own.Subject {
			t.Error(back, err)
		}
		if _, err := b.Template(t.Context(), b.ada, b.org, "no.such"); !fault.Is(err, fault.NotFound) {
			t.Error(err)
		}
	})
}

// The templates of a release are rows, and a start writes only what changed.
func TestSeeding(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		for range 2 {
			if err := b.Seed(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		stored, err := b.stored(t.Context(), b.db, "org_id IS NULL")
		if err != nil {
			t.Fatal(err)
		}
		all, err := standard()
		if len(stored) != len(all) || err != nil {
			t.Error(len(stored), len(all), err)
		}
	})
}

func TestDatesAreWrittenAsPeopleDo(t *testing.T) {
	t.Parallel()
	for language, want := range map[string]string{"en": "5 March 2026", "de": "5. März 2026", "fr": "5 mars 2026", "it": "5 marzo 2026", "es": "5 de marzo de 2026", "nl": "5 March 2026"} {
		if got := localized(map[string]string{"d": "2026-03-05", "x": "12"}, language); got["d"] != want || got["x"] != "12" {
			t.Error(language, got)
		}
	}
}
