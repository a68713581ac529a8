package api

import (
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"navidocs/internal/event"
)

// shared are names of types that say little outside their package, and that
// other packages have too: the contract names them after their package as well.
var shared = []string{"Patch", "Input", "Line", "LineInput", "Link", "Paper", "Letter", "LetterInput", "Term", "Totals", "Threshold", "Sum", "Data"}

// nameSchema names a type in the contract.
func nameSchema(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t { // an event's boat is an id and a name
	case reflect.TypeFor[event.Envelope]():
		return "Event"
	case reflect.TypeFor[event.Boat]():
		return "EventBoat"
	}
	// What a listing is made of has everyday names: all of them say whose they are.
	ofListing := strings.HasSuffix(t.PkgPath(), "/listing") && !strings.HasPrefix(name, "Listing")
	if !slices.Contains(shared, name) && !ofListing {
		return name
	}
	room := t.PkgPath()[strings.LastIndex(t.PkgPath(), "/")+1:]
	return strings.ToUpper(room[:1]) + room[1:] + name
}
