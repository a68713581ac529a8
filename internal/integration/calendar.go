package integration

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	ics "github.com/arran4/golang-ical"

	"navidocs/internal/account"
	"navidocs/internal/document"
	"navidocs/internal/fleet"
	"navidocs/internal/warranty"
)

//go:embed words.json
var wordsJSON []byte

// words are what a calendar says, by language; {item} is the thing, {boat} its boat.
type words struct {
	Calendar    string `json:"calendar"`
	Warranty    string `json:"warranty"`
	Certificate string `json:"certificate"`
	Until       string `json:"until"`
	Provider    string `json:"provider"`
}

var wordsOf = sync.OnceValue(func() map[string]words {
	var all map[string]words
	if err := json.Unmarshal(wordsJSON, &all); err != nil {
		panic(err) // embedded: a mistake of ours, found by every test
	}
	return all
})

// shownFor is how long after its end something stays in a calendar.
const shownFor = 365 * 24 * time.Hour

// most bounds a calendar.
const most = 2000

// entry is a day in a calendar.
type entry struct {
	uid, summary, description string
	day                       fleet.Date
	changed                   time.Time
}

// calendar lays out what an actor may see of one boat or of all.
func (s *Service) calendar(ctx context.Context, who account.Actor, f Feed) ([]byte, error) {
	me, err := s.accounts.Me(ctx, who)
	if err != nil {
		return nil, err
	}
	w, ok := wordsOf()[me.Language]
	if !ok {
		w = wordsOf()["en"]
	}
	boats, err := s.ours(ctx, who, f)
	if err != nil {
		return nil, err
	}
	warranties, err := s.warrantyEntries(ctx, who, f, w, boats)
	if err != nil {
		return nil, err
	}
	certificates, err := s.certificateEntries(ctx, who, f, w, boats)
	if err != nil {
		return nil, err
	}
	all := slices.Concat(warranties, certificates)
	slices.SortFunc(all, func(a, b entry) int { return cmp.Or(cmp.Compare(a.day, b.day), cmp.Compare(a.uid, b.uid)) })
	return layOut(cmp.Or(f.Name, w.Calendar), f.AlarmDays, all)
}

// ours are the names of the boats in the calendar; a sold one is its buyer's.
func (s *Service) ours(ctx context.Context, who account.Actor, f Feed) (map[fleet.BoatID]string, error) {
	if f.BoatID != nil {
		b, err := s.boats.Boat(ctx, who, *f.BoatID)
		if err != nil || b.FrozenAt != nil {
			return nil, err
		}
		return map[fleet.BoatID]string{b.ID: b.Name}, nil
	}
	all, _, err := s.boats.Boats(ctx, who, fleet.BoatFilter{Page: fleet.Page{Limit: most}})
	names := map[fleet.BoatID]string{}
	for _, b := range all {
		if b.FrozenAt == nil {
			names[b.ID] = b.Name
		}
	}
	return names, err
}

func (f Feed) boat() fleet.BoatID {
	if f.BoatID == nil {
		return ""
	}
	return *f.BoatID
}

func (s *Service) warrantyEntries(ctx context.Context, who account.Actor, f Feed, w words, boats map[fleet.BoatID]string) (out []entry, err error) {
	all, _, err := s.warranties.Warranties(ctx, who, warranty.Filter{BoatID: f.boat(), Within: -1, Sort: "-expiration_date", Page: fleet.Page{Limit: most}})
	for _, x := range all {
		boat, ok := boats[x.BoatID]
		if !ok || x.Status == warranty.Void || s.old(x.ExpirationDate) {
			continue
		}
		e := entry{uid: "warranty-" + string(x.ID), day: x.ExpirationDate, changed: x.UpdatedAt, summary: say(w.Warranty, x.ItemName, boat)}
		e.description = w.Until + ": " + string(x.ExpirationDate)
		if x.Provider != "" {
			e.description += "\n" + w.Provider + ": " + x.Provider
		}
		out = append(out, e)
	}
	return out, err
}

func (s *Service) certificateEntries(ctx context.Context, who account.Actor, f Feed, w words, boats map[fleet.BoatID]string) (out []entry, err error) {
	all, _, err := s.documents.Documents(ctx, who, document.Filter{BoatID: f.boat(), Certificates: true, Page: fleet.Page{Limit: most}})
	for _, x := range all {
		if x.ExpiresOn == nil || s.old(*x.ExpiresOn) {
			continue
		}
		var names []string
		for _, id := range x.BoatIDs {
			if name, ok := boats[id]; ok {
				names = append(names, name)
			}
		}
		if len(names) == 0 && len(x.BoatIDs) > 0 {
			continue // of a sold boat alone
		}
		out = append(out, entry{
			uid: "certificate-" + string(x.ID), day: *x.ExpiresOn, changed: x.UpdatedAt,
			summary:     say(w.Certificate, x.Title, strings.Join(names, ", ")),
			description: w.Until + ": " + string(*x.ExpiresOn),
		})
	}
	return out, err
}

func (s *Service) old(d fleet.Date) bool {
	return string(d) < s.db.Now().Add(-shownFor).Format(time.DateOnly)
}

// say fills a text in; without a boat its part in brackets goes.
func say(text, item, boat string) string {
	if boat == "" {
		text, _, _ = strings.Cut(text, " (")
	}
	return strings.NewReplacer("{item}", item, "{boat}", boat).Replace(text)
}

// layOut writes a calendar (RFC 5545), the same bytes for the same entries. An
// entry is a whole day, the last one of cover.
func layOut(name string, alarmDays int, all []entry) ([]byte, error) {
	cal := ics.NewCalendarFor("NaviDocs")
	cal.SetMethod(ics.MethodPublish)
	name = plain(name)
	cal.SetName(name)
	cal.SetXWRCalName(name)
	cal.SetRefreshInterval("PT12H", ics.WithValue("DURATION"))
	cal.SetXPublishedTTL("PT12H")
	for _, e := range all {
		day, err := time.Parse(time.DateOnly, string(e.day))
		if err != nil {
			continue // the domains store no such date
		}
		v := cal.AddEvent(e.uid + "@navidocs")
		v.SetDtStampTime(e.changed)
		v.SetModifiedAt(e.changed)
		v.SetAllDayStartAt(day)
		v.SetAllDayEndAt(day.AddDate(0, 0, 1))
		v.SetSummary(plain(e.summary))
		v.SetDescription(plain(e.description))
		v.SetTimeTransparency(ics.TransparencyTransparent)
		if alarmDays > 0 {
			alarm := v.AddAlarm()
			alarm.SetAction(ics.ActionDisplay)
			alarm.SetTrigger(fmt.Sprintf("-P%dD", alarmDays))
			alarm.SetProperty(ics.ComponentPropertyDescription, plain(e.summary))
		}
	}
	var out bytes.Buffer
	err := cal.SerializeTo(&out, ics.WithNewLineWindows)
	return out.Bytes(), err
}

// plain is a text without the control characters that no value may have (RFC
// 5545, 3.1); the library escapes the ends of lines.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, s)
}
