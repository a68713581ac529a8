package api_test

import (
	"bytes"
	"encoding/json"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/account"
	"navidocs/internal/apptest"
	"navidocs/internal/document"
)

// form writes a multipart body: "name=value" for a field, "@name=content" for a file.
func form(t *testing.T, parts ...string) (body *bytes.Buffer, contentType string) {
	t.Helper()
	body = &bytes.Buffer{}
	w := multipart.NewWriter(body)
	for _, part := range parts {
		name, value, _ := strings.Cut(part, "=")
		file, isFile := strings.CutPrefix(name, "@")
		var err error
		if isFile {
			p, cerr := w.CreateFormFile("file", file)
			if err = cerr; err == nil {
				_, err = p.Write([]byte(value))
			}
		} else {
			err = w.WriteField(name, value)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return body, w.FormDataContentType()
}

func boatOf(c *apptest.Client, name string) string {
	var b named
	c.Post("/api/boats", map[string]string{"name": name}, &b)
	return b.ID
}

func TestUploadTakesItsFieldsInAnyOrder(t *testing.T) {
	t.Parallel()
	apptest.Each(t, apptest.Options{NoWorker: true}, func(t *testing.T, s *apptest.Server) {
		c := s.User("ada@example.org", "", "")
		one, two := boatOf(c, "One"), boatOf(c, "Two")
		body, media := form(t, "boat_id="+one, "@Handbuch Öl.txt=words", "boat_id="+two, "title= The manual ", "type=MAN-EQ", "tags=a, b", "tags=c", "issued_on=2024-02-29", "expires_on=2030-01-01", "title=")
		a := c.Send("POST", "/api/documents", body, "Content-Type: "+media)
		if a.Status != http.StatusCreated {
			t.Fatalf("%d: %s", a.Status, a.Body)
		}
		var d document.Document
		a.Into(s, &d)
		if diff := cmp.Diff([]string{one, two}, []string{string(d.BoatIDs[0]), string(d.BoatIDs[1])}); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"a", "b", "c"}, d.Tags); diff != "" || d.Title != "The manual" || d.Type != "MAN-EQ" || d.FileName != "Handbuch Öl.txt" || *d.IssuedOn != "2024-02-29" {
			t.Errorf("%s\n%+v", diff, d)
		}
		if a.Header.Get("Location") != "/api/documents/"+string(d.ID) || a.Header.Get("ETag") == "" || d.JobID == "" {
			t.Error(a.Header)
		}
		c.Want(http.StatusOK, "GET", "/api/jobs/"+d.JobID, nil)
	})
}

func TestUploadFaults(t *testing.T) {
	t.Parallel()
	s := apptest.New(t, apptest.Options{NoWorker: true, Settings: []string{"MAX_UPLOAD_MB=1"}})
	c, eve := s.User("ada@example.org", "", ""), s.User("eve@example.org", "", "")
	theirs := boatOf(eve, "Theirs")
	for name, test := range map[string]struct {
		parts  []string
		status int
		text   string
	}{
		"no file":             {[]string{"title=A"}, 400, "form.file"},
		"nothing":             {nil, 400, ""},
		"an unknown field":    {[]string{"@a.txt=words 1", "mast=1"}, 400, "form.mast"},
		"a second file":       {[]string{"@a.txt=words 2", "@b.txt=words 3"}, 400, "form.file"},
		"an unknown type":     {[]string{"type=NOPE", "@a.txt=words 4"}, 400, "type"},
		"a bad date":          {[]string{"@a.txt=words 5", "issued_on=1.5.2024"}, 400, "issued_on"},
		"another one's boat":  {[]string{"boat_id=" + theirs, "@a.txt=words 6"}, 404, "boat not found"},
		"and after the file":  {[]string{"@a.txt=words 7", "boat_id=" + theirs}, 404, "boat not found"},
		"an empty file":       {[]string{"@a.txt="}, 400, ""},
		"too large a file":    {[]string{"@a.txt=" + strings.Repeat("x", 1<<20+1)}, 413, "MAX_UPLOAD_MB"},
		"too large the field": {[]string{"@a.txt=words 8", "title=" + strings.Repeat("x", 1<<20+1)}, 413, "fields"},
	} {
		body, media := form(t, test.parts...)
		a := c.Send("POST", "/api/documents", body, "Content-Type: "+media)
		if a.Status != test.status || !strings.Contains(string(a.Body), test.text) {
			t.Errorf("%s: %d, want %d: %s", name, a.Status, test.status, a.Body)
			continue
		}
		problemOf(t, s, a)
	}
	whole, media := form(t, "title=A", "@a.txt=words that break off")
	for name, test := range map[string]struct {
		media  string
		body   string
		status int
	}{
		"JSON":           {"application/json", "{}", 415},
		"no boundary":    {"multipart/form-data", "x", 415},
		"no media type":  {"", "x", 415},
		"cut in a file":  {media, whole.String()[:whole.Len()-70], 400},
		"no form at all": {media, "words", 400},
		"an empty body":  {media, "", 400},
	} {
		a := c.Send("POST", "/api/documents", strings.NewReader(test.body), "Content-Type: "+test.media)
		if a.Status != test.status {
			t.Errorf("%s: %d, want %d: %s", name, a.Status, test.status, a.Body)
		}
	}
	var docs []document.Document
	if c.Get("/api/documents", &docs); len(docs) != 0 {
		t.Errorf("%d documents were kept", len(docs))
	}
}

func TestTheSameBytesAgain(t *testing.T) {
	t.Parallel()
	s := apptest.New(t, apptest.Options{NoWorker: true})
	c := s.User("ada@example.org", "", "")
	one, two := boatOf(c, "One"), boatOf(c, "Two")
	d := c.Upload("a.txt", []byte("words"), "boat_id="+one)
	again := c.UploadAnswer("b.txt", []byte("words"), "", "boat_id="+two)
	if p := problemOf(t, s, again); again.Status != http.StatusConflict || p.ID != string(d.ID) || p.InBin == nil || *p.InBin {
		t.Errorf("%d: %s", again.Status, again.Body)
	}
	linked := c.UploadAnswer("b.txt", []byte("words"), "?duplicate=link", "boat_id="+two)
	var got document.Document
	if linked.Into(s, &got); linked.Status != http.StatusCreated || got.ID != d.ID || len(got.BoatIDs) != 2 {
		t.Errorf("%d: %s", linked.Status, linked.Body)
	}
	c.Want(http.StatusOK, "DELETE", "/api/documents/"+string(d.ID), nil)
	if p := problemOf(t, s, c.UploadAnswer("c.txt", []byte("words"), "")); p.InBin == nil || !*p.InBin {
		t.Error("the bin is not named")
	}
}

func TestContent(t *testing.T) {
	t.Parallel()
	apptest.Each(t, apptest.Options{NoWorker: true}, func(t *testing.T, s *apptest.Server) {
		c := s.User("ada@example.org", "", "")
		name := `Motoröl "für" Größe.txt`
		d := c.Upload(name, []byte("0123456789"), "boat_id="+boatOf(c, "One"))
		path := "/api/documents/" + string(d.ID) + "/content"
		whole := c.Want(http.StatusOK, "GET", path, nil)
		if string(whole.Body) != "0123456789" || whole.Header.Get("ETag") != `"`+d.SHA256+`"` || whole.Header.Get("Accept-Ranges") != "bytes" {
			t.Error(whole.Header, string(whole.Body))
		}
		if csp := whole.Header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "sandbox;") || whole.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Error(csp)
		}
		for query, want := range map[string]string{"": "inline", "?download=true": "attachment"} {
			a := c.Want(http.StatusOK, "GET", path+query, nil)
			kind, params, err := mime.ParseMediaType(a.Header.Get("Content-Disposition"))
			if kind != want || params["filename"] != name || err != nil || !strings.Contains(a.Header.Get("Content-Disposition"), "filename*=utf-8''") {
				t.Error(query, a.Header.Get("Content-Disposition"), err)
			}
		}
		for _, test := range []struct {
			header string
			status int
			body   string
		}{
			{"Range: bytes=2-4", 206, "234"},
			{"Range: bytes=-2", 206, "89"},
			{"Range: bytes=0-", 206, "0123456789"},
			{"Range: bytes=20-", 416, ""},
			{`If-None-Match: "` + d.SHA256 + `"`, 304, ""},
			{`If-None-Match: "other"`, 200, "0123456789"},
		} {
			a := c.Do("GET", path, nil, test.header)
			if a.Status != test.status || test.body != "" && string(a.Body) != test.body {
				t.Errorf("%s: %d %s", test.header, a.Status, a.Body)
			}
			if a.Status == http.StatusRequestedRangeNotSatisfiable {
				problemOf(t, s, a)
			}
		}
		var trail []account.Record
		if c.Get("/api/audit?action=document.downloaded", &trail); len(trail) < 3 || trail[0].SubjectID != string(d.ID) || trail[0].RequestID == "" {
			t.Errorf("%d downloads in the audit trail: %+v", len(trail), trail)
		}
	})
}

func TestProgressEndsWhenTheDocumentIsReady(t *testing.T) {
	t.Parallel()
	apptest.Each(t, apptest.Options{}, func(t *testing.T, s *apptest.Server) {
		c := s.User("ada@example.org", "", "")
		d := c.Upload("a.txt", []byte("words to be read"), "boat_id="+boatOf(c, "One"))
		a := c.Want(http.StatusOK, "GET", "/api/documents/"+string(d.ID)+"/progress", nil)
		if a.Header.Get("Content-Type") != "text/event-stream" {
			t.Error(a.Header)
		}
		events := strings.Split(strings.TrimSuffix(string(a.Body), "\n\n"), "\n\n")
		last, ok := strings.CutPrefix(events[len(events)-1], "event: progress\ndata: ")
		var got document.Document
		if err := json.Unmarshal([]byte(last), &got); !ok || err != nil || got.Status != document.Ready || got.PagesReady != 1 {
			t.Errorf("%v: %s", err, a.Body)
		}
		c.Want(http.StatusNotFound, "GET", "/api/documents/none/progress", nil)
		if r := c.Search("words"); r.Total == 0 {
			t.Error("what is ready is not found")
		}
	})
}
