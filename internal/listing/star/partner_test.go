package star_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"navidocs/internal/egress"
	"navidocs/internal/fault"
	"navidocs/internal/listing"
	"navidocs/internal/listing/listingtest"
	"navidocs/internal/listing/star"
)

func clock() time.Time { return time.Date(2026, 1, 31, 3, 0, 0, 0, time.UTC) }

func partner(t testing.TB, p *listingtest.Partner, s star.Settings) *star.Partner {
	t.Helper()
	s.URL = p.URL + "/feed"
	if s.Token == "" && s.User == "" {
		s.User, s.Password = listingtest.User, listingtest.Password
	}
	v, err := star.NewPartner(p.Client(), s, clock)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestABoatGoesToThePartnerAndAway(t *testing.T) {
	t.Parallel()
	p := listingtest.NewPartner(t)
	v := partner(t, p, star.Settings{})
	ctx, a := t.Context(), listingtest.Full()
	if err := v.Validate(ctx); err != nil {
		t.Fatal(err)
	}
	reference, err := v.Create(ctx, a)
	if err != nil || reference != "P-ND-000123" || p.Boats()[reference].Boat.Name != "Calypso" {
		t.Fatal(reference, err, p.Boats())
	}
	a.Price.Minor, a.Status = 100_00, listing.Sold
	if err := v.Update(ctx, reference, a); err != nil {
		t.Fatal(err)
	}
	if got := p.Boats()[reference]; got.Price.Minor != 100_00 || got.Status != listing.Sold {
		t.Errorf("%+v", got)
	}
	messages := p.Messages()
	for i, want := range []string{`<Process action="Add">`, `<Process action="Add">`, `<Process action="Change">`} {
		if !strings.Contains(messages[i], want) || !strings.Contains(messages[i], "<BODID>") {
			t.Error(want, messages[i])
		}
	}
	if !strings.Contains(messages[2], "<VehicleStockString>ND-000123</VehicleStockString>") {
		t.Error("our reference is not in a change")
	}
	for range 2 { // that it is not there any more is no error
		if err := v.Delete(ctx, reference); err != nil || len(p.Boats()) != 0 {
			t.Error(err, p.Boats())
		}
	}
	if err := v.Update(ctx, reference, a); !fault.Is(err, fault.NotFound) {
		t.Error(err)
	}
	if err := v.Attach(ctx, reference, listing.Paper{}); !fault.Is(err, fault.Unsupported) {
		t.Error(err)
	}
}

// When the answer is lost, what is sent again can be known as the same.
func TestARepeatedMessageHasTheSameBODID(t *testing.T) {
	t.Parallel()
	p := listingtest.NewPartner(t)
	v := partner(t, p, star.Settings{Token: listingtest.Token})
	a := listingtest.Full()
	for range 2 {
		if _, err := v.Create(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	a.Price.Minor++
	if _, err := v.Create(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	m := p.Messages()
	if m[0] != m[1] {
		t.Error("it differs")
	}
	id := func(s string) string { return s[strings.Index(s, "<BODID>"):strings.Index(s, "</BODID>")] }
	if id(m[1]) == id(m[2]) {
		t.Error("another message has the same")
	}
}

func TestHowAPartnerFails(t *testing.T) {
	t.Parallel()
	want := map[string]fault.Kind{
		"401": fault.Unauthenticated, "403": fault.Unauthenticated, "429": fault.RateLimited, "500": fault.Unavailable, "HTML": fault.Unavailable,
		"half a body": fault.Unavailable, "never answers": fault.Unavailable,
	}
	p := listingtest.NewPartner(t)
	for _, s := range []star.Settings{{Token: listingtest.Token}, {User: listingtest.User, Password: listingtest.Password}} {
		v := partner(t, p, s)
		for name, f := range listingtest.Faults() {
			p.Fail(f)
			for call, err := range calls(t, v) {
				if !fault.Is(err, want[name]) {
					t.Errorf("%s, %s: %v, want %v", name, call, err, want[name])
				}
				noSecrets(t, err)
				if f == listingtest.Busy && wait(err) != 120 {
					t.Errorf("%s: it is not said how long to wait: %v", call, err)
				}
			}
		}
		p.Fail(listingtest.Refuses)
		for call, err := range calls(t, v) {
			if call == "validate" {
				if err != nil {
					t.Error("a message without a boat may be refused:", err)
				}
				continue
			}
			noSecrets(t, err)
			if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "the price is missing") {
				t.Error(call, err)
			}
		}
	}
}

func calls(t *testing.T, v *star.Partner) map[string]error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	call := func(do func(context.Context) error) error { return do(ctx) }
	_, created := v.Create(ctx, listingtest.Full())
	ctx, again := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer again()
	return map[string]error{
		"create":   created,
		"validate": call(v.Validate),
		"update":   call(func(ctx context.Context) error { return v.Update(ctx, "P-1", listingtest.Full()) }),
		"delete":   call(func(ctx context.Context) error { return v.Delete(ctx, "P-1") }),
	}
}

func wait(err error) any {
	for e := err; e != nil; {
		if f, ok := e.(*fault.Error); ok {
			return f.Details["retry_after"]
		}
		u, ok := e.(interface{ Unwrap() error })
		if !ok {
			return nil
		}
		e = u.Unwrap()
	}
	return nil
}

// noSecrets looks at all of an error, also at what only the log sees.
func noSecrets(t *testing.T, err error) {
	t.Helper()
	for _, secret := range []string{listingtest.Password, listingtest.Token, "bmF2aWRvY3M6"} {
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Error("a secret is in the error:", err)
		}
	}
}

func TestWrongCredentialsAndAddresses(t *testing.T) {
	t.Parallel()
	p := listingtest.NewPartner(t)
	for _, s := range []star.Settings{{Token: "wrong"}, {User: listingtest.User, Password: "wrong"}} {
		if err := partner(t, p, s).Validate(t.Context()); !fault.Is(err, fault.Unauthenticated) {
			t.Error(err)
		}
	}
	missing := http.NotFoundHandler()
	if err := partner(t, p, star.Settings{}).Validate(t.Context()); err != nil {
		t.Error(err)
	}
	v, err := star.NewPartner(handled{missing}, star.Settings{URL: "https://partner.example", Token: "x"}, clock)
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Validate(t.Context()); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "404") {
		t.Error(err)
	}
	for want, s := range map[string]star.Settings{
		"url: must be a URL":         {URL: "partner.example", Token: "x"},
		"must not hold credentials":  {URL: "https://a:b@partner.example", Token: "x"},
		"give a token, or a user":    {URL: "https://partner.example", User: "x"},
		"url: must be a URL: write ": {URL: "ftp://partner.example", Token: "x"},
	} {
		if _, err := star.NewPartner(nil, s, clock); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), want) {
			t.Error(want, err)
		}
	}
	draft := listingtest.Full()
	draft.Status = listing.Draft
	if _, err := v.Create(t.Context(), draft); !fault.Is(err, fault.Invalid) {
		t.Error(err)
	}
}

func TestTheReferenceMayBeInTheLocation(t *testing.T) {
	t.Parallel()
	for location, want := range map[string]string{"/boats/77": "77", "https://p.example/b/78/": "78", "": "ND-000123", "/": "ND-000123"} {
		v, err := star.NewPartner(handled{http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", location)
			w.WriteHeader(http.StatusCreated)
		})}, star.Settings{URL: "https://partner.example", Token: "x"}, clock)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := v.Create(t.Context(), listingtest.Full()); got != want || err != nil {
			t.Errorf("%q: %q %v", location, got, err)
		}
	}
}

// Plain HTTP goes to nobody but whom the operator listed.
func TestPlainHTTPIsForTheListed(t *testing.T) {
	t.Parallel()
	p := listingtest.NewPlainPartner(t)
	for allow, kind := range map[string]fault.Kind{"": fault.Invalid, "127.0.0.1": -1} {
		var o egress.Options
		if allow != "" {
			o.Allow = []string{allow}
		}
		client, err := egress.New(o)
		if err != nil {
			t.Fatal(err)
		}
		v, err := star.NewPartner(client, star.Settings{URL: p.URL, Token: listingtest.Token}, clock)
		if err != nil {
			t.Fatal(err)
		}
		if err := v.Validate(t.Context()); kind < 0 && err != nil || kind >= 0 && !fault.Is(err, kind) {
			t.Errorf("%q: %v", allow, err)
		}
	}
}
