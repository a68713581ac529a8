package webhook

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"navidocs/internal/event"
)

// longest says how many characters the domains let a text of a payload have, by
// its name; what has a form of its own (ids, dates, words of a list) keeps the
// example's.
var longest = map[string]int{
	"title": 300, "name": 200, "make": 200, "model": 200, "boat_name": 200, "item_name": 200, "provider": 200, "equipment_name": 200,
	"coverage": 100, "description": 500, "reason": 2000, "url": 2000, "reference": 200, "portal": 200, "slug": 40,
}

// formed are the texts with a form.
const formed = " boat_id boat_ids claim_id class connection_id document_id done_on due_on equipment_id expiration_date expires_at expires_on kind line_id listing_id " +
	"package_sha256 record_id sale_id status task_id transfer_date type warranty_id webhook_id "

// fullest is a payload whose texts are as long as they may be, of a character
// that JSON writes with six bytes.
func fullest(t *testing.T, name string, value any) any {
	t.Helper()
	switch value := value.(type) {
	case map[string]any:
		for name, member := range value {
			value[name] = fullest(t, name, member)
		}
	case []any:
		for i, element := range value {
			value[i] = fullest(t, name, element)
		}
	case string:
		if n := longest[name]; n > 0 {
			letter := "<"
			if name == "url" || name == "reason" {
				letter = "x" // of a host, or ours about one
			}
			return strings.Repeat(letter, n)
		}
		if !strings.Contains(formed, " "+name+" ") {
			t.Errorf("how long may %s be?", name)
		}
	}
	return value
}

// TestEveryEventFitsWhole: whatever people write, an event of each type stays
// below the longest body, the sample and the fullest one.
func TestEveryEventFitsWhole(t *testing.T) {
	t.Parallel()
	most := 0
	for _, kind := range event.Types() {
		if kind.Audience == event.Operators {
			continue // no webhook is sent it
		}
		e := kind.Sample()
		sample, err := body(e)
		if err != nil || strings.Contains(string(sample), `"thin"`) || len(sample) > 2000 {
			t.Errorf("%s: the sample has %d bytes, %v", kind.Name, len(sample), err)
		}
		var data any
		if err := json.Unmarshal(e.Data, &data); err != nil {
			t.Fatal(err)
		}
		if e.Data, err = json.Marshal(fullest(t, "", data)); err != nil {
			t.Fatal(err)
		}
		if e.Boat != nil {
			e.Boat.Name = strings.Repeat("<", longest["name"])
		}
		b, err := body(e)
		if err != nil || len(b) > maxBody || strings.Contains(string(b), `"thin"`) {
			t.Errorf("%s: %d bytes, %v", kind.Name, len(b), err)
		}
		most = max(most, len(b))
	}
	t.Logf("the longest has %d bytes", most)
}

// A document may belong to any number of boats: one of very many goes thin, and
// says where the whole of it is read.
func TestALongEventGoesThin(t *testing.T) {
	t.Parallel()
	for boats, wantThin := range map[int]bool{1: false, 450: false, 600: true, 5000: true} {
		kind, _ := event.TypeOf("document.uploaded")
		e := kind.Sample()
		var data map[string]any
		if err := json.Unmarshal(e.Data, &data); err != nil {
			t.Fatal(err)
		}
		ids := make([]string, boats)
		for i := range ids {
			ids[i] = fmt.Sprintf("019a0000-0000-7000-8000-%012d", i)
		}
		data["boat_ids"] = ids
		var err error
		if e.Data, err = json.Marshal(data); err != nil {
			t.Fatal(err)
		}
		b, err := body(e)
		if err != nil || len(b) > maxBody {
			t.Errorf("%d boats: %d bytes, %v", boats, len(b), err)
		}
		var got struct {
			ID       string
			Sequence int64
			Thin     bool
			Link     string
			Data     any
		}
		if err := json.Unmarshal(b, &got); err != nil || got.ID != e.ID || got.Sequence != e.Sequence || got.Thin != wantThin || (got.Data == nil) != wantThin {
			t.Errorf("%d boats: %.300s, %v", boats, b, err)
		}
		if wantThin && got.Link != "/api/boats/"+e.Boat.ID+"/timeline" {
			t.Errorf("%d boats: %q", boats, got.Link)
		}
	}
}
