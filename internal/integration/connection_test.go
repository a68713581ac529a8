package integration

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"navidocs/internal/account"
	"navidocs/internal/account/accounttest"
	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/testkit"
	"navidocs/internal/webhook"
)

func TestAProbeTellsWhatIsWrong(t *testing.T) {
	t.Parallel()
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	t.Cleanup(silent.Close)
	var lc net.ListenConfig
	closed, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	page := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(page.Close)
	each(t, func(t *testing.T, b *bench) {
		down := testkit.NewHomeAssistant(t, token)
		down.Fail(http.StatusBadGateway)
		for _, c := range []struct {
			name    string
			in      Input
			outcome Outcome
			says    string
		}{
			{"silence", Input{URL: silent.URL}, TimedOut, "there was no answer within 2s"},
			{"no such name", Input{URL: "https://nowhere.example/api/webhook/x"}, NoName, "the host's name does not exist (DNS)"},
			{"nothing listens", Input{URL: "http://" + closed.Addr().String()}, Refused, "the connection was refused"},
			{"a status", Input{URL: down.Hook(hook)}, Status, "the answer was 502 Bad Gateway"},
			{"a wrong token", Input{URL: b.home.URL, Lane: Event, Secret: "another-token-of-somebody"}, BadToken, "does not know this token (401)"},
			{"not a Home Assistant", Input{URL: page.URL, Lane: Event, Secret: token}, Foreign, "not the API of a Home Assistant"},
			{"a status of the API", Input{URL: down.URL, Lane: Event, Secret: token}, Status, "the answer was 502"},
		} {
			_, err := b.Create(t.Context(), b.ada, b.org, c.in)
			wantKind(t, err, fault.Invalid)
			refused, _ := errors.AsType[*fault.Error](err)
			if got, ok := refused.Details["probe"].(Probe); !ok || got.Outcome != c.outcome || !strings.Contains(refused.Message, c.says) {
				t.Errorf("%s: %+v", c.name, refused)
			}
		}
		if all, err := b.Connections(t.Context(), b.ada); err != nil || len(all) != 0 {
			t.Errorf("what did not answer was kept: %v, %v", all, err)
		}
		kept := b.connect(Input{URL: "https://nowhere.example/api/webhook/x", Unprobed: true})
		if kept.Probe.Outcome != Skipped {
			t.Errorf("%+v", kept.Probe)
		}
	})
}

func TestPrivateAddressesAreTheOperatorsToAllow(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		for _, address := range []string{"https://192.168.7.7/api/webhook/x", "https://private.example/api/webhook/x"} {
			_, err := b.Create(t.Context(), b.ada, b.org, Input{URL: address, Unprobed: true})
			wantKind(t, err, fault.Invalid)
		}
	})
}

func TestEveryFaultOfAnInputIsListed(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		_, err := b.Create(t.Context(), b.ada, b.org, Input{
			Name: strings.Repeat("n", 101), Lane: "pigeon", URL: "ftp://x", EventTypes: []string{"boat.sank"}, Secret: "short",
		})
		var at []string
		for _, f := range fault.FieldsOf(err) {
			at = append(at, f.Location)
		}
		if got := strings.Join(at, " "); got != "body.name body.lane body.url body.event_types body.secret" {
			t.Error(got)
		}
		for _, in := range []Input{
			{URL: b.home.URL, Lane: Event},                                              // no token
			{URL: b.home.Hook(hook), Lane: Event, Secret: token},                        // a webhook's address
			{URL: b.home.Hook(hook), Secret: "with a space in its middle"},              // no header may say it
			{URL: b.home.Hook(hook), Secret: "a-secret\r\nX-Injected: of more than 16"}, // nor this
			{URL: b.home.Hook(hook), Secret: strings.Repeat("x", 1001), Unprobed: true}, // too long
		} {
			_, err := b.Create(t.Context(), b.ada, b.org, in)
			wantKind(t, err, fault.Invalid)
		}
	})
}

// TestAnEventArrivesSigned: over both lanes, with the secret that each knows.
func TestAnEventArrivesSigned(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.run()
		byHook := b.connect(Input{URL: b.home.Hook(hook), EventTypes: []string{"boat.created"}})
		b.connect(Input{URL: b.home.URL + "/api/", Lane: Event, Secret: token})
		if byHook.Probe.Outcome != Present || len(b.home.Triggers()) != 0 {
			t.Fatalf("a probe runs no automation: %+v, %v", byHook.Probe, b.home.Triggers())
		}
		b.happens("boat.created")
		var got []testkit.Trigger
		testkit.Eventually(t, func() error {
			if got = b.home.Triggers(); len(got) < 2 {
				return fmt.Errorf("%d came", len(got))
			}
			return nil
		})
		for _, x := range got {
			if x.JSON["type"] != "boat.created" || x.Header.Get("Webhook-Signature") == "" || x.Header.Get("Webhook-Id") != x.JSON["id"] {
				t.Errorf("%+v", x)
			}
			if x.Webhook != "" && (x.Header.Get(SecretHeader) != byHook.Secret || len(byHook.Secret) < 43) {
				t.Errorf("the secret header says %q", x.Header.Get(SecretHeader))
			}
			if x.Webhook == "" && x.Event != "navidocs_event" {
				t.Errorf("the event %s was fired", x.Event)
			}
		}
	})
}

func TestASecretIsNeverReadBack(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		secret := "the-secret-of-a-template-1"
		made := b.connect(Input{URL: b.home.Hook(hook), Secret: secret})
		if made.Secret != secret || !strings.HasPrefix(made.SigningSecret, "whsec_") {
			t.Errorf("create does not show them: %+v", made)
		}
		read, err := b.Connection(t.Context(), b.ada, made.ID)
		if err != nil {
			t.Fatal(err)
		}
		put, err := b.Replace(t.Context(), b.ada, made.ID, Input{URL: b.home.Hook(hook), Name: "Salon"}, "")
		if err != nil || put.Name != "Salon" {
			t.Fatal(put, err)
		}
		hooks, _, err := b.webhooks.Webhooks(t.Context(), b.ada, webhook.Filter{Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		stored, err := db.One(t.Context(), b.db, db.Scalar[string], "SELECT header_sealed FROM webhooks WHERE id = $1", made.WebhookID)
		if err != nil || stored == "" {
			t.Fatal(stored, err)
		}
		trail, err := db.Collect(t.Context(), b.db, db.Scalar[string], "SELECT detail FROM audit_log")
		if err != nil {
			t.Fatal(err)
		}
		said, err := json.Marshal([]any{read, put, hooks, stored, trail})
		if err != nil || strings.Contains(string(said), secret) || strings.Contains(string(said), made.SigningSecret) {
			t.Errorf("%s, %v", said, err)
		}
		if _, err := b.Test(t.Context(), b.ada, made.ID); err != nil { // it stayed
			t.Fatal(err)
		}
		if got := b.home.Triggers(); len(got) != 1 || got[0].Header.Get(SecretHeader) != secret {
			t.Errorf("%+v", got)
		}
	})
}

// TestASecretGoesNowhereElse: who changes the host must know the secret.
func TestASecretGoesNowhereElse(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		c := b.connect(Input{URL: b.home.URL, Lane: Event, Secret: token})
		other := testkit.NewHomeAssistant(t, token)
		_, err := b.Replace(t.Context(), b.ada, c.ID, Input{URL: other.URL}, "")
		wantKind(t, err, fault.Invalid)
		_, err = b.Replace(t.Context(), b.ada, c.ID, Input{URL: b.home.Hook(hook), Lane: Webhook, Secret: token}, "")
		wantKind(t, err, fault.Invalid) // another lane
		for _, p := range []webhook.Patch{{URL: &other.URL}, {EventTypes: &[]string{"*"}}} {
			_, err = b.webhooks.Update(t.Context(), b.ada, *c.WebhookID, p, "")
			wantKind(t, err, fault.Conflict)
		}
		_, err = b.webhooks.Delete(t.Context(), b.ada, *c.WebhookID, "")
		wantKind(t, err, fault.Conflict)
		if _, err := b.Replace(t.Context(), b.ada, c.ID, Input{URL: other.URL, Secret: token}, ""); err != nil {
			t.Error(err)
		}
		if len(other.Triggers()) != 0 {
			t.Error("the other was told something")
		}
	})
}

func TestAConfirmationProvesArrival(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		c := b.connect(Input{URL: b.home.Hook("nobody-knows-this-id-in-the-house")})
		tested, err := b.Test(t.Context(), b.ada, c.ID)
		if err != nil || tested.Status != webhook.Succeeded || !strings.Contains(tested.Message, "only confirmed_at") || len(b.home.Triggers()) != 0 {
			t.Fatalf("Home Assistant answers 200 to an id that it does not know: %+v, %v", tested, err)
		}
		if c, err = b.Replace(t.Context(), b.ada, c.ID, Input{URL: b.home.Hook(hook)}, ""); err != nil || c.ConfirmedAt != nil {
			t.Fatal(c, err)
		}
		if _, err := b.Test(t.Context(), b.ada, c.ID); err != nil {
			t.Fatal(err)
		}
		nonce := b.nonce(t)
		_, err = b.Confirm(t.Context(), account.Actor{}, nonce+"x")
		wantKind(t, err, fault.NotFound)
		_, err = b.Confirm(t.Context(), account.Actor{}, "")
		wantKind(t, err, fault.NotFound)
		for range 2 { // an automation may call again
			if got, err := b.Confirm(t.Context(), account.Actor{}, nonce); err != nil || !got.ConfirmedAt.Equal(b.clock.Now()) {
				t.Error(got, err)
			}
		}
		if c, err = b.Connection(t.Context(), b.ada, c.ID); err != nil || c.ConfirmedAt == nil {
			t.Errorf("%+v, %v", c, err)
		}
		moved, err := b.Replace(t.Context(), b.ada, c.ID, Input{URL: b.home.Hook("another")}, "")
		if err != nil || moved.ConfirmedAt != nil {
			t.Errorf("another address is not confirmed: %+v, %v", moved, err)
		}
		_, err = b.Confirm(t.Context(), account.Actor{}, nonce)
		wantKind(t, err, fault.NotFound)
	})
}

// nonce is that of the last test which came.
func (b *bench) nonce(t *testing.T) string {
	t.Helper()
	all := b.home.Triggers()
	if len(all) == 0 {
		t.Fatal("no test came")
	}
	data, _ := all[len(all)-1].JSON["data"].(map[string]any)
	address, _ := data["confirm_url"].(string)
	nonce, ours := strings.CutPrefix(address, "https://navidocs.example.org"+ConfirmPath)
	if !ours || len(nonce) < 43 {
		t.Fatalf("%q", address)
	}
	return nonce
}

func TestAConfirmationEnds(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		c := b.connect(Input{URL: b.home.Hook(hook)})
		var nonces []string
		for range 2 {
			if _, err := b.Test(t.Context(), b.ada, c.ID); err != nil {
				t.Fatal(err)
			}
			nonces = append(nonces, b.nonce(t))
		}
		_, err := b.Confirm(t.Context(), account.Actor{}, nonces[0])
		wantKind(t, err, fault.NotFound) // a later test has replaced it
		b.clock.Add(nonceFor)
		_, err = b.Confirm(t.Context(), account.Actor{}, nonces[1])
		wantKind(t, err, fault.NotFound)
	})
}

func TestATokenThatWasWithdrawn(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		c := b.connect(Input{URL: b.home.URL, Lane: Event, Secret: token})
		tested, err := b.Test(t.Context(), b.ada, c.ID)
		if err != nil || tested.Status != webhook.Succeeded || tested.Message != "Home Assistant took the event navidocs_event" {
			t.Fatal(tested, err)
		}
		b.home.Token = "another"
		tested, err = b.Test(t.Context(), b.ada, c.ID)
		if err != nil || tested.Status != webhook.Failed || tested.Message != badToken {
			t.Error(tested, err)
		}
	})
}

func TestDisconnectingEndsDelivery(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		c := b.connect(Input{URL: b.home.Hook(hook)})
		stays := b.connect(Input{URL: b.home.URL, Lane: Event, Secret: token})
		if first, err := b.First(t.Context(), b.ada); err != nil || first.ID != c.ID {
			t.Error(first, err)
		}
		_, err := b.Delete(t.Context(), b.ada, c.ID, "stale")
		wantKind(t, err, fault.Stale)
		if _, err := b.Delete(t.Context(), b.ada, c.ID, ""); err != nil {
			t.Fatal(err)
		}
		b.run()
		b.happens("boat.created")
		testkit.Eventually(t, func() error {
			got, err := b.Connection(t.Context(), b.ada, stays.ID)
			if err == nil && got.LastAt == nil {
				err = errors.New("nothing has come yet")
			}
			return err
		})
		for _, x := range b.home.Triggers() {
			if x.Webhook != "" {
				t.Errorf("%+v", x)
			}
		}
		_, err = b.Connection(t.Context(), b.ada, c.ID)
		wantKind(t, err, fault.NotFound)
		_, err = b.webhooks.Webhook(t.Context(), b.ada, *c.WebhookID)
		wantKind(t, err, fault.NotFound)
	})
}

func TestConnectionsAreTheirManagers(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		c := b.connect(Input{URL: b.home.Hook(hook)})
		for who, kind := range map[*account.Actor]fault.Kind{&b.eve: fault.NotFound, new(accounttest.User(t, b.accounts, "mo@example.org", b.org, account.Member)): fault.Forbidden} {
			_, err := b.Connection(t.Context(), *who, c.ID)
			wantKind(t, err, kind)
			_, err = b.Create(t.Context(), *who, b.org, Input{URL: b.home.Hook(hook)})
			wantKind(t, err, kind)
			_, err = b.Replace(t.Context(), *who, c.ID, Input{URL: b.home.Hook(hook)}, "")
			wantKind(t, err, kind)
			_, err = b.Test(t.Context(), *who, c.ID)
			wantKind(t, err, kind)
			_, err = b.Delete(t.Context(), *who, c.ID, "")
			wantKind(t, err, kind)
		}
		_, err := b.First(t.Context(), b.eve)
		wantKind(t, err, fault.NotFound)
	})
}

func TestNothingIsLeftOfAnOrganization(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bench) {
		b.connect(Input{URL: b.home.Hook(hook)})
		for _, purge := range []account.Purge{b.Purge, b.webhooks.Purge} {
			if err := purge(t.Context(), b.org); err != nil {
				t.Fatal(err)
			}
		}
		n, err := db.One(t.Context(), b.db, db.Scalar[int], "SELECT (SELECT count(*) FROM home_assistant_config) + (SELECT count(*) FROM webhooks)")
		if err != nil || n != 0 {
			t.Error(n, err)
		}
	})
}
