package features

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"

	"github.com/cucumber/godog"

	"navidocs/internal/archive"
	"navidocs/internal/job"
	"navidocs/internal/sale"
	"navidocs/internal/testkit"
)

// packing is what a scenario knows of a package.
type packing struct {
	*world

	sale     sale.ID
	made     sale.Package
	archived []byte
	secrets  []string
}

func (w *world) packageSteps(sc *godog.ScenarioContext) {
	p := &packing{world: w}
	sc.Step(`^the captain sells the boat to "([^"]*)" and generates the package$`, p.sellsAndGenerates)
	sc.Step(`^it has a folder for each of (\d+) chapters, and each file is in the manifest with its hash$`, p.hasChapters)
	sc.Step(`^its index lists every file, holds the words of the "([^"]*)" and needs no network$`, p.hasIndex)
	sc.Step(`^it is signed by the key that the server publishes, and a changed byte is found$`, p.isSigned)
	sc.Step(`^a second package of the same record has the same bytes$`, p.isTheSame)
	sc.Step(`^the boat has (\d+) papers that are withheld, each with a secret word and an amount$`, p.hasSecrets)
	sc.Step(`^the package tells each withheld paper by type and reason$`, p.tellsWithheld)
	sc.Step(`^none of the secrets is in its bytes$`, p.hasNone)
}

// generates has a package built and fetches it.
func (w *world) generates(id sale.ID) (p sale.Package, archived []byte, err error) {
	at := "/api/sales/" + string(id)
	w.captain.Want(http.StatusAccepted, "POST", at+"/generate-package", nil).Into(w.server, &p)
	testkit.Eventually(w.t, func() error {
		var s job.Status
		if w.captain.Get("/api/jobs/"+p.JobID, &s); s.State != job.Completed {
			return fmt.Errorf("it is %s: %s", s.State, s.Error)
		}
		return nil
	})
	var x sale.Sale
	if w.captain.Get(at, &x); x.Package == nil {
		return p, nil, fmt.Errorf("the sale has no package: %+v", x)
	}
	return *x.Package, w.captain.Want(http.StatusOK, "GET", at+"/package", nil).Body, nil
}

func (p *packing) sellsAndGenerates(buyer string) (err error) {
	var x sale.Sale
	p.captain.Post("/api/sales", map[string]string{"boat_id": p.boat, "buyer_email": buyer}, &x)
	p.sale = x.ID
	p.made, p.archived, err = p.generates(p.sale)
	return err
}

// entries are the files of the package.
func (p *packing) entries() (map[string][]byte, error) {
	r, err := zip.NewReader(bytes.NewReader(p.archived), int64(len(p.archived)))
	if err != nil {
		return nil, err
	}
	out := map[string][]byte{}
	for _, f := range r.File {
		x, err := f.Open()
		if err != nil {
			return nil, err
		}
		if out[f.Name], err = io.ReadAll(x); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (p *packing) hasChapters(n int) error {
	all, err := p.entries()
	if err != nil {
		return err
	}
	chapters := map[string]bool{}
	for name := range all {
		if folder, _, ok := strings.Cut(name, "/"); ok && folder != "data" {
			chapters[folder] = true
		}
	}
	if len(chapters) != n {
		err = errors.Join(err, fmt.Errorf("%d chapters: %v", len(chapters), chapters))
	}
	var m sale.Manifest
	p.captain.Get("/api/sales/"+string(p.sale)+"/package/contents", &m)
	if len(m.Files) != len(all)-2 || len(m.Files) != p.made.Files { // but for the manifest and its signature
		err = errors.Join(err, fmt.Errorf("%d files are listed, and %d are there", len(m.Files), len(all)))
	}
	for _, f := range m.Files {
		sum := sha256.Sum256(all[f.Path])
		if hex.EncodeToString(sum[:]) != f.SHA256 {
			err = errors.Join(err, fmt.Errorf("%s is another", f.Path))
		}
	}
	return err
}

func (p *packing) hasIndex(paper string) error {
	all, err := p.entries()
	if err != nil {
		return err
	}
	index := string(all["index.html"])
	for name := range all {
		if strings.HasPrefix(name, "manifest.") || name == "index.html" || name == "README.txt" || name == "VERIFY.txt" {
			continue
		}
		if !strings.Contains(index, path.Base(name)) {
			err = errors.Join(err, fmt.Errorf("%s is not in the index", name))
		}
	}
	if !strings.Contains(index, "the words of the "+paper) || strings.Contains(index, "http:") || strings.Contains(index, "https:") {
		err = errors.Join(err, errors.New("the index is not what it should be"))
	}
	return err
}

func (p *packing) isSigned() error {
	var published struct{ Keys []sale.Key }
	p.server.Anonymous().Get("/.well-known/navidocs-keys", &published)
	check := func(content []byte) (v archive.Verification) {
		p.server.Anonymous().SendFile("/api/packages/verify", "boat.zip", content, "fingerprint="+published.Keys[0].Fingerprint).Into(p.server, &v)
		return v
	}
	if v := check(p.archived); !v.Valid || v.Signer != archive.Matches || v.Fingerprint != p.made.Fingerprint {
		return fmt.Errorf("%+v", v)
	}
	changed := bytes.Clone(p.archived)
	changed[bytes.Index(changed, []byte("the words of the manual"))] ^= 1
	if v := check(changed); v.Valid || !strings.HasSuffix(v.File, "manual.txt") && v.File != "index.html" {
		return fmt.Errorf("%+v", v)
	}
	return nil
}

func (p *packing) isTheSame() error {
	again, _, err := p.generates(p.sale)
	if err == nil && (again.SHA256 != p.made.SHA256 || again.ID == p.made.ID) {
		err = fmt.Errorf("%s, %s", again.SHA256, p.made.SHA256)
	}
	return err
}

func (p *packing) hasSecrets(n int) error {
	kinds := []string{"INS-POL", "OWN-ID", "CRW-DOC", "BRT-CON", "SAL-CLOSE", "INV-PUR", "SUR-PRE", "OWN-BOS", "", "LOG-DECK"}
	for i := range n {
		word, amount := fmt.Sprintf("secretword%d", 7919*(i+1)), fmt.Sprintf("EUR 88%d.31", 1000+i)
		p.captain.Upload(word+".txt", []byte(word+" costs "+amount), "boat_id="+p.boat, "type="+kinds[i%len(kinds)])
		p.secrets = append(p.secrets, word, amount, fmt.Sprintf("88%d", 1000+i))
	}
	p.captain.Post("/api/warranties", map[string]any{
		"boat_id": p.boat, "item_name": "Pump", "purchase_date": "2026-01-15", "warranty_period_months": 24, "coverage_amount": 76543.21, "currency": "EUR",
	}, &struct{}{})
	p.secrets = append(p.secrets, "76543", "captain@example.org")
	return nil
}

func (p *packing) tellsWithheld() error {
	if n := len(p.made.Withheld); n != 50 {
		return fmt.Errorf("%d papers are withheld", n)
	}
	for _, g := range p.made.Withheld {
		if g.What == "" || g.Why == "" || strings.Contains(g.What+g.Why, "secretword") {
			return fmt.Errorf("%+v", g)
		}
	}
	return nil
}

func (p *packing) hasNone() (err error) {
	for _, secret := range p.secrets {
		if bytes.Contains(p.archived, []byte(secret)) {
			err = errors.Join(err, fmt.Errorf("%s is in the package", secret))
		}
	}
	return err
}
