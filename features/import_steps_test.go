package features

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/cucumber/godog"

	"navidocs/internal/account"
	"navidocs/internal/apptest"
	"navidocs/internal/archive"
	"navidocs/internal/bundle"
	"navidocs/internal/document"
	"navidocs/internal/fleet"
	"navidocs/internal/record"
	"navidocs/internal/sale"
	"navidocs/internal/testkit"
	"navidocs/internal/warranty"
)

// importing is what a scenario knows of archives.
type importing struct {
	*world
	buyer    *apptest.Client
	papers   map[string]document.Document
	archive  []byte
	imported record.Import
	exports  [][]byte
}

func (w *world) importSteps(sc *godog.ScenarioContext) {
	s := &importing{world: w, papers: map[string]document.Document{}}
	sc.Step(`^the boat has equipment, a warranty and the papers "([^"]*)" and "([^"]*)"$`, s.hasRecord)
	sc.Step(`^a package of the boat without the paper "([^"]*)"$`, s.packs)
	sc.Step(`^a byte of the paper "([^"]*)" in the package is changed$`, s.changes)
	sc.Step(`^a package whose equipment is on a boat of somebody else$`, s.packsHostile)
	sc.Step(`^a buyer with an organization of their own imports it$`, func() error { return s.imports("/api/packages/import") })
	sc.Step(`^the buyer imports it again$`, func() error { return s.imports("/api/packages/import") })
	sc.Step(`^the buyer has the boat with its equipment, its warranty and the paper "([^"]*)" of the same hash$`, s.hasAll)
	sc.Step(`^the buyer has neither the paper "([^"]*)" nor an amount$`, s.hasNeither)
	sc.Step(`^the buyer finds the words of the paper "([^"]*)" at once$`, s.finds)
	sc.Step(`^the answer says that it is there already, and there is one boat$`, s.isThereAlready)
	sc.Step(`^the import fails, names "([^"]*)", and leaves no boat$`, s.fails)
	sc.Step(`^the buyer sends words in the place of an archive$`, func() error {
		s.answer = s.buyer.SendFile("/api/packages/import", "a.zip", []byte("words"))
		return nil
	})
	sc.Step(`^the captain exports the organization$`, func() error { return s.exporting(s.captain) })
	sc.Step(`^a buyer with an organization of their own imports the export$`, func() error {
		s.archive = s.exports[0]
		return s.imports("/api/import")
	})
	sc.Step(`^the buyer exports their organization too$`, func() error { return s.exporting(s.buyer) })
	sc.Step(`^both exports hold the same records and the same files$`, s.areEqual)
}

func (s *importing) hasRecord(manual, invoice string) error {
	var pump struct{ ID string }
	s.captain.Post("/api/equipment", map[string]string{"boat_id": s.boat, "system_code": "400", "name": "Pump"}, &pump)
	s.captain.Post("/api/warranties", map[string]any{
		"boat_id": s.boat, "equipment_id": pump.ID, "item_name": "Pump", "purchase_date": "2026-01-15", "warranty_period_months": 24, "coverage_amount": 900, "currency": "EUR",
	}, &struct{}{})
	for name, kind := range map[string]string{manual: "MAN-EQ", invoice: "OWN-BOS"} {
		d := s.captain.Upload(name+".txt", []byte("the words of the "+name), "boat_id="+s.boat, "type="+kind)
		s.papers[name] = s.captain.Read(d.ID)
	}
	return nil
}

// files are the data files and papers of a package of the boat, and the document
// of each path.
func (s *importing) files() (files, documents map[string]string, err error) {
	chosen := map[string]bool{}
	for _, d := range s.papers {
		chosen[string(d.ID)] = true
	}
	data, err := s.server.App.Records.Files(s.t.Context(), s.server.DB, record.Scope{
		Org: s.captain.Org, Boats: []account.BoatID{account.BoatID(s.boat)}, Documents: chosen, Redact: true,
	})
	if err != nil {
		return nil, nil, err
	}
	defer data.Close()
	files, documents = map[string]string{}, map[string]string{}
	for _, f := range data.List {
		r, err := f.Open(s.t.Context())
		if err != nil {
			return nil, nil, err
		}
		text, err := io.ReadAll(r)
		if err != nil {
			return nil, nil, err
		}
		files[f.Path] = string(text)
	}
	for name, d := range s.papers {
		path := "documents/" + name + ".txt"
		files[path], documents[path] = "the words of the "+name, string(d.ID)
	}
	return files, documents, nil
}

func (s *importing) sign(files, documents map[string]string) error {
	var all []archive.File
	for _, path := range slices.Sorted(maps.Keys(files)) {
		f := archive.Content(path, "application/octet-stream", []byte(files[path]))
		f.DocumentID = documents[path]
		all = append(all, f)
	}
	var out bytes.Buffer
	m := bundle.Manifest{Schema: "navidocs-package/1", Title: "Calypso", CreatedAt: time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC)}
	_, err := archive.Write(s.t.Context(), &out, m, all, ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32)), nil)
	s.archive = out.Bytes()
	return err
}

// packs sells the boat, whose package leaves out the originals by itself.
func (s *importing) packs(without string) error {
	var x sale.Sale
	s.captain.Post("/api/sales", map[string]string{"boat_id": s.boat, "buyer_email": "buyer@example.org"}, &x)
	var err error
	if _, s.archive, err = s.generates(x.ID); err == nil && bytes.Contains(s.archive, []byte("the words of the "+without)) {
		err = fmt.Errorf("%s is in the package", without)
	}
	return err
}

func (s *importing) packsHostile() error {
	files, documents, err := s.files()
	if err != nil {
		return err
	}
	const path = "data/equipment.json"
	files[path] = strings.Replace(files[path], `"boat_id":"`+s.boat+`"`, `"boat_id":"somebody-elses"`, 1)
	return s.sign(files, documents)
}

func (s *importing) changes(paper string) error {
	name := paper + ".txt" // the bytes of a stored file follow its name
	at := bytes.Index(s.archive, []byte(name+"the words of the "+paper))
	if at < 0 {
		return fmt.Errorf("the package has no %s", paper)
	}
	s.archive[at+len(name)] ^= 1
	return nil
}

func (s *importing) imports(path string) error {
	if s.buyer == nil {
		s.buyer = s.server.User("buyer@example.org", "", "")
	}
	s.answer = s.buyer.SendFile(path, "boat.zip", s.archive)
	if s.answer.Status != http.StatusAccepted {
		return fmt.Errorf("%d: %s", s.answer.Status, s.answer.Body)
	}
	var made record.Import
	s.answer.Into(s.server, &made)
	if s.answer.Header.Get("Location") != "/api/packages/imports/"+string(made.ID) {
		return fmt.Errorf("%v", s.answer.Header)
	}
	testkit.Eventually(s.t, func() error {
		if s.buyer.Get("/api/packages/imports/"+string(made.ID), &s.imported); s.imported.FinishedAt == nil {
			return fmt.Errorf("it is %s", s.imported.State)
		}
		return nil
	})
	s.imported.Already = made.Already
	return nil
}

func (s *importing) hasAll(paper string) error {
	if s.imported.State != record.Completed || len(s.imported.Boats) != 1 {
		return fmt.Errorf("%+v", s.imported)
	}
	boat := string(s.imported.Boats[0])
	var b fleet.Boat
	var equipment []fleet.Equipment
	var warranties []warranty.Warranty
	s.buyer.Get("/api/boats/"+boat, &b)
	s.buyer.Get("/api/boats/"+boat+"/equipment", &equipment)
	s.buyer.Get("/api/boats/"+boat+"/warranties", &warranties)
	if b.Name != "Calypso" || len(equipment) != 1 || equipment[0].Name != "Pump" || len(warranties) != 1 || warranties[0].ExpirationDate != "2028-01-15" ||
		*warranties[0].EquipmentID != equipment[0].ID {
		return fmt.Errorf("%+v %+v %+v", b, equipment, warranties)
	}
	var papers []document.Document
	s.buyer.Get("/api/boats/"+boat+"/documents", &papers)
	if len(papers) != 1 || papers[0].SHA256 != s.papers[paper].SHA256 || papers[0].Status != document.Ready || papers[0].Title != paper {
		return fmt.Errorf("%+v", papers)
	}
	if got := s.buyer.Want(http.StatusOK, "GET", "/api/documents/"+string(papers[0].ID)+"/content", nil); string(got.Body) != "the words of the "+paper {
		return fmt.Errorf("%s", got.Body)
	}
	return nil
}

func (s *importing) hasNeither(paper string) error {
	if n := s.buyer.Search(paper).Total; n != 0 {
		return fmt.Errorf("%d hits", n)
	}
	var warranties []warranty.Warranty
	if s.buyer.Get("/api/warranties", &warranties); warranties[0].CoverageAmount != nil {
		return fmt.Errorf("%+v", warranties)
	}
	return nil
}

func (s *importing) finds(paper string) error {
	if r := s.buyer.Search("words " + paper); r.Total == 0 {
		return fmt.Errorf("%+v", r)
	}
	return nil
}

func (s *importing) isThereAlready() error {
	var boats []fleet.Boat
	if s.buyer.Get("/api/boats", &boats); !s.imported.Already || len(boats) != 1 {
		return fmt.Errorf("%+v, %d boats", s.imported, len(boats))
	}
	return nil
}

func (s *importing) fails(name string) error {
	var boats []fleet.Boat
	s.buyer.Get("/api/boats", &boats)
	if s.imported.State != record.Failed || !strings.Contains(s.imported.Error, name) || len(boats) != 0 {
		return fmt.Errorf("%+v, %d boats", s.imported, len(boats))
	}
	return nil
}

func (s *importing) exporting(who *apptest.Client) error {
	var x record.Export
	who.Want(http.StatusAccepted, "POST", "/api/export", nil).Into(s.server, &x)
	testkit.Eventually(s.t, func() error {
		if who.Get("/api/exports/"+string(x.ID), &x); x.State != record.Completed {
			return fmt.Errorf("it is %s: %s", x.State, x.Error)
		}
		return nil
	})
	s.exports = append(s.exports, who.Want(http.StatusOK, "GET", "/api/exports/"+string(x.ID)+"/content", nil).Body)
	return nil
}

// held is what an archive holds, ids left out: how many of each row there are,
// and the files of papers by their path.
func held(content []byte) (map[string]string, error) {
	r, err := archive.Open(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, e := range r.Manifest().Files {
		own := slices.Contains([]string{"data/organization.json", "data/settings.json", "data/members.json"}, e.Path)
		switch {
		case e.DocumentID != "":
			out[e.Path] = e.SHA256
		case strings.HasSuffix(e.Path, ".json") && !own:
			f, err := r.Open(e.Path)
			if err != nil {
				return nil, err
			}
			text, err := io.ReadAll(f)
			if err != nil {
				return nil, err
			}
			out[e.Path] = withoutIDs(text)
		}
	}
	return out, nil
}

func withoutIDs(text []byte) string {
	var rows []map[string]any
	if json.Unmarshal(text, &rows) != nil {
		return string(text)
	}
	for _, row := range rows {
		maps.DeleteFunc(row, func(column string, _ any) bool { return column == "id" || strings.HasSuffix(column, "_id") })
	}
	return fmt.Sprint(rows)
}

func (s *importing) areEqual() error {
	first, err := held(s.exports[0])
	if err != nil {
		return err
	}
	second, err := held(s.exports[1])
	if err == nil && (!maps.Equal(first, second) || len(first) < 10) {
		err = fmt.Errorf("%v\nbecame\n%v", first, second)
	}
	return err
}
