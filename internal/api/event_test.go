package api

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/go-cmp/cmp"

	"navidocs/internal/event"
)

// Every type of the catalogue has a payload; its example has every field of it
// that is always there, none that it lacks, and is as the contract says.
func TestEveryEventTypeHasItsPayload(t *testing.T) {
	t.Parallel()
	spec := New(Services{}, Config{}).OpenAPI()
	for _, x := range event.Types() {
		data := payload(x.Name)
		if data == nil {
			t.Errorf("%s has no payload", x.Name)
			continue
		}
		value := reflect.New(data).Interface()
		in := json.NewDecoder(bytes.NewReader(x.Example))
		in.DisallowUnknownFields()
		if err := in.Decode(value); err != nil {
			t.Errorf("%s: %v", x.Name, err)
		}
		again, err := json.Marshal(value)
		if diff := cmp.Diff(parsed(t, x.Example), parsed(t, again)); err != nil || diff != "" {
			t.Errorf("%s: %v %s", x.Name, err, diff)
		}
		media := spec.Webhooks[x.Name].Post.RequestBody.Content["application/json"]
		var found huma.ValidateResult
		for _, s := range media.Schema.AllOf {
			if ref := s; ref.Ref != "" {
				s = spec.Components.Schemas.SchemaFromRef(ref.Ref)
			}
			s.AdditionalProperties = nil // each half of allOf lacks what the other has
			huma.Validate(spec.Components.Schemas, s, huma.NewPathBuffer(nil, 0), huma.ModeWriteToServer, media.Example, &found)
		}
		if len(found.Errors) > 0 {
			t.Errorf("%s: %v", x.Name, found.Errors)
		}
	}
	if len(spec.Webhooks) != len(event.Types()) {
		t.Error(len(spec.Webhooks))
	}
	if payload("boats.created") != nil {
		t.Error("an unknown type has a payload")
	}
}

func parsed(t *testing.T, text []byte) (v any) {
	t.Helper()
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// OpenAPI 3.0 knows no webhooks.
func TestTheOldContractHasNoWebhooks(t *testing.T) {
	t.Parallel()
	v31, v30, err := New(Services{}, Config{}).Contract()
	if err != nil {
		t.Fatal(err)
	}
	word := []byte("\nwebhooks:\n")
	if !bytes.Contains(v31, word) || bytes.Contains(v30, word) {
		t.Error("webhooks are in the wrong contract")
	}
}
