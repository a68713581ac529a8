package api_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/golang-jwt/jwt/v5"

	"navidocs/internal/account"
	"navidocs/internal/api"
	"navidocs/internal/apptest"
	"navidocs/internal/archive"
	"navidocs/internal/bundle"
	"navidocs/internal/db"
	"navidocs/internal/document"
	"navidocs/internal/record"
	"navidocs/internal/sale"
	"navidocs/internal/testkit"
	"navidocs/internal/warranty"
)

const jwtSecret = "a secret of at least thirty-two bytes, for tests"

// bodies are what the operations that need one are called with; FIXTURE names
// are replaced by ids.
var bodies = map[string]string{
	"put-notification-preferences": `{"digest":"daily","quiet_from":"22:00","quiet_to":"07:00"}`,
	"put-notification-template":    `{"subject":"{{item_name}}","body":"{{item_name}} ends {{expiration_date}}"}`, "preview-notification-template": `{"body":""}`,
	"register":            `{"email":"walker@example.org","password":"a long passphrase","name":"Walker"}`,
	"login":               `{"email":"admin@example.org","password":"` + apptest.Password + `"}`,
	"update-me":           `{"name":"Walker"}`,
	"change-password":     `{"current":"` + apptest.Password + `","password":"` + apptest.Password + `"}`,
	"begin-totp":          `{"password":"` + apptest.Password + `"}`,
	"confirm-totp":        `{"code":"123456"}`,
	"make-recovery-codes": `{"password":"` + apptest.Password + `"}`,
	"end-totp":            `{"password":"` + apptest.Password + `","code":"123456"}`,
	"create-organization": `{"name":"Another"}`,
	"update-member":       `{"role":"member"}`,
	"create-invitation":   `{"email":"INVITED","role":"viewer"}`,
	"export-person":       `{"address":"owner@example.org"}`,
	"erase-person":        `{"address":"owner@example.org"}`,
	"create-token":        `{"name":"Walked","scopes":["read"]}`,
	"update-organization": `{"name":"Renamed"}`,
	"put-settings":        `{"time_zone":"Europe/Madrid","languages":["eng"],"audit_years":7}`,
	"create-boat":         `{"name":"Walker"}`,
	"update-boat":         `{"name":"Renamed"}`,
	"create-engine":       `{"maker":"Maker"}`,
	"update-engine":       `{"maker":"Other"}`,
	"create-equipment":    `{"boat_id":"BOAT","system_code":"400","name":"Watermaker"}`,
	"update-equipment":    `{"name":"Renamed"}`,
	"create-contact":      `{"name":"Yard","kind":"yard"}`,
	"update-contact":      `{"name":"Renamed"}`,
	"add-reading":         `{"hours":10,"read_on":"2026-01-02"}`,
	"add-photo":           `{"document_id":"IMAGE"}`,
	"update-document":     `{"title":"Renamed"}`,
	"create-warranty":     `{"boat_id":"BOAT","item_name":"Engine","purchase_date":"2026-01-15","warranty_period_months":24}`,
	"replace-warranty":    `{"boat_id":"BOAT","item_name":"Engine","purchase_date":"2026-01-15","warranty_period_months":36}`,
	"update-warranty":     `{"warranty_period_months":36}`,
	"update-claim":        `{"story":"It stopped"}`,
	"add-claim-log":       `{"direction":"sent","channel":"phone","text":"They call back"}`,

	"create-sale":      `{"boat_id":"BOAT","buyer_email":"buyer@example.org"}`,
	"update-sale":      `{"buyer_name":"Bo"}`,
	"change-selection": `{"documents":[]}`,
	"tick-checklist":   `[{"id":"no-liens","done":true}]`,

	"transfer-sale":    `{"message":"Fair winds"}`,
	"extend-handover":  `{"days":7,"downloads":2}`,
	"update-sale-task": `{"id":"mmsi","done":true}`,
	"ask-approvals":    `{"owner":"Ann","note":"signed on paper"}`,

	"create-grant": `{"user_email":"INVITED","preset":"crew"}`,

	"create-webhook":               `{"url":"RECEIVER","event_types":["*"]}`,
	"replace-webhook":              `{"url":"RECEIVER","event_types":["boat.created"]}`,
	"update-webhook":               `{"status":"paused"}`,
	"create-home-assistant":        `{"url":"RECEIVER"}`,
	"replace-home-assistant":       `{"url":"RECEIVER","name":"Renamed"}`,
	"replace-first-home-assistant": `{"url":"RECEIVER","name":"Renamed"}`,
	"replay-deliveries":            `{"since":"2026-01-01T00:00:00Z"}`,

	"put-listing": `{"status":"draft"}`, "create-mls": `{"kind":"openmarine"}`, "update-mls": `{"name":"Renamed"}`,

	"link-warranty-document": `{"document_id":"DOCUMENT","purpose":"terms"}`,
	"link-claim-document":    `{"document_id":"DOCUMENT","purpose":"estimate"}`,
}

// fixture is a row of each kind in the walked organization.
type fixture struct {
	org, boat, engine, equipment, contact, document, image, photo, warranty, claim, job, sale string
	webhook, delivery, connection, imported, exported, receipt, token, portal                 string
	invited, member, invitation                                                               string // the last two only where a path names one
}

func TestPermissionWalk(t *testing.T) {
	t.Parallel()
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"results":[]}`) // whoever listens, or lists boats
	}))
	t.Cleanup(receiver.Close)
	apptest.Each(t, apptest.Options{Settings: []string{"JWT_SECRET=" + jwtSecret, "EGRESS_ALLOW=127.0.0.1"}}, func(t *testing.T, s *apptest.Server) {
		w := newWalk(t, s, receiver.URL)
		for path, item := range s.API.OpenAPI().Paths {
			for method, operation := range operations(item) {
				w.walk(t, method, path, operation.OperationID)
			}
		}
		if len(w.seen) != len(api.Permissions) {
			t.Errorf("the contract has %d operations, the permission table %d rows", len(w.seen), len(api.Permissions))
		}
	})
}

type walk struct {
	s        *apptest.Server
	roles    map[account.Role]*apptest.Client
	tokens   map[account.Scope]*apptest.Client // of the admin
	stranger *apptest.Client
	guests   guests
	// shut are callers with what once opened, or never did.
	shut     map[string]*apptest.Client
	receiver string
	hook     string // of the last fixture
	ready    fixture
	seen     map[string]bool
	n        int
}

var allRoles = []account.Role{account.Viewer, account.Member, account.Manager, account.Admin}

// personal operations are about rows of one person, whatever their role;
// TestNotificationsAreOnePersons walks them.
var personal = map[string]bool{
	"stream-notifications": true, "read-notification": true, "delete-notification": true, "resend-notification": true, "report-bounce": true,
	"read-all-notifications": true, "set-phone": true, "confirm-phone": true, "forget-phone": true, "subscribe-push": true, "unsubscribe-push": true,
}

// apart are walked by tests of their own.
var apart = map[string]bool{
	"delete-feed":                  true, // by TestACalendarIsItsOwners
	"delete-first-home-assistant":  true, // it would take the others' connection: TestTheFirstConnection
	"replace-first-home-assistant": true, // likewise
	"accept-package":               true, // by TestWhoMayAcceptAPackage
}

// endings change who is there at all; TestEndsAndWhoMayBringThemAbout walks them.
var endings = map[string]bool{"delete-me": true, "delete-organization": true, "restore-organization": true, "hand-over-organization": true}

// ownAccess operations end or change what opens the caller's own account;
// TestWhatOpensAnAccountIsOnePersons, TestChangingAPassword and TestASecondFactor
// walk them.
var ownAccess = map[string]bool{
	"logout": true, "logout-all": true, "end-session": true, "delete-token": true, "change-password": true,
	"confirm-totp": true, "make-recovery-codes": true, "end-totp": true,
}

func newWalk(t *testing.T, s *apptest.Server, receiver string) *walk {
	t.Helper()
	w := &walk{s: s, receiver: receiver, roles: map[account.Role]*apptest.Client{}, seen: map[string]bool{}}
	admin := s.User("admin@example.org", "", "")
	w.roles[account.Admin] = admin
	for _, role := range allRoles[:3] {
		w.roles[role] = s.User(string(role)+"@example.org", admin.Org, role)
	}
	for _, c := range w.roles { // the walk makes further organizations
		c.Narrow = admin.Org
	}
	w.stranger = s.User("stranger@example.org", "", "")
	w.tokens = map[account.Scope]*apptest.Client{}
	for _, scope := range []account.Scope{account.Read, account.Write, account.Administer} {
		w.tokens[scope], _ = tokenOf(admin, s, scope)
	}
	w.shut = w.shutOut(t, s, admin)
	w.ready = w.fixture(t, "")
	w.ready.imported, w.ready.exported = w.records(t)
	w.ready.invited, w.ready.member, w.ready.invitation = "invited@example.org", "nobody", "none"
	w.ready.receipt = w.received(w.roles[account.Admin], w.ready.sale)
	w.guests = w.newGuests(t)
	w.give(t, w.ready)
	w.roles[account.Admin].Read(document.ID(w.ready.document))
	w.roles[account.Admin].Read(document.ID(w.ready.image))
	return w
}

// records imports a small archive, and exports the organization.
func (w *walk) records(t *testing.T) (imported, exported string) {
	t.Helper()
	c := w.roles[account.Admin]
	var in, out struct{ ID, State string }
	c.SendFile("/api/packages/import", "first.zip", smallArchive(0)).Into(w.s, &in)
	c.Want(http.StatusAccepted, "POST", "/api/export", nil).Into(w.s, &out)
	testkit.Eventually(t, func() error {
		if c.Get("/api/exports/"+out.ID, &out); out.State != record.Completed {
			return fmt.Errorf("the export is %s", out.State)
		}
		return nil
	})
	return in.ID, out.ID
}

// smallArchive is a signed archive without a row that no other number gives.
func smallArchive(n int) []byte {
	var out bytes.Buffer
	files := []archive.File{archive.Content("data/schema.json", "application/json", []byte(`{"schema":"`+record.Schema+`"}`))}
	m := bundle.Manifest{Schema: "navidocs-package/1", Title: fmt.Sprint("Walked ", n), CreatedAt: time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC)}
	_, err := archive.Write(context.Background(), &out, m, files, ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32)), nil)
	if err != nil {
		panic(err)
	}
	return out.Bytes()
}

// tokenOf makes a personal token and returns who asks by it.
func tokenOf(c *apptest.Client, s *apptest.Server, scope account.Scope) (*apptest.Client, account.Token) {
	var made account.Token
	c.Post("/api/auth/tokens", map[string]any{"name": "Walker", "scopes": []account.Scope{scope}}, &made)
	by := s.Anonymous()
	by.Token, by.Org, by.Narrow = made.Secret, c.Org, c.Narrow
	return by, made
}

// shutOut are all that must be refused by every operation.
func (w *walk) shutOut(t *testing.T, s *apptest.Server, admin *apptest.Client) map[string]*apptest.Client {
	t.Helper()
	none, bad, expired, ended := s.Anonymous(), s.Anonymous(), s.Anonymous(), s.SignIn("admin@example.org", apptest.Password)
	bad.Token, expired.Token = "not a token", w.expiredToken(t)
	ended.Want(http.StatusNoContent, "POST", "/api/auth/logout", nil)
	deleted, token := tokenOf(admin, s, account.Administer)
	admin.Want(http.StatusOK, "DELETE", "/api/auth/tokens/"+string(token.ID), nil)
	return map[string]*apptest.Client{
		"no token": none, "a bad token": bad, "an expired token": expired, "an ended session's token": ended, "a deleted personal token": deleted,
	}
}

// fixture makes fresh rows, so that one caller's change does not spoil the next:
// a boat, and what the words of an operation name; all there is for no words.
func (w *walk) fixture(t *testing.T, words string) fixture {
	t.Helper()
	w.n++
	c, f := w.roles[account.Admin], w.ready
	id := func(path string, body any) string {
		var made struct{ ID string }
		c.Post(path, body, &made)
		return made.ID
	}
	named := func(any ...string) bool {
		return words == "" || slices.ContainsFunc(any, func(word string) bool { return strings.Contains(words, word) })
	}
	f.org = string(c.Org)
	f.boat = id("/api/boats", map[string]string{"name": "Walked"})
	if named("{engine}") {
		f.engine = id("/api/boats/"+f.boat+"/engines", map[string]string{"maker": "Maker"})
	}
	if named("/equipment/") {
		f.equipment = id("/api/equipment", map[string]string{"boat_id": f.boat, "system_code": "400", "name": "Watermaker"})
	}
	if named("/contacts/") {
		f.contact = id("/api/contacts", map[string]string{"name": "Walked Yard"})
	}
	if named("/sales") {
		f.sale = id("/api/sales", map[string]string{"boat_id": f.boat, "buyer_email": "buyer@example.org"})
	}
	if named("/documents/", "DOCUMENT", "/jobs/") {
		text := c.Upload("note.txt", []byte(strings.Repeat("walked ", w.n)), "boat_id="+f.boat, "type=MAN-EQ")
		f.document, f.job = string(text.ID), text.JobID
	}
	if named("/image", "IMAGE") {
		f.image = string(c.Upload("photo.png", pictureOf(t, w.n), "boat_id="+f.boat, "type=PHO").ID)
	}
	if named("{photo}") {
		other := c.Upload("other.png", pictureOf(t, -w.n), "boat_id="+f.boat, "type=PHO")
		f.photo = id("/api/boats/"+f.boat+"/photos", map[string]string{"document_id": string(other.ID)})
	}
	if named("/warranties/") {
		w.covered(&f, id)
	}
	if named("/webhooks/", "/deliveries/") {
		w.listening(&f, id)
	}
	if named("/listing", "/mls-") {
		w.roles[account.Admin].Want(http.StatusOK, "PUT", "/api/boats/"+f.boat+"/listing", map[string]string{"status": "draft"})
	}
	if named("/integrations/mls") {
		for _, old := range w.portals() { // an organization has at most twenty
			c.Want(http.StatusOK, "DELETE", "/api/integrations/mls/"+old, nil)
		}
		portal := map[string]string{"kind": "openmarine"}
		if named("/import") {
			portal = map[string]string{"kind": "yachtworld", "url": w.receiver, "api_key": "key"}
		}
		f.portal = id("/api/integrations/mls", portal)
	}
	if named("/home-assistant") {
		for _, old := range w.connections() {
			c.Want(http.StatusOK, "DELETE", "/api/integrations/home-assistant/"+old, nil)
		}
		f.connection = id("/api/integrations/home-assistant", map[string]string{"url": w.receiver})
	}
	return f
}

// covered gives the fixture's boat a warranty and a claim, with a paper each.
func (w *walk) covered(f *fixture, id func(string, any) string) {
	f.warranty = id("/api/warranties", map[string]any{
		"boat_id": f.boat, "item_name": "Main engine", "provider": "Yanmar", "purchase_date": "2026-01-15", "warranty_period_months": 12,
	})
	f.claim = id("/api/warranties/"+f.warranty+"/claims", nil)
	for _, of := range []string{"", "/claims/" + f.claim} {
		w.roles[account.Admin].Want(http.StatusCreated, "POST", "/api/warranties/"+f.warranty+of+"/documents", map[string]string{"document_id": f.document, "purpose": "report"})
	}
}

// listening gives the fixture a webhook with a delivery.
func (w *walk) listening(f *fixture, id func(string, any) string) {
	c := w.roles[account.Admin]
	if w.hook != "" { // an organization has at most twenty; the first stays
		c.Do("DELETE", "/api/webhooks/"+w.hook, nil)
	}
	f.webhook = id("/api/webhooks", map[string]any{"url": w.receiver, "event_types": []string{"listing.failed"}})
	var tested struct{ ID string }
	c.Want(http.StatusOK, "POST", "/api/webhooks/"+f.webhook+"/test", nil).Into(w.s, &tested)
	if f.delivery = tested.ID; w.ready.webhook != "" {
		w.hook = f.webhook
	}
}

// portals are all but that of the first fixture.
func (w *walk) portals() (ids []string) {
	var all []struct{ ID string }
	w.roles[account.Admin].Get("/api/integrations/mls", &all)
	for _, x := range all {
		if x.ID != w.ready.portal {
			ids = append(ids, x.ID)
		}
	}
	return ids
}

// connections are all but the first, which stays: an organization has at most
// twenty webhooks, those of connections included.
func (w *walk) connections() (old []string) {
	var all []struct{ ID string }
	w.roles[account.Admin].Get("/api/integrations/home-assistant/connections", &all)
	for i, x := range all {
		if i > 0 {
			old = append(old, x.ID)
		}
	}
	return old
}

// pictureOf draws a small image that no other number gives.
func pictureOf(t *testing.T, n int) []byte {
	t.Helper()
	img := image.NewGray(image.Rect(0, 0, 32, 32))
	for i := range 32 {
		img.SetGray(i, 0, color.Gray{Y: uint8(n >> (i % 8))})
		img.SetGray(i, 1, color.Gray{Y: uint8(n % 251)})
	}
	img.SetGray(0, 31, color.Gray{Y: uint8(n >> 8)})
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func (w *walk) walk(t *testing.T, method, path, id string) {
	t.Helper()
	w.seen[id] = true
	perm, ok := api.Permissions[id]
	if !ok {
		t.Errorf("%s has no row in the permission table", id)
		return
	}
	if perm.Public {
		return
	}
	for name, c := range w.shut {
		if got := w.call(c, method, path, id, w.ready).Status; got != http.StatusUnauthorized {
			t.Errorf("%s with %s: %d, want 401", id, name, got)
		}
	}
	w.walkTokens(t, method, path, id, perm)
	if ownAccess[id] || personal[id] || endings[id] || apart[id] {
		return
	}
	w.walkRoles(t, method, path, id, perm)
	w.walkStranger(t, method, path, id, perm)
	w.walkGuests(t, method, path, id, perm)
}

// walkTokens calls as an admin's personal tokens: one that may only read changes
// nothing, one that may write administers nothing, and none touches what opens
// the account.
func (w *walk) walkTokens(t *testing.T, method, path, id string, perm api.Permission) {
	t.Helper()
	needs := account.Write
	switch {
	case perm.Role == account.Admin:
		needs = account.Administer
	case method == http.MethodGet:
		needs = account.Read
	}
	for scope, c := range w.tokens {
		allowed := !perm.Session && scope.AtLeast(needs)
		if allowed && (method != http.MethodGet || personal[id]) {
			continue // what it may do then, the roles show
		}
		got := w.call(c, method, path, id, w.ready)
		if !allowed && got.Status != http.StatusForbidden {
			t.Errorf("%s by a token with the scope %s: %d, want 403: %s", id, scope, got.Status, got.Body)
		}
		if allowed && got.Status >= 300 {
			t.Errorf("%s by a token with the scope %s: %d, want success: %s", id, scope, got.Status, got.Body)
		}
	}
}

func (w *walk) walkRoles(t *testing.T, method, path, id string, perm api.Permission) {
	t.Helper()
	for _, role := range allRoles {
		f := w.ready
		if method != http.MethodGet && role.AtLeast(perm.Role) {
			f = w.fixture(t, path+" "+bodies[id])
			w.verified(t, true)
		}
		if role.AtLeast(perm.Role) {
			w.before(t, method, path, id, &f)
		}
		w.verified(t, id != "resend-verification")
		before := w.audits(t)
		got := w.call(w.roles[role], method, path, id, f)
		switch allowed := role.AtLeast(perm.Role); {
		case !allowed && got.Status != http.StatusForbidden:
			t.Errorf("%s as %s: %d, want 403: %s", id, role, got.Status, got.Body)
		case allowed && got.Status >= 300:
			t.Errorf("%s as %s: %d, want success: %s", id, role, got.Status, got.Body)
		case allowed && method != http.MethodGet && id != "preview-notification-template" && w.audits(t) == before:
			t.Errorf("%s as %s left no line in the audit trail", id, role)
		}
	}
}

// before brings about what an operation changes.
func (w *walk) before(t *testing.T, method, path, id string, f *fixture) {
	t.Helper()
	admin := w.roles[account.Admin]
	if method != http.MethodGet {
		w.team(f, path)
	}
	switch id {
	case "restore-document":
		admin.Want(http.StatusOK, "DELETE", "/api/documents/"+f.document, nil)
	case "restore-warranty":
		admin.Want(http.StatusOK, "DELETE", "/api/warranties/"+f.warranty, nil)
	case "reset-notification-template":
		w.call(admin, http.MethodPut, path, "put-notification-template", *f)
	case "ask-approvals":
		owners := []map[string]any{{"name": "Ann", "share_percent": 100, "signs": true}}
		admin.Want(http.StatusOK, "PATCH", "/api/boats/"+f.boat, map[string]any{"owners": owners})
		w.s.Packaged(f.sale, []byte("the package"), 1)
	case "update-sale-task":
		admin.Want(http.StatusOK, "PATCH", "/api/boats/"+f.boat, map[string]string{"mmsi": "227123450"})
		w.received(admin, f.sale)
		admin.Want(http.StatusOK, "POST", "/api/sales/"+f.sale+"/complete", nil)
	case "make-supplement":
		admin.Upload("late.txt", []byte(strings.Repeat("late ", w.n)), "boat_id="+f.boat, "type=MAN-EQ")
		w.received(admin, f.sale)
	case "accept-package":
		f.token = w.offered(t)
	case "transfer-sale", "get-package", "get-package-contents":
		w.s.Packaged(f.sale, []byte("the package"), 1)
	case "resend-handover", "extend-handover", "revoke-handover", "complete-sale":
		w.s.Packaged(f.sale, []byte("the package"), 1)
		admin.Want(http.StatusOK, "POST", "/api/sales/"+f.sale+"/transfer", nil)
	case "create-sale": // a boat has one open sale at most
		admin.Want(http.StatusOK, "POST", "/api/sales/"+f.sale+"/cancel", nil)
	case "end-grant":
		admin.Want(http.StatusCreated, "POST", "/api/boats/"+f.boat+"/grants", map[string]any{"user_email": f.invited, "level": "viewer"})
		f.member = f.invited
	}
}

// received hands a sale over, and is the receipt that the buyer gives.
func (w *walk) received(admin *apptest.Client, id string) string {
	w.s.Packaged(id, []byte("the package"), 1)
	var h sale.Handed
	admin.Want(http.StatusOK, "POST", "/api/sales/"+id+"/transfer", nil).Into(w.s, &h)
	_, token, _ := strings.Cut(h.DownloadURL, "/p/")
	submit(w.s.Anonymous(), "/p/"+token+"/receipt", "name=Bo")
	var all []sale.Receipt
	admin.Get("/api/sales/"+id+"/receipts", &all)
	return string(all[0].ID)
}

// offered is the secret of a link by which the stranger hands a record over.
func (w *walk) offered(t *testing.T) string {
	t.Helper()
	w.n++
	w.verified(t, true)
	var boat, x struct{ ID string }
	w.stranger.Post("/api/boats", map[string]string{"name": "Offered"}, &boat)
	w.stranger.Post("/api/sales", map[string]string{"boat_id": boat.ID, "buyer_email": "buyer@example.org"}, &x)
	w.s.Packaged(x.ID, smallArchive(w.n), 1)
	var h sale.Handed
	w.stranger.Want(http.StatusOK, "POST", "/api/sales/"+x.ID+"/transfer", nil).Into(w.s, &h)
	_, token, _ := strings.Cut(h.DownloadURL, "/p/")
	return token
}

// team adds a member and an invitation where a path names one.
func (w *walk) team(f *fixture, path string) {
	admin := w.roles[account.Admin]
	f.invited = fmt.Sprintf("invited-%d@example.org", w.n)
	if strings.Contains(path, "organizations") && strings.Contains(path, "{user}") {
		var me account.User
		w.s.User(fmt.Sprintf("member-%d@example.org", w.n), admin.Org, account.Viewer).Get("/api/auth/me", &me)
		f.member = string(me.ID)
	}
	if strings.Contains(path, "{invitation}") {
		var made account.Invitation
		admin.Post("/api/organizations/"+f.org+"/invitations", map[string]string{"email": "open-" + f.invited, "role": "viewer"}, &made)
		f.invitation = made.ID
	}
}

// verified gives everybody the confirmation of their address, or takes it.
func (w *walk) verified(t *testing.T, yes bool) {
	t.Helper()
	err := w.s.DB.Transact(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), "UPDATE users SET email_verified = $1", yes)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (w *walk) walkStranger(t *testing.T, method, path, id string, perm api.Permission) {
	t.Helper()
	if perm.Role == account.Nobody || !strings.Contains(path, "{") && bodies[id] == "" && id != "upload-document" || id == "list-audit" || id == "export-audit" || id == "list-jobs" {
		return
	}
	got := w.call(w.stranger, method, path, id, w.ready)
	if id == "create-boat" || id == "create-contact" || id == "create-webhook" || id == "create-home-assistant" || id == "create-mls" || id == "create-organization" || id == "upload-document" || strings.Contains(id, "notification-template") { // theirs, in their own organization
		if got.Status >= 300 && got.Status != http.StatusNotFound {
			t.Errorf("%s as a stranger: %d", id, got.Status)
		}
		return
	}
	if got.Status != http.StatusNotFound {
		t.Errorf("%s as a stranger: %d, want 404: %s", id, got.Status, got.Body)
	}
}

func (w *walk) call(c *apptest.Client, method, path, id string, f fixture) apptest.Answer {
	replace := strings.NewReplacer("BOAT", f.boat, "IMAGE", f.image, "DOCUMENT", f.document, "RECEIVER", w.receiver, "TOKEN", f.token, "ORGANIZATION", f.org, "INVITED", f.invited)
	switch id {
	case "import-package", "import-organization":
		w.n++
		return c.SendFile(path, "walked.zip", smallArchive(w.n), "organization_id="+f.org)
	case "upload-document":
		w.n++
		return c.UploadAnswer("up.txt", bytes.Repeat([]byte("up "), w.n), "", "boat_id="+f.boat)
	}
	query := map[string]string{"search": "?q=walked"}[id]
	body := replace.Replace(bodies[id])
	if body == "" {
		return c.Do(method, fill(path, f)+query, nil)
	}
	return c.Do(method, fill(path, f)+query, body)
}

// fill puts the fixture's ids into a path.
func fill(path string, f fixture) string {
	first := map[string]string{
		"organizations": f.org, "boats": f.boat, "equipment": f.equipment, "contacts": f.contact, "documents": f.document, "warranties": f.warranty, "jobs": f.job, "sales": f.sale,
		"auth": "another", "notifications": "another", "notification-templates": "warranty.expired:email:en",
		"webhooks": f.webhook, "deliveries": f.delivery, "packages": f.imported, "exports": f.exported,
		"integrations": f.connection, "feeds": "another",
	}[strings.Split(path, "/")[2]]
	if strings.HasPrefix(path, "/api/integrations/mls") {
		first = f.portal
	}
	return strings.NewReplacer("{id}", first, "{user}", f.member, "{invitation}", f.invitation, "{engine}", f.engine, "{photo}", f.photo, "{number}", "1",
		"{claim}", f.claim, "{receipt}", f.receipt, "{document}", f.document, "{term}", warranty.Propose("Yanmar", "", "main engine")[0].ID).Replace(imagePath(path, f))
}

// imagePath asks for the image of the paper that has one.
func imagePath(path string, f fixture) string {
	if strings.HasSuffix(path, "/image") {
		return strings.Replace(path, "{id}", f.image, 1)
	}
	return path
}

func (w *walk) audits(t *testing.T) int {
	t.Helper()
	n, err := db.One(t.Context(), w.s.DB, db.Scalar[int], "SELECT count(*) FROM audit_log")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// expiredToken is a real session's token whose time is over.
func (w *walk) expiredToken(t *testing.T) string {
	t.Helper()
	var claims jwt.MapClaims
	_, _, err := jwt.NewParser().ParseUnverified(w.roles[account.Admin].Token, &claims)
	if err != nil {
		t.Fatal(err)
	}
	claims["exp"] = time.Now().Add(-time.Minute).Unix()
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(jwtSecret))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func operations(item *huma.PathItem) map[string]*huma.Operation {
	out := map[string]*huma.Operation{}
	for method, operation := range map[string]*huma.Operation{"GET": item.Get, "POST": item.Post, "PUT": item.Put, "PATCH": item.Patch, "DELETE": item.Delete} {
		if operation != nil {
			out[method] = operation
		}
	}
	return out
}
