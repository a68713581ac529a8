package features

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cucumber/godog"

	"navidocs/internal/account"
	"navidocs/internal/apptest"
	"navidocs/internal/fleet"
	"navidocs/internal/testkit"
	"navidocs/internal/warranty"
)

// cover is what a scenario knows of a warranty and of those who ask for it.
type cover struct {
	*world

	clock    *testkit.Clock // nil where the machine's goes
	people   map[string]*apptest.Client
	boats    map[string]string // their ids by name
	warranty warranty.Warranty // as it was read last
	older    string            // the version before the last change
	item     fleet.EquipmentID
}

func (w *world) warrantySteps(sc *godog.ScenarioContext) {
	c := &cover{world: w, people: map[string]*apptest.Client{}, boats: map[string]string{}}
	const who = `(the captain|a member of the organization|a viewer of the organization|a stranger|nobody in particular)`
	sc.Step(`^a signed-in captain with a boat, in the morning of (\S+)$`, c.captainOn)
	sc.Step(`^another boat, "([^"]*)"$`, c.anotherBoat)
	sc.Step(`^a warranty of (\d+) months, bought on (\S+)$`, func(months int, day string) error { return c.isRecorded(months, day, nil) })
	sc.Step(`^a warranty of (\d+) months, bought on (\S+), worth ([\d.]+) (\w+)$`, c.isWorth)
	sc.Step(`^a warranty covers until and including the day that its months give:$`, c.eachCovers)
	sc.Step(`^these are refused, and the answer names what is wrong:$`, c.eachIsRefused)
	sc.Step(`^`+who+` (asks for|deletes|restores) the warranty$`, c.does)
	sc.Step(`^`+who+` changes its months to (\d+)(, as read before the last change)?$`, c.changesMonths)
	sc.Step(`^the captain writes it anew with (\d+) months(, as read before the last change)?$`, c.writesAnew)
	sc.Step(`^it shows the amount$`, c.showsAmount)
	sc.Step(`^the amount is nowhere in it, nor in the lists that a viewer has$`, c.hidesAmount)
	sc.Step(`^nothing of it is in the lists that a stranger has$`, c.hidesAll)
	sc.Step(`^it covers until and including (\S+)$`, c.coversUntil)
	sc.Step(`^its reminders are:$`, c.remindersAre)
	sc.Step(`^it is (?:deleted|claimed), and no reminder is left$`, c.remindsNobody)
	sc.Step(`^it is listed only among the (\w+)$`, c.isListedAmong)
	sc.Step(`^the audit trail and the boat's timeline say: (.*)$`, c.trailSays)
	sc.Step(`^these warranties of 12 months:$`, c.areRecorded)
	sc.Step(`^these are expiring:$`, c.areExpiring)
	sc.Step(`^they say how many days are left:$`, c.sayDaysLeft)
	sc.Step(`^"([^"]*)" and "([^"]*)" and "([^"]*)" are refused$`, c.queriesAreRefused)
	sc.Step(`^it is so, by where the organization is and what time it is:$`, c.dayByDay)
	sc.Step(`^the answer names (\S+)$`, c.answerNames)
	sc.Step(`^the captain calls it void without a reason$`, func() error { return c.patches(map[string]any{"status": "void"}) })
	sc.Step(`^the captain calls it void because "([^"]*)"$`, func(why string) error { return c.patches(map[string]any{"status": "void", "void_reason": why}) })
	sc.Step(`^the captain calls it active again$`, func() error { return c.patches(map[string]any{"status": "active"}) })
	sc.Step(`^it is void because "([^"]*)", and no reminder is left$`, c.isVoid)
	sc.Step(`^it is active without a reason, and all reminders are due$`, c.isActive)
	c.termSteps(sc)
	c.claimSteps(sc)
}

// captainOn is a server whose clock stands still at eight in the morning; its
// jobs are left where they are.
func (c *cover) captainOn(day string) error {
	at, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return err
	}
	c.clock = testkit.NewClock(at.Add(8 * time.Hour))
	c.server = apptest.New(c.t, apptest.Options{Database: c.database, Now: c.clock.Now, NoWorker: true})
	c.captain = c.server.User(captain, "", "")
	return c.addsBoat("Calypso")
}

// goesOn moves the clock; whoever was signed in signs in again.
func (c *cover) goesOn(to time.Time) {
	c.clock.Set(to)
	c.captain = c.server.SignIn(captain, password)
}

func (c *cover) anotherBoat(name string) error {
	first := c.boat
	err := c.addsBoat(name)
	c.boats[name], c.boat = c.boat, first
	return err
}

// boatID is a boat by its name; the first one is Calypso.
func (c *cover) boatID(name string) string {
	if id := c.boats[name]; id != "" {
		return id
	}
	return c.boat
}

// person is whoever a step names, nil for none.
func (c *cover) person(who string) *apptest.Client {
	roles := map[string]account.Role{"a member of the organization": account.Member, "a viewer of the organization": account.Viewer}
	switch {
	case who == "the captain":
		return c.captain
	case who == "nobody in particular":
		return c.server.Anonymous()
	case c.people[who] != nil:
	case who == "a stranger":
		c.people[who] = c.server.User("stranger@example.org", "", "")
	default:
		c.people[who] = c.server.User(string(roles[who])+"@example.org", c.captain.Org, roles[who])
	}
	return c.people[who]
}

// input is what a warranty is recorded with.
func (c *cover) input(months int, bought string, more map[string]any) map[string]any {
	in := map[string]any{"boat_id": c.boat, "item_name": "Watermaker", "purchase_date": bought, "warranty_period_months": months}
	for name, value := range more {
		in[name] = value
	}
	return in
}

func (c *cover) isRecorded(months int, bought string, more map[string]any) error {
	c.warranty = warranty.Warranty{}
	c.captain.Post("/api/warranties", c.input(months, bought, more), &c.warranty)
	return nil
}

func (c *cover) isWorth(months int, bought string, amount float64, currency string) error {
	return c.isRecorded(months, bought, map[string]any{"coverage_amount": amount, "currency": currency})
}

func (c *cover) path() string { return "/api/warranties/" + string(c.warranty.ID) }

// reads asks for the warranty as it is now.
func (c *cover) reads() warranty.Warranty {
	c.warranty = warranty.Warranty{ID: c.warranty.ID}
	c.captain.Get(c.path(), &c.warranty)
	return c.warranty
}

// takes keeps an answer and, when it is one, the warranty in it.
func (c *cover) takes(a apptest.Answer) error {
	c.answer = a
	if a.Status != http.StatusOK {
		return nil
	}
	c.older = fmt.Sprintf(`"%s"`, fleet.VersionOf(c.warranty.UpdatedAt))
	c.warranty = warranty.Warranty{}
	return json.Unmarshal(a.Body, &c.warranty)
}

func (c *cover) does(who, what string) error {
	ways := map[string][2]string{"asks for": {"GET", ""}, "deletes": {"DELETE", ""}, "restores": {"POST", "/restore"}}
	return c.takes(c.person(who).Do(ways[what][0], c.path()+ways[what][1], nil))
}

func (c *cover) patches(change map[string]any) error {
	return c.takes(c.captain.Do("PATCH", c.path(), change))
}

// ifMatch is the header of a step that goes by an older state.
func (c *cover) ifMatch(stale string) []string {
	if stale == "" {
		return nil
	}
	return []string{"If-Match: " + c.older}
}

func (c *cover) changesMonths(who string, months int, stale string) error {
	return c.takes(c.person(who).Do("PATCH", c.path(), map[string]any{"warranty_period_months": months}, c.ifMatch(stale)...))
}

func (c *cover) writesAnew(months int, stale string) error {
	return c.takes(c.captain.Do("PUT", c.path(), c.input(months, string(c.warranty.PurchaseDate), nil), c.ifMatch(stale)...))
}

// rows are the rows of a table below its head.
func rows(table *godog.Table) (out [][]string) {
	for _, row := range table.Rows[1:] {
		var cells []string
		for _, cell := range row.Cells {
			cells = append(cells, cell.Value)
		}
		out = append(out, cells)
	}
	return out
}

// same demands the rows of a table.
func same(table *godog.Table, got [][]string) error {
	want := rows(table)
	if slices.EqualFunc(want, got, slices.Equal) {
		return nil
	}
	text := make([]string, len(got))
	for i, row := range got {
		text[i] = strings.Join(row, " | ")
	}
	return fmt.Errorf("they are\n%s", strings.Join(text, "\n"))
}

func (c *cover) eachCovers(table *godog.Table) error {
	var got [][]string
	for _, row := range rows(table) {
		months, err := strconv.Atoi(row[1])
		if err != nil {
			return err
		}
		if err := c.isRecorded(months, row[0], nil); err != nil {
			return err
		}
		made := c.warranty
		if read := c.reads(); read.ExpirationDate != made.ExpirationDate {
			return fmt.Errorf("the answer says %s, what is kept %s", made.ExpirationDate, read.ExpirationDate)
		}
		got = append(got, []string{row[0], row[1], string(made.ExpirationDate)})
	}
	return same(table, got)
}

func (c *cover) eachIsRefused(table *godog.Table) error {
	var errs []error
	for _, row := range rows(table) {
		months, err := strconv.Atoi(row[1])
		if err != nil {
			return err
		}
		c.answer = c.captain.Do("POST", "/api/warranties", c.input(months, row[0], nil))
		errs = append(errs, c.answerIs(http.StatusBadRequest), c.answerNames(row[2]))
	}
	return errors.Join(errs...)
}

// answerNames demands that a refusal says which field is wrong.
func (c *cover) answerNames(location string) error {
	var p struct {
		Errors []struct{ Location string }
	}
	if err := json.Unmarshal(c.answer.Body, &p); err != nil {
		return err
	}
	for _, e := range p.Errors {
		if e.Location == location {
			return nil
		}
	}
	return fmt.Errorf("it says %s", c.answer.Body)
}

const amount = "4812.34"

func (c *cover) showsAmount() error {
	if !strings.Contains(string(c.answer.Body), amount) {
		return fmt.Errorf("it is %s", c.answer.Body)
	}
	return nil
}

// lists are all that tell of the warranty beside itself.
func (c *cover) lists() []string {
	return []string{
		"/api/warranties", "/api/warranties/expiring?days=365&include_expired=true", "/api/boats/" + c.boat + "/warranties",
		"/api/boats/" + c.boat + "/warranties/totals", "/api/boats/" + c.boat + "/summary", "/api/boats/" + c.boat + "/timeline",
	}
}

func (c *cover) hidesAmount() error {
	texts := []string{string(c.answer.Body)}
	for _, list := range c.lists() {
		texts = append(texts, string(c.person("a viewer of the organization").Want(http.StatusOK, "GET", list, nil).Body))
	}
	for _, text := range texts {
		if strings.Contains(text, "4812") {
			return fmt.Errorf("it is in %s", text)
		}
	}
	return nil
}

func (c *cover) hidesAll() error {
	for _, list := range c.lists() {
		a := c.person("a stranger").Do("GET", list, nil)
		if strings.Contains(string(a.Body), string(c.warranty.ID)) || a.Status != http.StatusOK && a.Status != http.StatusNotFound {
			return fmt.Errorf("%s answers %d %s", list, a.Status, a.Body)
		}
	}
	return nil
}

func (c *cover) coversUntil(day string) error {
	given := c.warranty.ExpirationDate
	if read := c.reads(); string(given) != day || string(read.ExpirationDate) != day {
		return fmt.Errorf("the last answer said %s, what is kept says %s", given, read.ExpirationDate)
	}
	return nil
}

// reminders are those of the warranty or of a line, the earliest first.
func reminders(w warranty.Warranty, line string) (out [][]string) {
	for _, t := range w.Thresholds {
		if t.LineID == line {
			out = append(out, []string{strconv.Itoa(t.Days), string(t.DueOn), t.State})
		}
	}
	return out
}

func (c *cover) remindersAre(table *godog.Table) error {
	if err := same(table, reminders(c.warranty, "")); err != nil {
		return fmt.Errorf("the answer: %w", err)
	}
	return same(table, reminders(c.reads(), ""))
}

// remindsNobody looks at the last answer where the warranty cannot be read.
func (c *cover) remindsNobody() error {
	w := c.warranty
	if w.Status != warranty.Deleted {
		w = c.reads()
	}
	if w.Status != warranty.Deleted && w.Status != warranty.Claimed || len(w.Thresholds) != 0 || w.Level != nil {
		return fmt.Errorf("it is %s, with %+v", w.Status, w.Thresholds)
	}
	return nil
}

func (c *cover) isListedAmong(status string) error {
	for _, s := range []string{"active", "claimed", "void", "expired", "deleted", ""} {
		query := "/api/warranties"
		if s != "" {
			query += "?status=" + s
		}
		want := s == status || s == "" && status != "deleted"
		if got := len(c.items(query)) == 1; got != want {
			return fmt.Errorf("%s lists it: %t", query, got)
		}
	}
	return nil
}

// items are the names in a list.
func (c *cover) items(query string) []string {
	var all []warranty.Warranty
	c.captain.Get(query, &all)
	names := []string{}
	for _, w := range all {
		names = append(names, w.ItemName)
	}
	return names
}

func (c *cover) trailSays(list string) error {
	var trail []account.Record
	c.captain.Get("/api/audit?boat_id="+c.boat, &trail)
	var timeline []fleet.Moment
	c.captain.Get("/api/boats/"+c.boat+"/timeline", &timeline)
	var audited, told []string // oldest first
	for _, r := range slices.Backward(trail) {
		if r.SubjectID == string(c.warranty.ID) && r.UserID != nil {
			audited = append(audited, r.Action)
		}
	}
	for _, m := range slices.Backward(timeline) {
		if strings.Contains(string(m.Data), string(c.warranty.ID)) {
			told = append(told, m.Type)
		}
	}
	if a, b := strings.Join(audited, ", "), strings.Join(told, ", "); a != list || b != list {
		return fmt.Errorf("the trail says %s, the timeline %s", a, b)
	}
	return nil
}

func (c *cover) areRecorded(table *godog.Table) error {
	for _, row := range rows(table) {
		if err := c.isRecorded(12, row[2], map[string]any{"item_name": row[0], "boat_id": c.boatID(row[1])}); err != nil {
			return err
		}
		switch row[3] {
		case "deleted":
			c.captain.Want(http.StatusOK, "DELETE", c.path(), nil)
		case "void", "claimed":
			change := map[string]any{"status": row[3]}
			if row[3] == "void" {
				change["void_reason"] = "racing"
			}
			c.captain.Want(http.StatusOK, "PATCH", c.path(), change)
		}
	}
	return nil
}

// expiring is the list that a query gives, in which boats go by their names.
func (c *cover) expiring(query string) string {
	values, err := url.ParseQuery(query)
	if err != nil {
		c.t.Fatal(err)
	}
	if values.Has("boat_id") {
		values.Set("boat_id", c.boatID(values.Get("boat_id")))
	}
	return "/api/warranties/expiring?" + values.Encode()
}

func (c *cover) areExpiring(table *godog.Table) error {
	var got [][]string
	for _, row := range rows(table) {
		got = append(got, []string{row[0], strings.Join(c.items(c.expiring(row[0])), ", ")})
	}
	return same(table, got)
}

func (c *cover) sayDaysLeft(table *godog.Table) error {
	var all []warranty.Warranty
	c.captain.Get(c.expiring("days=365"), &all)
	var got [][]string
	for _, w := range all {
		got = append(got, []string{w.ItemName, strconv.Itoa(w.DaysLeft), level(w)})
	}
	return same(table, got)
}

func level(w warranty.Warranty) string {
	if w.Level == nil {
		return ""
	}
	return *w.Level
}

func (c *cover) queriesAreRefused(a, b, d string) error {
	for _, q := range []string{a, b, d} {
		if c.answer = c.captain.Do("GET", c.expiring(q), nil); c.answer.Status != http.StatusBadRequest {
			return fmt.Errorf("%s answers %d %s", q, c.answer.Status, c.answer.Body)
		}
	}
	return nil
}

// dayByDay asks for the warranty in each of the places and times.
func (c *cover) dayByDay(table *godog.Table) error {
	var got [][]string
	for _, row := range rows(table) {
		at, err := time.Parse(time.RFC3339, row[1])
		if err != nil {
			return err
		}
		c.goesOn(at)
		settings := account.Settings{TimeZone: row[0], Languages: []string{"eng"}, AuditYears: 7}
		c.captain.Want(http.StatusOK, "PUT", "/api/organizations/"+string(c.captain.Org)+"/settings", settings)
		w, listed := c.reads(), "no"
		if len(c.items(c.expiring("days=1"))) == 1 {
			listed = "yes"
		}
		if among := c.items("/api/warranties?status=" + string(w.Status)); len(among) != 1 {
			return fmt.Errorf("%s at %s: it is %s and not listed among them", row[0], row[1], w.Status)
		}
		got = append(got, []string{row[0], row[1], strconv.Itoa(w.DaysLeft), string(w.Status), level(w), listed})
	}
	return same(table, got)
}

func (c *cover) isVoid(why string) error {
	if w := c.reads(); w.Status != warranty.Void || w.VoidReason != why || len(w.Thresholds) != 0 {
		return fmt.Errorf("it is %s because %q, with %+v", w.Status, w.VoidReason, w.Thresholds)
	}
	return nil
}

func (c *cover) isActive() error {
	w := c.reads()
	if w.Status != warranty.Active || w.VoidReason != "" || len(w.Thresholds) != 4 {
		return fmt.Errorf("it is %s because %q, with %+v", w.Status, w.VoidReason, w.Thresholds)
	}
	return due(w.Thresholds)
}

// due demands that somebody will be told of each.
func due(all []warranty.Threshold) error {
	for _, t := range all {
		if t.State != "due" {
			return fmt.Errorf("%d days before %s is %s", t.Days, t.ExpiresOn, t.State)
		}
	}
	return nil
}
