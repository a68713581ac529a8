package prove_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"navidocs/internal/document"
)

// client calls a server over HTTP, also while it dies.
type client struct {
	t     testing.TB
	url   string
	http  *http.Client
	token string
	boat  string
}

// answer is what came back.
type answer struct {
	status int
	media  string
	body   []byte
}

func (a answer) String() string {
	return fmt.Sprintf("%d %s", a.status, a.body[:min(len(a.body), 500)])
}

// problem is an error's answer (RFC 9457).
func (a answer) problem() (p struct{ Detail, ID string }, ok bool) {
	return p, a.media == "application/problem+json" && json.Unmarshal(a.body, &p) == nil
}

// register makes a user with an organization and a boat, and signs them in.
func register(t testing.TB, url string) *client {
	t.Helper()
	return registerOver(t, url, nil)
}

// registerOver is register over a client of HTTP of the caller's, unless it is nil.
func registerOver(t testing.TB, url string, over *http.Client) *client {
	t.Helper()
	if over == nil {
		over = &http.Client{Timeout: 10 * time.Minute}
	}
	c := &client{t: t, url: url, http: over}
	const email, password = "ada@example.org", "a long test passphrase"
	c.must(http.StatusCreated, "POST", "/api/auth/register", map[string]string{"email": email, "password": password, "name": "Ada", "organization_name": "Of " + email}, nil)
	var tokens struct{ Token string }
	c.must(http.StatusOK, "POST", "/api/auth/login", map[string]string{"email": email, "password": password}, &tokens)
	c.token = tokens.Token
	var boat struct{ ID string }
	c.must(http.StatusCreated, "POST", "/api/boats", map[string]string{"name": "Calypso"}, &boat)
	c.boat = boat.ID
	return c
}

// must calls, demands a status and reads the answer into v.
func (c *client) must(status int, method, path string, body, v any) {
	c.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		c.t.Fatal(err)
	}
	a, err := c.send(c.t.Context(), method, path, "application/json", bytes.NewReader(text))
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	if a.status != status {
		c.t.Fatalf("%s %s: %s", method, path, a)
	}
	if v != nil {
		if err := json.Unmarshal(a.body, v); err != nil {
			c.t.Fatalf("%s %s: %v", method, path, err)
		}
	}
}

func (c *client) get(path string, v any) {
	c.t.Helper()
	a, err := c.send(c.t.Context(), "GET", path, "", http.NoBody)
	if err != nil {
		c.t.Fatalf("GET %s: %v", path, err)
	}
	if a.status != http.StatusOK {
		c.t.Fatalf("GET %s: %s", path, a)
	}
	if err := json.Unmarshal(a.body, v); err != nil {
		c.t.Fatalf("GET %s: %v", path, err)
	}
}

// send calls; its error is one of the connection.
func (c *client) send(ctx context.Context, method, path, media string, body io.Reader) (a answer, err error) {
	req, err := http.NewRequestWithContext(ctx, method, c.url+path, body)
	if err != nil {
		return a, err
	}
	if media != "" {
		req.Header.Set("Content-Type", media)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return a, err
	}
	defer res.Body.Close()
	a.status = res.StatusCode
	a.media, _, _ = strings.Cut(res.Header.Get("Content-Type"), ";")
	a.body, err = io.ReadAll(res.Body)
	return a, err
}

// upload streams a file to the client's boat.
func (c *client) upload(ctx context.Context, name string, content io.Reader) (answer, error) {
	body, w := io.Pipe()
	form := multipart.NewWriter(w)
	go func() { w.CloseWithError(c.fill(form, name, content)) }()
	defer body.Close() // lets fill end when the server stopped reading
	return c.send(ctx, "POST", "/api/documents", form.FormDataContentType(), body)
}

func (c *client) fill(form *multipart.Writer, name string, content io.Reader) error {
	if err := form.WriteField("boat_id", c.boat); err != nil {
		return err
	}
	part, err := form.CreateFormFile("file", name)
	if err != nil {
		return err
	}
	if _, err := io.Copy(part, content); err != nil {
		return err
	}
	return form.Close()
}

// add uploads a file that must be taken.
func (c *client) add(name string, content []byte) document.ID {
	c.t.Helper()
	a, err := c.upload(c.t.Context(), name, bytes.NewReader(content))
	if err != nil {
		c.t.Fatalf("upload %s: %v", name, err)
	}
	var d document.Document
	if a.status != http.StatusCreated || json.Unmarshal(a.body, &d) != nil {
		c.t.Fatalf("upload %s: %s", name, a)
	}
	return d.ID
}

func (c *client) document(id document.ID) (d document.Document) {
	c.t.Helper()
	c.get("/api/documents/"+string(id), &d)
	return d
}

// read waits until a document has ended.
func (c *client) read(id document.ID, patience time.Duration) (d document.Document) {
	c.t.Helper()
	wait(c.t, patience, func() error {
		if d = c.document(id); !over(d) {
			return fmt.Errorf("%s is %s, %d of %d pages", d.FileName, d.Status, d.PagesReady, d.PageCount)
		}
		return nil
	})
	return d
}

func over(d document.Document) bool {
	return d.Status == document.Ready || d.Status == document.Failed
}

// unfinished counts the documents that are not read yet, at most 100 a status.
func (c *client) unfinished() int {
	c.t.Helper()
	n := 0
	for _, status := range []document.Status{document.Pending, document.Processing} {
		var some []document.Document
		c.get("/api/documents?limit=100&status="+string(status), &some)
		n += len(some)
	}
	return n
}

// search looks for words.
func (c *client) search(q string, limit int) (r document.Results) {
	c.t.Helper()
	c.get(fmt.Sprintf("/api/search?limit=%d&q=%s", limit, url.QueryEscape(q)), &r)
	return r
}
