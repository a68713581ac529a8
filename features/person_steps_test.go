package features

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/cucumber/godog"

	"navidocs/internal/account"
	"navidocs/internal/apptest"
	"navidocs/internal/db"
	"navidocs/internal/testkit"
)

const mate = "mate@example.org"

// crew is what a scenario about people knows.
type crew struct {
	*world

	mate   *apptest.Client
	clock  *testkit.Clock
	export apptest.Answer
	id     account.UserID
}

func (w *world) personSteps(sc *godog.ScenarioContext) {
	c := &crew{world: w}
	sc.Step(`^a mate downloads the paper, and only looks at a part of it again$`, c.downloads)
	sc.Step(`^the captain's audit trail tells once that the mate downloaded the paper, when and from where$`, c.trailTells)
	sc.Step(`^so does the file that the captain exports, and the trail tells of the export$`, c.fileTells)
	sc.Step(`^neither the mate nor a stranger is told anything$`, c.othersAreTold)
	sc.Step(`^a captain with a mate aboard, at a time that can be moved$`, c.aboard)
	sc.Step(`^the mate exports what concerns them$`, func() error {
		c.export = c.mate.Want(http.StatusOK, "POST", "/api/auth/me/export", nil)
		return nil
	})
	sc.Step(`^the file tells of their account, their sessions, their papers and what they did$`, c.exportTells)
	sc.Step(`^it holds nothing of the captain$`, c.exportHoldsNoOther)
	sc.Step(`^the mate deletes their account$`, func() error { return c.deletes(c.mate) })
	sc.Step(`^the captain deletes their account$`, func() error { return c.deletes(w.server.SignIn(captain, password)) })
	sc.Step(`^the mate is signed out and no longer a member$`, c.isOut)
	sc.Step(`^the mate signs in 29 days later$`, func() error {
		c.clock.Add(29 * 24 * time.Hour)
		c.mate = w.server.SignIn(mate, password)
		return nil
	})
	sc.Step(`^they are a member as before$`, c.isBack)
	sc.Step(`^30 days pass$`, c.monthPasses)
	sc.Step(`^the mate's name and address are nowhere in the database$`, func() error { return c.nowhere(mate, "Martha Mate") })
	sc.Step(`^the audit trail still tells that one person did it all$`, c.trailKeepsID)
	sc.Step(`^the organization is gone, with its boat and its papers$`, c.organizationIsGone)
}

func (c *crew) downloads() error {
	c.mate = c.server.User(mate, c.captain.Org, account.Manager)
	path := "/api/documents/" + string(c.paper.ID) + "/content"
	c.mate.Want(http.StatusOK, "GET", path, nil, "X-Forwarded-For: 203.0.113.7")
	c.mate.Want(http.StatusPartialContent, "GET", path, nil, "Range: bytes=5-9")
	return nil
}

func (c *crew) trailTells() error {
	var me account.User
	c.mate.Get("/api/auth/me", &me)
	var all []account.Record
	c.captain.Get("/api/audit?action=document.downloaded&subject_kind=document&subject_id="+string(c.paper.ID), &all)
	if len(all) != 1 || *all[0].UserID != me.ID || all[0].Address != "203.0.113.7" || all[0].At.IsZero() || *all[0].BoatID != account.BoatID(c.boat) {
		return fmt.Errorf("%+v", all)
	}
	return nil
}

func (c *crew) fileTells() error {
	var listed, exported, exports []account.Record
	c.captain.Get("/api/audit?action=document.", &listed)
	c.captain.Get("/api/audit/export?action=document.&format=json", &exported)
	if !slices.EqualFunc(listed, exported, func(a, b account.Record) bool { return a.ID == b.ID }) {
		return fmt.Errorf("%+v %+v", listed, exported)
	}
	if c.captain.Get("/api/audit?action=audit.exported", &exports); len(exports) != 1 {
		return fmt.Errorf("%+v", exports)
	}
	return nil
}

func (c *crew) othersAreTold() error {
	stranger := c.server.User("stranger@example.org", "", "")
	for _, path := range []string{"/api/audit", "/api/audit/export?format=json"} {
		c.mate.Want(http.StatusForbidden, "GET", path, nil)
		if a := stranger.Want(http.StatusOK, "GET", path, nil); strings.Contains(string(a.Body), string(c.paper.ID)) {
			return fmt.Errorf("a stranger reads %s", a.Body)
		}
	}
	return nil
}

// aboard makes a server without workers, whose clock the scenario moves.
func (c *crew) aboard() error {
	c.clock = testkit.NewClock(time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC))
	c.server = apptest.New(c.t, apptest.Options{Database: c.database, NoWorker: true, Now: c.clock.Now})
	c.captain = c.server.User(captain, "", "")
	if err := c.addsBoat("Calypso"); err != nil {
		return err
	}
	c.captain.Want(http.StatusCreated, "POST", "/api/organizations/"+string(c.captain.Org)+"/invitations", map[string]string{"email": mate, "role": "member"})
	c.mate = c.server.User(mate, c.captain.Org, account.Member)
	c.mate.Want(http.StatusOK, "PATCH", "/api/auth/me", map[string]string{"name": "Martha Mate"})
	var me account.User
	c.mate.Get("/api/auth/me", &me)
	c.id = me.ID
	c.paper = c.mate.Upload("log.txt", []byte("nine hours under way"), "boat_id="+c.boat, "type=MAN-EQ")
	c.mate.Want(http.StatusOK, "PUT", "/api/notification-preferences", map[string]string{"digest": "daily", "ntfy_topic": "martha"})
	c.mate.Post("/api/auth/tokens", map[string]any{"name": "Plotter", "scopes": []string{"read"}}, &struct{}{})
	return nil
}

func (c *crew) holdings() (kinds map[string][]string, err error) {
	var all []account.Holding
	err = json.Unmarshal(c.export.Body, &all)
	kinds = map[string][]string{}
	for _, h := range all {
		kinds[h.Kind] = append(kinds[h.Kind], h.ID)
	}
	return kinds, err
}

func (c *crew) exportTells() error {
	kinds, err := c.holdings()
	if err != nil {
		return err
	}
	for _, kind := range []string{"user", "membership", "session", "token", "notification_preferences", "uploaded_document", "audit"} {
		if len(kinds[kind]) == 0 {
			return fmt.Errorf("it lacks %s: %v", kind, kinds)
		}
	}
	if got := kinds["uploaded_document"]; len(got) != 1 || got[0] != string(c.paper.ID) {
		return fmt.Errorf("papers: %v", got)
	}
	return nil
}

func (c *crew) exportHoldsNoOther() error {
	var all []struct {
		Kind string
		Data struct {
			UserID account.UserID `json:"user_id"`
		}
	}
	err := json.Unmarshal(c.export.Body, &all)
	for _, h := range all {
		if h.Kind == "audit" && h.Data.UserID != c.id {
			err = fmt.Errorf("a line of another: %+v", h)
		}
	}
	if strings.Contains(string(c.export.Body), "argon2") {
		err = errors.New("the hash of the password")
	}
	return err
}

func (c *crew) deletes(who *apptest.Client) error {
	var out account.Leaving
	who.Want(http.StatusOK, "DELETE", "/api/auth/me", map[string]string{"password": password}).Into(c.server, &out)
	if !out.Until.Equal(c.clock.Now().Add(30 * 24 * time.Hour)) {
		return fmt.Errorf("%+v", out)
	}
	return nil
}

func (c *crew) members() (out []string) {
	var all []account.Membership
	c.server.SignIn(captain, password).Get("/api/organizations/"+string(c.captain.Org)+"/members", &all)
	for _, m := range all {
		out = append(out, m.Email)
	}
	return out
}

func (c *crew) isOut() error {
	c.mate.Want(http.StatusUnauthorized, "GET", "/api/auth/me", nil)
	if got := c.members(); !slices.Equal(got, []string{captain}) {
		return fmt.Errorf("%v", got)
	}
	return nil
}

func (c *crew) isBack() error {
	c.mate.Want(http.StatusOK, "GET", "/api/boats/"+c.boat, nil)
	if got := c.members(); len(got) != 2 {
		return fmt.Errorf("%v", got)
	}
	return nil
}

func (c *crew) monthPasses() error {
	c.clock.Add(30 * 24 * time.Hour)
	return c.server.Accounts.Tidy(c.t.Context())
}

// nowhere looks for words in every column of every table.
func (w *world) nowhere(words ...string) error {
	found, err := w.find(words...)
	if err == nil && len(found) > 0 {
		err = fmt.Errorf("still in %v", found)
	}
	return err
}

func (w *world) find(words ...string) (found []string, err error) {
	type column struct{ table, name string }
	query := `SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema()`
	if w.server.DB.Engine == db.SQLite {
		query = `SELECT m.name, p.name FROM sqlite_master m, pragma_table_info(m.name) p WHERE m.type = 'table' AND m.sql NOT LIKE 'CREATE VIRTUAL%'`
	}
	columns, err := db.Collect(w.t.Context(), w.server.DB, func(r db.Row) (c column, err error) {
		err = r.Scan(&c.table, &c.name)
		return c, err
	}, query)
	if err != nil || len(columns) < 100 {
		return nil, fmt.Errorf("%d columns: %w", len(columns), err)
	}
	for _, c := range columns {
		for _, word := range words {
			n, err := db.One(w.t.Context(), w.server.DB, db.Scalar[int],
				`SELECT count(*) FROM "`+c.table+`" WHERE lower(CAST("`+c.name+`" AS TEXT)) LIKE '%' || $1 || '%'`, strings.ToLower(word))
			if err != nil {
				return nil, err
			}
			if n > 0 {
				found = append(found, c.table+"."+c.name)
			}
		}
	}
	return found, nil
}

func (c *crew) trailKeepsID() error {
	var all []account.Record
	c.server.SignIn(captain, password).Get("/api/audit?action=document.&user_id="+string(c.id), &all)
	if len(all) != 1 || all[0].SubjectID != string(c.paper.ID) || all[0].Address != "" {
		return fmt.Errorf("%+v", all)
	}
	return nil
}

func (c *crew) organizationIsGone() error {
	found, err := c.find(string(c.captain.Org), c.boat, string(c.paper.ID), captain)
	found = slices.DeleteFunc(found, func(at string) bool {
		return at == "audit_log.subject_id" || strings.HasPrefix(at, "river_") // what was done, and to which ids; jobs of a queue that nobody works
	})
	if err == nil && len(found) > 0 {
		err = fmt.Errorf("still in %v", found)
	}
	return err
}

// The people of the boat whose installation is restored.
const (
	owner = "owner@example.org"
	buyer = "buyer@example.org"
)

func (k *keeping) erasureSteps(sc *godog.ScenarioContext) {
	sc.Step(`^the boat has an owner, a buyer whose sale runs, and a mate with an account$`, k.peopled)
	sc.Step(`^a backup of it$`, func() error { return k.create() })
	sc.Step(`^a later backup, after which the list of erasures is lost$`, k.losesList)
	sc.Step(`^the operator erases the owner, the buyer and the mate$`, k.erases)
	sc.Step(`^only the running sale still names anybody, and the operator is told why$`, func() error {
		if !strings.Contains(k.said, "kept    buyer sale-1: the sale is initiated and needs its buyer") {
			return errors.New(k.said)
		}
		return k.onlySaleNames()
	})
	sc.Step(`^only the running sale still names anybody, and the mate cannot sign in$`, func() error {
		err := k.onlySaleNames() // before an address is tried, which is remembered for a day
		k.server.Anonymous().Want(http.StatusUnauthorized, "POST", "/api/auth/login", map[string]string{"email": mate, "password": password})
		return err
	})
	sc.Step(`^the operator sees the erasures in a list that names nobody$`, k.listsErasures)
}

func (k *keeping) peopled() error {
	k.captain.Want(http.StatusOK, "PATCH", "/api/boats/"+k.boat, map[string]any{"owners": []map[string]any{{"name": "Olive Owner", "contact": "+44 1 and Owner@example.org", "signs": true}}})
	k.captain.Post("/api/contacts", map[string]string{"name": "Olive Owner", "email": owner}, &struct{}{})
	k.captain.Post("/api/warranties", map[string]any{
		"boat_id": k.boat, "item_name": "Engine", "purchase_date": "2026-01-15", "warranty_period_months": 24, "claim_instructions": "ask " + owner,
	}, &struct{}{})
	k.server.User(mate, k.captain.Org, account.Member).Want(http.StatusOK, "PATCH", "/api/auth/me", map[string]string{"name": "Martha Mate"})
	return k.server.DB.Transact(k.t.Context(), func(tx *db.Tx) error {
		for id, status := range map[string]string{"sale-1": "initiated", "sale-2": "completed"} {
			_, err := tx.Exec(k.t.Context(), "INSERT INTO sale_workflows (id, org_id, boat_id, buyer_email, status, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, 1, 1)",
				id, k.captain.Org, k.boat, buyer, status)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func (k *keeping) erases() error {
	if err := k.operator(3, "person", "erase", owner); err != nil { // not without --yes
		return err
	}
	for _, address := range []string{owner, mate, buyer} {
		if err := k.operator(0, "person", "erase", address, "--yes"); err != nil {
			return err
		}
	}
	return nil
}

func (k *keeping) onlySaleNames() error {
	found, err := k.find(owner, "Olive Owner", buyer, mate, "Martha Mate")
	if err == nil && !slices.Equal(found, []string{"sale_workflows.buyer_email"}) {
		err = fmt.Errorf("%v", found)
	}
	return err
}

func (k *keeping) losesList() error {
	if err := k.create(); err != nil {
		return err
	}
	if text, err := os.ReadFile(k.stored(k.newest(), "erasures.jsonl")); err != nil || strings.Contains(string(text), "@") {
		return fmt.Errorf("%s, %w", text, err)
	}
	return os.Remove(filepath.Join(k.home, "data", "erasures.jsonl"))
}

func (k *keeping) listsErasures() error {
	var all []struct {
		Kind      string     `json:"kind"`
		AppliedAt *time.Time `json:"applied_at"`
	}
	if err := k.operatorReads(&all, 0, "person", "erasures"); err != nil {
		return err
	}
	kinds := ""
	for _, x := range all {
		if x.AppliedAt == nil {
			return errors.New(k.said)
		}
		kinds += x.Kind + " "
	}
	if kinds != "person user person person " || strings.Contains(k.said, "@") {
		return errors.New(k.said)
	}
	return nil
}
