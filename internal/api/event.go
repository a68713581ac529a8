package api

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"navidocs/internal/account"
	"navidocs/internal/document"
	"navidocs/internal/event"
	"navidocs/internal/fleet"
	"navidocs/internal/warranty"
)

// EventType is a type of events, as those who subscribe are told of it.
type EventType struct {
	Name        string         `json:"name" example:"warranty.expiring"`
	Description string         `json:"description"`
	Audience    event.Audience `json:"audience" enum:"open,money,personal,class,operators" doc:"who may hear of it; class: as data.class says; operators: no organization"`
	Example     event.Envelope `json:"example" doc:"a whole event; its data are described under webhooks in the contract"`
}

func (a *API) eventOperations() {
	add(a, op{id: "list-event-types", method: http.MethodGet, path: "/api/event-types", tag: "events", summary: "What can happen, each with an example"},
		func(context.Context, account.Actor, *struct{}) (*body[[]EventType], error) {
			var all []EventType
			for _, t := range event.Types() {
				all = append(all, EventType{t.Name, t.Description, t.Audience, t.Sample()})
			}
			return answer(all, nil)
		})
	a.describeEvents()
}

// payload is the Go type of an event's data, nil where nobody gave one.
func payload(eventType string) reflect.Type {
	domain, verb, _ := strings.Cut(eventType, ".")
	switch domain {
	case "boat":
		return reflect.TypeFor[fleet.BoatData]()
	case "document":
		return reflect.TypeFor[document.Data]()
	case "warranty":
		if verb == "expiring" || verb == "expired" {
			return reflect.TypeFor[warranty.ReminderData]()
		}
		return reflect.TypeFor[warranty.Data]()
	case "certificate":
		return reflect.TypeFor[event.CertificateData]()
	case "maintenance":
		return reflect.TypeFor[event.MaintenanceData]()
	case "sale":
		return reflect.TypeFor[event.SaleData]()
	case "listing":
		if verb == "stopped" {
			return reflect.TypeFor[event.PortalData]()
		}
		return reflect.TypeFor[event.ListingData]()
	case "webhook":
		return reflect.TypeFor[event.WebhookData]()
	case "backup":
		return reflect.TypeFor[event.BackupData]()
	}
	return nil
}

// describeEvents writes every type of events, with its payload, under webhooks of
// the contract.
func (a *API) describeEvents() {
	spec := a.huma.OpenAPI()
	all := spec.Components.Schemas.Map()
	boat := *all["EventBoat"]
	boat.Nullable = true // which the framework can say of no reference
	all["Event"].Properties["boat"] = &boat
	spec.Webhooks = map[string]*huma.PathItem{}
	for _, t := range event.Types() {
		spec.Webhooks[t.Name] = &huma.PathItem{Post: describeEvent(spec.Components.Schemas, t)}
	}
}

func describeEvent(schemas huma.Registry, t event.Type) *huma.Operation {
	envelope := schemas.Schema(reflect.TypeFor[event.Envelope](), true, "Event")
	data := schemas.Schema(payload(t.Name), true, "EventData")
	schemas.SchemaFromRef(data.Ref).AdditionalProperties = true // later versions add fields
	return &huma.Operation{
		OperationID: "event-" + strings.NewReplacer(".", "-", "_", "-").Replace(t.Name), Summary: t.Description, Tags: []string{"events"},
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/json": {
			Schema: &huma.Schema{AllOf: []*huma.Schema{envelope, {
				Type: huma.TypeObject, Properties: map[string]*huma.Schema{"type": {Type: huma.TypeString, Enum: []any{t.Name}}, "data": data},
			}}},
			Example: sample(t),
		}}},
		Responses: map[string]*huma.Response{"2XX": {Description: "Any answer of 2xx says that the event has arrived."}},
	}
}

// sample is the example of a type as plain JSON, which is what the contract is
// printed from.
func sample(t event.Type) (v any) {
	text, err := json.Marshal(t.Sample())
	if err == nil {
		err = json.Unmarshal(text, &v)
	}
	if err != nil {
		panic("the example of " + t.Name + " is no JSON: " + err.Error())
	}
	return v
}
