package features

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/cucumber/godog"

	"navidocs/internal/fleet"
	"navidocs/internal/warranty"
)

func (c *cover) termSteps(sc *godog.ScenarioContext) {
	sc.Step(`^a "([^"]*)" aboard, whose hours are read$`, c.isAboard)
	sc.Step(`^a warranty of (\d+) months on it, bought on (\S+), whose maker's invoice is of (\S+), with these lines:$`, c.hasLines)
	sc.Step(`^its lines end so:$`, c.linesEnd)
	sc.Step(`^its meter is read: (\d+) hours on (\S+)$`, c.meterIsRead)
	sc.Step(`^the line "([^"]*)" has reminders of its own, all due$`, c.lineReminds)
	sc.Step(`^the line "([^"]*)" has one left, on (\S+)$`, c.lineHasOneLeft)
	sc.Step(`^a warranty of (\d+) months by "([^"]*)" on the "([^"]*)", bought on (\S+)$`, c.isBy)
	sc.Step(`^these terms are proposed:$`, c.areProposed)
	sc.Step(`^each of them names its source$`, c.nameSources)
	sc.Step(`^nothing says that it has its terms from elsewhere$`, func() error { return c.sourceSays() })
	sc.Step(`^it says that its terms are those of "([^"]*)", "([^"]*)" and "([^"]*)"$`, func(a, b, d string) error { return c.sourceSays(a, b, d) })
	sc.Step(`^the captain applies the "([^"]*)" terms( as a line)?$`, c.applies)
	sc.Step(`^the captain applies the terms of an outboard$`, c.appliesOther)
}

func (c *cover) isAboard(name string) error {
	var made fleet.Equipment
	c.captain.Post("/api/equipment", map[string]string{"boat_id": c.boat, "name": name, "system_code": "500"}, &made)
	c.item = made.ID
	return nil
}

// hasLines records a warranty whose limits are cells; an empty one is no limit.
func (c *cover) hasLines(months int, bought, invoiced string, table *godog.Table) error {
	lines := []map[string]any{}
	for _, row := range rows(table) {
		line := map[string]any{"coverage": row[0]}
		for i, limit := range []string{"months", "hours_limit", "months_after_invoice"} {
			if n, err := strconv.Atoi(row[i+1]); err == nil {
				line[limit] = n
			}
		}
		lines = append(lines, line)
	}
	return c.isRecorded(months, bought, map[string]any{"equipment_id": c.item, "maker_invoice_date": invoiced, "coverage_lines": lines})
}

func (c *cover) linesEnd(table *godog.Table) error {
	var got [][]string
	for _, l := range c.reads().Lines {
		until := ""
		if l.ExpirationDate != nil {
			until = string(*l.ExpirationDate)
		}
		got = append(got, []string{l.Coverage, until, l.EndsBy, string(l.Status)})
	}
	return same(table, got)
}

func (c *cover) meterIsRead(hours int, day string) error {
	c.captain.Want(http.StatusCreated, "POST", "/api/equipment/"+string(c.item)+"/readings", map[string]any{"hours": hours, "read_on": day, "source": "hour meter"})
	c.reads()
	return nil
}

// ofLine are the reminders of one coverage of the warranty.
func (c *cover) ofLine(coverage string) (out []warranty.Threshold, err error) {
	w := c.reads()
	i := slices.IndexFunc(w.Lines, func(l warranty.Line) bool { return l.Coverage == coverage })
	if i < 0 {
		return nil, fmt.Errorf("there is no line %q", coverage)
	}
	for _, t := range w.Thresholds {
		if t.LineID == w.Lines[i].ID {
			out = append(out, t)
		}
	}
	return out, nil
}

func (c *cover) lineReminds(coverage string) error {
	all, err := c.ofLine(coverage)
	if err == nil && len(all) != 4 {
		err = fmt.Errorf("they are %+v", all)
	}
	if err != nil {
		return err
	}
	return due(all)
}

func (c *cover) lineHasOneLeft(coverage, day string) error {
	all, err := c.ofLine(coverage)
	if err != nil {
		return err
	}
	left := slices.DeleteFunc(slices.Clone(all), func(t warranty.Threshold) bool { return t.State != "due" })
	if len(left) != 1 || string(left[0].DueOn) != day {
		return fmt.Errorf("they are %+v", all)
	}
	return nil
}

func (c *cover) isBy(months int, provider, item, bought string) error {
	return c.isRecorded(months, bought, map[string]any{"provider": provider, "item_name": item})
}

func (c *cover) proposed() (all []warranty.Term) {
	c.captain.Get(c.path()+"/suggestions", &all)
	return all
}

// areProposed looks at the makers' own terms, before what is typical of all.
func (c *cover) areProposed(table *godog.Table) error {
	var got [][]string
	for _, t := range c.proposed() {
		got = append(got, []string{t.Maker, t.Coverage, strconv.Itoa(t.Months), t.Edition})
	}
	return same(table, got)
}

func (c *cover) nameSources() error {
	for _, t := range c.proposed() {
		if t.Source == "" {
			return fmt.Errorf("%s names none", t.ID)
		}
	}
	return nil
}

// sourceSays demands words in what the warranty says of where its terms come
// from, and that it says nothing where there are none.
func (c *cover) sourceSays(words ...string) error {
	source := c.reads().TermsSource
	for _, word := range words {
		if !strings.Contains(source, word) {
			return fmt.Errorf("it says %q", source)
		}
	}
	if len(words) == 0 && source != "" {
		return fmt.Errorf("it says %q", source)
	}
	return nil
}

func (c *cover) applies(coverage, line string) error {
	all := c.proposed()
	i := slices.IndexFunc(all, func(t warranty.Term) bool { return t.Coverage == coverage })
	if i < 0 {
		return fmt.Errorf("they are not among %+v", all)
	}
	var how any
	if line != "" {
		how = map[string]string{"as": "line"}
	}
	return c.takes(c.captain.Do("POST", c.path()+"/suggestions/"+all[i].ID+"/apply", how))
}

func (c *cover) appliesOther() error {
	var all []warranty.Term
	c.captain.Get("/api/warranty-terms?maker=Yamaha&product=outboard", &all)
	if len(all) == 0 {
		return fmt.Errorf("there are none")
	}
	return c.takes(c.captain.Do("POST", c.path()+"/suggestions/"+all[0].ID+"/apply", nil))
}
