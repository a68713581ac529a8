package features

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"net/http"
	"slices"
	"strings"
	"testing"

	"codeberg.org/go-pdf/fpdf"
	"github.com/cucumber/godog"

	"navidocs/internal/account"
	"navidocs/internal/apptest"
	"navidocs/internal/demo"
	"navidocs/internal/document"
)

// world is what one scenario knows.
type world struct {
	t        testing.TB
	database string

	server  *apptest.Server
	captain *apptest.Client
	boat    string
	file    []byte
	name    string
	paper   document.Document
	answer  apptest.Answer

	oldToken, oldRefresh string
}

const (
	captain  = "captain@example.org"
	password = apptest.Password
)

func (w *world) steps(sc *godog.ScenarioContext) {
	sc.Step(`^a new server$`, w.newServer)
	sc.Step(`^a signed-in captain with a boat$`, w.captainWithBoat)
	sc.Step(`^"([^"]*)" registers with the organization "([^"]*)"$`, w.registers)
	sc.Step(`^"([^"]*)" signs in$`, w.signsIn)
	sc.Step(`^they add the boat "([^"]*)"$`, w.addsBoat)
	sc.Step(`^they upload (?:the scan )?"([^"]*)" to the boat$`, w.uploads)
	sc.Step(`^they upload a (broken|encrypted|hostile) file$`, w.uploadsBad)
	sc.Step(`^the paper is read$`, w.isRead)
	sc.Step(`^the paper is ready with (\d+) pages?$`, w.isReady)
	sc.Step(`^every hit for "([^"]*)" leads to page (\d+) of the paper and marks the word$`, w.hitsMark)
	sc.Step(`^the image of page (\d+) is a JPEG$`, w.imageIsJPEG)
	sc.Step(`^the pages come from: (.*)$`, w.pagesComeFrom)
	sc.Step(`^a search for "([^"]*)" finds page (\d+)$`, w.searchFinds)
	sc.Step(`^they upload the same file again$`, w.uploadsAgain)
	sc.Step(`^it is refused as a conflict with the id of the first, (not in|in) the bin$`, w.isConflict)
	sc.Step(`^they upload the same file again to link it to another boat$`, w.uploadsToLink)
	sc.Step(`^the first document belongs to both boats$`, w.belongsToBoth)
	sc.Step(`^they (delete|restore) the document$`, w.deletesOrRestores)
	sc.Step(`^the paper has failed because it is "([^"]*)"$`, w.hasFailed)
	sc.Step(`^its bytes can still be downloaded unchanged$`, w.bytesUnchanged)
	sc.Step(`^another paper is read after it$`, w.anotherIsRead)
	sc.Step(`^a stranger asks for the boat$`, w.strangerAsks)
	sc.Step(`^a viewer of the organization renames the boat$`, w.viewerRenames)
	sc.Step(`^nobody in particular asks for the boat$`, w.nobodyAsks)
	sc.Step(`^the answer is (\d+)$`, w.answerIs)
	sc.Step(`^the captain refreshes their session$`, w.refreshes)
	sc.Step(`^the new token works$`, w.tokenWorks)
	sc.Step(`^the new token works no more$`, w.tokenWorksNoMore)
	sc.Step(`^the old refresh token is used again$`, w.usesOldRefresh)
	sc.Step(`^the new refresh token works no more$`, w.newRefreshWorksNoMore)
	sc.Step(`^somebody at "([^"]*)" fails five times to sign in as the captain$`, w.failsFiveTimes)
	sc.Step(`^signing in there with the right password is refused for a quarter of an hour$`, w.isLocked)
	sc.Step(`^the captain signs in from "([^"]*)"$`, w.signsInFrom)
	w.queueSteps(sc)
	w.migrateSteps(sc)
	w.backupSteps(sc)
	w.damageSteps(sc)
	w.deploySteps(sc)
	w.preflightSteps(sc)
	w.smokeSteps(sc)
	w.warrantySteps(sc)
	w.webhookSteps(sc)
	w.homeAssistantSteps(sc)
	w.notificationSteps(sc)
	w.guestSteps(sc)
	w.saleSteps(sc)
	w.handoverSteps(sc)
	w.closingSteps(sc)
	w.importSteps(sc)
	w.packageSteps(sc)
	w.personSteps(sc)
	w.mlsSteps(sc)
}

// opens opens a stream of server-sent events as a browser does, after the last id
// that it has. The caller closes its body.
func (w *world) opens(ctx context.Context, c *apptest.Client, path, last string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.server.URL+path, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.Token)
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	res, err := new(http.Client).Do(req)
	if err != nil {
		return nil, err
	}
	if kind := res.Header.Get("Content-Type"); res.StatusCode != http.StatusOK || kind != "text/event-stream" {
		return nil, errors.Join(fmt.Errorf("the stream answers %d, %s", res.StatusCode, kind), res.Body.Close())
	}
	return res, nil
}

func (w *world) newServer() error {
	w.server = apptest.New(w.t, apptest.Options{Database: w.database, Settings: []string{"TRUSTED_PROXIES=127.0.0.1"}})
	return nil
}

func (w *world) captainWithBoat() error {
	if err := w.newServer(); err != nil {
		return err
	}
	w.captain = w.server.User(captain, "", "")
	return w.addsBoat("Calypso")
}

func (w *world) registers(email, org string) error {
	w.server.Anonymous().Want(http.StatusCreated, "POST", "/api/auth/register",
		map[string]string{"email": email, "password": password, "name": "Ada", "organization_name": org})
	return nil
}

func (w *world) signsIn(email string) error {
	w.captain = w.server.SignIn(email, password)
	return nil
}

func (w *world) addsBoat(name string) error {
	var made struct{ ID string }
	w.captain.Post("/api/boats", map[string]string{"name": name}, &made)
	w.boat = made.ID
	return nil
}

func (w *world) uploads(name string) error {
	content, err := demo.Bytes(name)
	if err != nil {
		return err
	}
	w.name, w.file = name, content
	w.paper = w.captain.Upload(name, content, "boat_id="+w.boat)
	return nil
}

func (w *world) uploadsBad(kind string) error {
	var err error
	switch w.name = kind + ".pdf"; kind {
	case "broken":
		w.file = []byte("%PDF-1.7\nthis is no PDF at all\n%%EOF\n")
	case "encrypted":
		w.file, err = encryptedPDF()
	case "hostile":
		w.name, w.file = "bomb.png", bombPNG()
	}
	if err != nil {
		return err
	}
	w.paper = w.captain.Upload(w.name, w.file, "boat_id="+w.boat)
	return nil
}

func encryptedPDF() ([]byte, error) {
	pdf := fpdf.New("P", "mm", "A4", "")
	pdf.SetProtection(fpdf.CnProtectPrint, "secret", "owner")
	pdf.AddPage()
	pdf.SetFont("Helvetica", "", 12)
	pdf.Cell(40, 10, "nobody reads this")
	var b bytes.Buffer
	err := pdf.Output(&b)
	return b.Bytes(), err
}

// bombPNG claims ten gigapixels in a few bytes.
func bombPNG() []byte {
	var b bytes.Buffer
	b.WriteString("\x89PNG\r\n\x1a\n")
	header := make([]byte, 13)
	binary.BigEndian.PutUint32(header, 100_000)
	binary.BigEndian.PutUint32(header[4:], 100_000)
	header[8] = 8
	chunk := func(kind string, data []byte) {
		body := append([]byte(kind), data...)
		binary.Write(&b, binary.BigEndian, uint32(len(data))) //nolint:errcheck // a buffer does not fail
		b.Write(body)
		binary.Write(&b, binary.BigEndian, crc32.ChecksumIEEE(body)) //nolint:errcheck // a buffer does not fail
	}
	chunk("IHDR", header)
	chunk("IEND", nil)
	return b.Bytes()
}

func (w *world) isRead() error {
	w.paper = w.captain.Read(w.paper.ID)
	return nil
}

func (w *world) isReady(pages int) error {
	if w.paper.Status != document.Ready || w.paper.PagesReady != pages {
		return fmt.Errorf("it is %s with %d of %d pages: %s", w.paper.Status, w.paper.PagesReady, w.paper.PageCount, w.paper.Error)
	}
	return nil
}

func (w *world) hitsMark(word string, page int) error {
	hits := w.pageHits(word)
	if len(hits) == 0 {
		return fmt.Errorf("no page holds %q", word)
	}
	for _, h := range hits {
		if h.DocumentID != w.paper.ID || h.Page != page || !strings.Contains(strings.ToLower(h.Snippet), "<mark>"+strings.ToLower(word)+"</mark>") {
			return fmt.Errorf("hit %+v", h)
		}
	}
	return nil
}

func (w *world) pageHits(word string) []document.Hit {
	return slices.DeleteFunc(w.captain.Search(word).Hits, func(h document.Hit) bool { return h.Kind != "page" })
}

func (w *world) imageIsJPEG(page int) error {
	a := w.captain.Want(http.StatusOK, "GET", fmt.Sprintf("/api/documents/%s/pages/%d/image", w.paper.ID, page), nil)
	if got := http.DetectContentType(a.Body); got != "image/jpeg" || a.Header.Get("Content-Type") != "image/jpeg" {
		return fmt.Errorf("it is %s", got)
	}
	return nil
}

func (w *world) pagesComeFrom(list string) error {
	var pages []document.Page
	w.captain.Get("/api/documents/"+string(w.paper.ID)+"/pages", &pages)
	var sources []string
	for _, p := range pages {
		sources = append(sources, p.Source)
	}
	if got := strings.Join(sources, ", "); got != list {
		return fmt.Errorf("they come from: %s", got)
	}
	return nil
}

func (w *world) searchFinds(word string, page int) error {
	hits := w.pageHits(word)
	if len(hits) != 1 || hits[0].DocumentID != w.paper.ID || hits[0].Page != page {
		return fmt.Errorf("hits: %+v", hits)
	}
	return nil
}

func (w *world) uploadsAgain() error {
	w.answer = w.captain.UploadAnswer("another-name.md", w.file, "", "boat_id="+w.boat)
	return nil
}

func (w *world) isConflict(where string) error {
	var p struct {
		ID    document.ID `json:"id"`
		InBin *bool       `json:"in_bin"`
	}
	if err := json.Unmarshal(w.answer.Body, &p); err != nil {
		return err
	}
	if w.answer.Status != http.StatusConflict || p.ID != w.paper.ID || p.InBin == nil || *p.InBin != (where == "in") {
		return fmt.Errorf("%d %s", w.answer.Status, w.answer.Body)
	}
	return nil
}

func (w *world) uploadsToLink() error {
	if err := w.addsBoat("Second"); err != nil {
		return err
	}
	w.answer = w.captain.UploadAnswer(w.name, w.file, "?duplicate=link", "boat_id="+w.boat)
	return nil
}

func (w *world) belongsToBoth() error {
	d := w.captain.Read(w.paper.ID)
	if len(d.BoatIDs) != 2 {
		return fmt.Errorf("it belongs to %v; the upload answered %d %s", d.BoatIDs, w.answer.Status, w.answer.Body)
	}
	return nil
}

func (w *world) deletesOrRestores(what string) error {
	path := "/api/documents/" + string(w.paper.ID)
	if what == "delete" {
		w.captain.Want(http.StatusOK, "DELETE", path, nil)
		return nil
	}
	w.captain.Want(http.StatusOK, "POST", path+"/restore", nil)
	return nil
}

func (w *world) hasFailed(reason string) error {
	if w.paper.Status != document.Failed || !strings.HasPrefix(w.paper.Error, reason+":") {
		return fmt.Errorf("it is %s: %s", w.paper.Status, w.paper.Error)
	}
	return nil
}

func (w *world) bytesUnchanged() error {
	a := w.captain.Want(http.StatusOK, "GET", "/api/documents/"+string(w.paper.ID)+"/content", nil)
	sum := sha256.Sum256(w.file)
	if !bytes.Equal(a.Body, w.file) || a.Header.Get("ETag") != `"`+hex.EncodeToString(sum[:])+`"` {
		return fmt.Errorf("%d bytes, ETag %s", len(a.Body), a.Header.Get("ETag"))
	}
	return nil
}

func (w *world) anotherIsRead() error {
	d := w.captain.Read(w.captain.Upload("after.txt", []byte("all is well aboard"), "boat_id="+w.boat).ID)
	if d.Status != document.Ready {
		return fmt.Errorf("it is %s: %s", d.Status, d.Error)
	}
	return nil
}

func (w *world) strangerAsks() error {
	w.answer = w.server.User("stranger@example.org", "", "").Do("GET", "/api/boats/"+w.boat, nil)
	return nil
}

func (w *world) viewerRenames() error {
	viewer := w.server.User("viewer@example.org", w.captain.Org, account.Viewer)
	w.answer = viewer.Do("PATCH", "/api/boats/"+w.boat, map[string]string{"name": "Mine"})
	return nil
}

func (w *world) nobodyAsks() error {
	w.answer = w.server.Anonymous().Do("GET", "/api/boats/"+w.boat, nil)
	return nil
}

func (w *world) answerIs(status int) error {
	if w.answer.Status != status {
		return fmt.Errorf("it is %d: %s", w.answer.Status, w.answer.Body)
	}
	return nil
}

func (w *world) refresh(token string) apptest.Answer {
	return w.server.Anonymous().Do("POST", "/api/auth/refresh", map[string]string{"refresh_token": token})
}

func (w *world) refreshes() error {
	w.oldToken, w.oldRefresh = w.captain.Token, w.captain.Refresh
	var t account.Tokens
	if err := json.Unmarshal(w.refresh(w.captain.Refresh).Body, &t); err != nil {
		return err
	}
	w.captain.Token, w.captain.Refresh = t.Token, t.RefreshToken
	return nil
}

func (w *world) me() int { return w.captain.Do("GET", "/api/auth/me", nil).Status }

func (w *world) tokenWorks() error {
	if got := w.me(); got != http.StatusOK {
		return fmt.Errorf("it answers %d", got)
	}
	return nil
}

func (w *world) tokenWorksNoMore() error {
	if got := w.me(); got != http.StatusUnauthorized {
		return fmt.Errorf("it answers %d", got)
	}
	return nil
}

func (w *world) usesOldRefresh() error {
	w.answer = w.refresh(w.oldRefresh)
	return nil
}

func (w *world) newRefreshWorksNoMore() error {
	w.answer = w.refresh(w.captain.Refresh)
	return w.answerIs(http.StatusUnauthorized)
}

func (w *world) loginFrom(address, secret string) apptest.Answer {
	return w.server.Anonymous().Do("POST", "/api/auth/login", map[string]string{"email": captain, "password": secret}, "X-Forwarded-For: "+address)
}

func (w *world) failsFiveTimes(address string) error {
	for range 5 {
		if w.answer = w.loginFrom(address, "wrong wrong wrong"); w.answer.Status != http.StatusUnauthorized {
			return w.answerIs(http.StatusUnauthorized)
		}
	}
	w.name = address
	return nil
}

func (w *world) isLocked() error {
	w.answer = w.loginFrom(w.name, password)
	if after := w.answer.Header.Get("Retry-After"); after != "900" && after != "901" && after != "899" {
		return fmt.Errorf("Retry-After is %q", after)
	}
	return w.answerIs(http.StatusTooManyRequests)
}

func (w *world) signsInFrom(address string) error {
	w.answer = w.loginFrom(address, password)
	return w.answerIs(http.StatusOK)
}
