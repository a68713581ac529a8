package ops

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"time"
)

// newWord is a word that nothing else has: letters alone, for the search.
func newWord() string { return "smoke" + strings.ToLower(strings.Trim(rand.Text()[:16], "234567")) }

// alive is what the health page says, and that nobody in particular is let in.
func (s *smoke) alive(ctx context.Context) error {
	var health struct {
		Database string `json:"database"`
	}
	if err := s.send(ctx, http.MethodGet, "/api/health", nil, http.StatusOK, &health); err != nil {
		return err
	}
	if health.Database != "connected" {
		return fmt.Errorf("the health page says the database is %s", health.Database)
	}
	_, _, err := s.do(ctx, http.MethodGet, "/api/boats", "", nil, http.StatusUnauthorized, "Authorization", "Bearer none")
	return err
}

// named is what a boat is read as.
type named struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// needBoat makes the boat that all is about.
func (s *smoke) needBoat(ctx context.Context) error {
	if s.boat != "" {
		return nil
	}
	var made named
	err := s.send(ctx, http.MethodPost, "/api/boats", map[string]string{"name": s.word}, http.StatusCreated, &made)
	s.boat = made.ID
	return err
}

// database writes a row, reads it, changes it by its version, and is refused what
// is based on an older one.
func (s *smoke) database(ctx context.Context) error {
	if err := s.needBoat(ctx); err != nil {
		return err
	}
	path := "/api/boats/" + s.boat
	text, header, err := s.do(ctx, http.MethodGet, path, "", nil, http.StatusOK)
	if err != nil {
		return err
	}
	if err := isNamed(text, s.word); err != nil {
		return err
	}
	version, change := header.Get("ETag"), func(name string, status int) error {
		body := strings.NewReader(fmt.Sprintf(`{"name":%q}`, name))
		_, _, err := s.do(ctx, http.MethodPatch, path, "application/json", body, status, "If-Match", header.Get("ETag"))
		return err
	}
	if version == "" {
		return errors.New("a boat is read without its version")
	}
	if err := change(s.word+" II", http.StatusOK); err != nil {
		return err
	}
	if err := change(s.word+" III", http.StatusPreconditionFailed); err != nil {
		return err
	}
	text, _, err = s.do(ctx, http.MethodGet, path, "", nil, http.StatusOK)
	if err != nil {
		return err
	}
	return isNamed(text, s.word+" II")
}

func isNamed(text []byte, name string) error {
	var read named
	if err := json.Unmarshal(text, &read); err != nil {
		return err
	}
	if read.Name != name {
		return fmt.Errorf("the boat that was written as %q is read as %q", name, read.Name)
	}
	return nil
}

// boats is the list, in which the probe sees its own boat and nobody else's.
func (s *smoke) boats(ctx context.Context) error {
	if err := s.needBoat(ctx); err != nil {
		return err
	}
	var all []named
	if err := s.send(ctx, http.MethodGet, "/api/boats", nil, http.StatusOK, &all); err != nil {
		return err
	}
	if len(all) != 1 || all[0].ID != s.boat {
		return fmt.Errorf("%d boats are listed, and one was written", len(all))
	}
	return nil
}

type guarantee struct {
	ID      string `json:"id"`
	Expires string `json:"expiration_date"`
}

func (s *smoke) guarantee(ctx context.Context, item, bought string, months int) (w guarantee, err error) {
	if err := s.needBoat(ctx); err != nil {
		return w, err
	}
	in := map[string]any{"boat_id": s.boat, "item_name": item, "purchase_date": bought, "warranty_period_months": months}
	return w, s.send(ctx, http.MethodPost, "/api/warranties", in, http.StatusCreated, &w)
}

// warranty checks a date that everyone can count: 24 months from 2023-01-15.
func (s *smoke) warranty(ctx context.Context) error {
	w, err := s.guarantee(ctx, "Smoke", "2023-01-15", 24)
	if err != nil {
		return err
	}
	if w.Expires != "2025-01-15" {
		return fmt.Errorf("24 months from 2023-01-15 end on %q", w.Expires)
	}
	var read guarantee
	if err := s.send(ctx, http.MethodGet, "/api/warranties/"+w.ID, nil, http.StatusOK, &read); err != nil {
		return err
	}
	if read != w {
		return fmt.Errorf("the warranty that was written is read as %+v", read)
	}
	return nil
}

// expiring finds what ends in about 20 days, and not what ended long ago.
func (s *smoke) expiring(ctx context.Context) error {
	past, err := s.guarantee(ctx, "Smoke, past", "2020-01-15", 12)
	if err != nil {
		return err
	}
	bought := time.Now().UTC().AddDate(0, 0, 20).AddDate(-1, 0, 0) //nolint:forbidigo // the calendar of the server that is tried
	soon, err := s.guarantee(ctx, "Smoke, soon", bought.Format(time.DateOnly), 12)
	if err != nil {
		return err
	}
	var all []guarantee
	if err := s.send(ctx, http.MethodGet, "/api/warranties/expiring?days=30", nil, http.StatusOK, &all); err != nil {
		return err
	}
	if !slices.Contains(all, soon) || slices.Contains(all, past) {
		return fmt.Errorf("of a warranty until %s and one until %s, %d are said to end within 30 days", soon.Expires, past.Expires, len(all))
	}
	return nil
}

// title is that of the paper, and text what stands in it.
func (s *smoke) title() string { return s.word + "paper" }
func (s *smoke) text() string  { return s.word + "text" }

// upload brings a paper and takes it away again.
func (s *smoke) upload(ctx context.Context) error {
	if err := s.needBoat(ctx); err != nil {
		return err
	}
	content := smallPDF(s.text())
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("file", s.title()+".pdf")
	if err != nil {
		return err
	}
	if _, err := part.Write(content); err != nil {
		return err
	}
	if err := errors.Join(form.WriteField("boat_id", s.boat), form.WriteField("title", s.title()), form.Close()); err != nil {
		return err
	}
	text, _, err := s.do(ctx, http.MethodPost, "/api/documents", form.FormDataContentType(), &body, http.StatusCreated)
	if err != nil {
		return err
	}
	var paper struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(text, &paper); err != nil {
		return err
	}
	s.paper = paper.ID
	back, _, err := s.do(ctx, http.MethodGet, "/api/documents/"+paper.ID+"/content", "", nil, http.StatusOK)
	if err == nil && !bytes.Equal(back, content) {
		err = fmt.Errorf("the paper that was written is read as %d other bytes", len(back))
	}
	return err
}

// smallPDF is a page with a word on it.
func smallPDF(word string) []byte {
	// With so little text as the word alone the page would be recognized from its
	// picture too, slowly and with a letter that is another one now and then.
	const rest = "This page was written by a smoke test, which takes it away again when it ends."
	stream := "BT /F1 12 Tf 72 720 Td (" + word + ") Tj 0 -20 Td (" + rest + ") Tj ET"
	objects := []string{
		"<< /Type /Catalog /Pages 2 0 R >>",
		"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
		fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", len(stream), stream),
		"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
	}
	var b bytes.Buffer
	b.WriteString("%PDF-1.4\n")
	at := make([]int, len(objects))
	for i, o := range objects {
		at[i] = b.Len()
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	xref := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(objects)+1)
	for _, offset := range at {
		fmt.Fprintf(&b, "%010d 00000 n \n", offset)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(objects)+1, xref)
	return b.Bytes()
}

// search finds the paper by its title, which is in the index as soon as it is
// there.
func (s *smoke) search(ctx context.Context) error {
	if s.paper == "" {
		if err := s.upload(ctx); err != nil {
			return err
		}
	}
	return s.finds(ctx, s.title())
}

func (s *smoke) finds(ctx context.Context, word string) error {
	var found struct {
		Hits []struct {
			DocumentID string `json:"document_id"`
		} `json:"hits"`
	}
	if err := s.send(ctx, http.MethodGet, "/api/search?q="+word, nil, http.StatusOK, &found); err != nil {
		return err
	}
	for _, hit := range found.Hits {
		if hit.DocumentID != s.paper {
			return errors.New("the search finds papers that are not the probe's")
		}
	}
	if len(found.Hits) == 0 {
		return fmt.Errorf("the search does not find %s", word)
	}
	return nil
}

// roundTrip has a worker look at the paper and read it, and finds what stands in
// it. Where many papers wait to be read, those of people come first, and that a
// worker has looked at this one is enough.
func (s *smoke) roundTrip(ctx context.Context) error {
	if s.paper == "" {
		if err := s.upload(ctx); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, jobWait)
	defer cancel()
	patience := time.NewTimer(readWait)
	defer patience.Stop()
	waited := false
	return s.until(ctx, jobWait, func() error {
		select {
		case <-patience.C:
			waited = true
		default:
		}
		var paper struct {
			Status string `json:"status"`
			Reason string `json:"reason"`
			Pages  int    `json:"page_count"`
		}
		err := s.send(ctx, http.MethodGet, "/api/documents/"+s.paper, nil, http.StatusOK, &paper)
		switch {
		case err != nil:
			return err
		case paper.Status == "failed":
			return final{fmt.Errorf("the paper could not be read: %s", paper.Reason)}
		case paper.Status == "ready":
			if err := s.finds(ctx, s.text()); err != nil {
				return final{err}
			}
			return nil
		case waited && paper.Pages == 1 && s.busy(ctx):
			return nil
		}
		return fmt.Errorf("the paper is %s: does a worker run?", paper.Status)
	})
}

// busy reports whether more jobs wait than a trial makes.
func (s *smoke) busy(ctx context.Context) bool {
	var health struct {
		Queue int `json:"queue"`
	}
	err := s.send(ctx, http.MethodGet, "/api/health", nil, http.StatusOK, &health)
	return err == nil && health.Queue > ownJobs
}

// initiated is an event that a request causes at once, and of which a manager is
// told.
const initiated = "sale.initiated"

// notifications writes a notification and has it sent by mail: by the server's own
// machinery up to the last step, where the probe's mail goes nowhere.
func (s *smoke) notifications(ctx context.Context) error {
	if err := s.needBoat(ctx); err != nil {
		return err
	}
	if err := s.preview(ctx); err != nil || s.NoJobs {
		return err
	}
	wanted := map[string]any{"events": []any{map[string]any{"event_type": initiated, "channels": []string{"in_app", "email"}}}}
	if err := s.send(ctx, http.MethodPut, "/api/notification-preferences", wanted, http.StatusOK, nil); err != nil {
		return err
	}
	in := map[string]string{"boat_id": s.boat, "buyer_email": "buyer@navidocs.invalid", "buyer_name": "Smoke"}
	if err := s.send(ctx, http.MethodPost, "/api/sales", in, http.StatusCreated, nil); err != nil {
		return err
	}
	return s.until(ctx, jobWait, func() error {
		var all []struct {
			Channel string `json:"channel"`
			Status  string `json:"status"`
			Reason  string `json:"reason"`
		}
		if err := s.send(ctx, http.MethodGet, "/api/notifications?event_type="+initiated, nil, http.StatusOK, &all); err != nil {
			return err
		}
		state := map[string]string{}
		for _, n := range all {
			if state[n.Channel] = n.Status; n.Status == "refused" {
				return final{fmt.Errorf("the notification was not sent: %s", n.Reason)}
			}
		}
		if state["in_app"] != "delivered" || state["email"] != "accepted" {
			return fmt.Errorf("the notification stands as %v: does a worker run?", state)
		}
		return nil
	})
}

// preview fills a mail's template, of which there must be one.
func (s *smoke) preview(ctx context.Context) error {
	var all []struct {
		ID      string `json:"id"`
		Subject string `json:"subject"`
		Body    string `json:"body"`
	}
	if err := s.send(ctx, http.MethodGet, "/api/notification-templates?language=en&channel=email&event_type="+initiated, nil, http.StatusOK, &all); err != nil {
		return err
	}
	if len(all) == 0 {
		return errors.New("there is no template for a mail about " + initiated)
	}
	var filled struct {
		Body string `json:"body"`
	}
	in := map[string]string{"subject": all[0].Subject, "body": all[0].Body}
	if err := s.send(ctx, http.MethodPost, "/api/notification-templates/"+all[0].ID+"/preview", in, http.StatusOK, &filled); err != nil {
		return err
	}
	if filled.Body == "" || strings.Contains(filled.Body, "{{") {
		return fmt.Errorf("the template is filled as %.100q", filled.Body)
	}
	return nil
}
