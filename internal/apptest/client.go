package apptest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"navidocs/internal/account"
	"navidocs/internal/document"
	"navidocs/internal/testkit"
)

// Client calls a server in somebody's name. A call that cannot be made, or an
// answer that the contract does not describe, fails the test.
type Client struct {
	s       *Server
	Token   string
	Refresh string
	// Org is the user's first organization.
	Org account.OrgID
	// Narrow, when set, is sent as X-Organization-Id.
	Narrow account.OrgID
}

// Answer is what came back.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Anonymous calls without signing in.
func (s *Server) Anonymous() *Client { return &Client{s: s} }

// SignIn signs a user in.
func (s *Server) SignIn(email, password string) *Client {
	s.t.Helper()
	c := s.Anonymous()
	var tokens account.Tokens
	c.Want(http.StatusOK, "POST", "/api/auth/login", map[string]string{"email": email, "password": password}).Into(s, &tokens)
	c.Token, c.Refresh = tokens.Token, tokens.RefreshToken
	var orgs []account.Organization
	c.Want(http.StatusOK, "GET", "/api/organizations", nil).Into(s, &orgs)
	if len(orgs) > 0 {
		c.Org = orgs[0].ID
	}
	return c
}

// Into reads the answer's JSON.
func (a Answer) Into(s *Server, v any) {
	s.t.Helper()
	if err := json.Unmarshal(a.Body, v); err != nil {
		s.t.Fatalf("%v in %s", err, a.Body)
	}
}

// Problem reads the detail of an error's answer.
func (a Answer) Problem() string {
	var p struct{ Detail string }
	if err := json.Unmarshal(a.Body, &p); err != nil {
		return string(a.Body)
	}
	return p.Detail
}

// Want calls and demands a status.
func (c *Client) Want(status int, method, path string, body any, headers ...string) Answer {
	c.s.t.Helper()
	a := c.Do(method, path, body, headers...)
	if a.Status != status {
		c.s.t.Fatalf("%s %s: %d, want %d: %s", method, path, a.Status, status, a.Body)
	}
	return a
}

// Get reads JSON with status 200.
func (c *Client) Get(path string, v any) {
	c.s.t.Helper()
	c.Want(http.StatusOK, "GET", path, nil).Into(c.s, v)
}

// Post creates with status 201 and reads the answer.
func (c *Client) Post(path string, body, v any) {
	c.s.t.Helper()
	c.Want(http.StatusCreated, "POST", path, body).Into(c.s, v)
}

// Do calls with a JSON body (nil for none) and "Name: value" headers.
func (c *Client) Do(method, path string, body any, headers ...string) Answer {
	c.s.t.Helper()
	var r io.Reader
	if raw, ok := body.(string); ok {
		r = strings.NewReader(raw)
	} else if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			c.s.t.Fatal(err)
		}
		r = bytes.NewReader(text)
	}
	if body != nil {
		headers = append([]string{"Content-Type: application/json"}, headers...)
	}
	return c.Send(method, path, r, headers...)
}

// Send calls with any body.
func (c *Client) Send(method, path string, body io.Reader, headers ...string) Answer {
	c.s.t.Helper()
	req, err := http.NewRequestWithContext(c.s.t.Context(), method, c.s.URL+path, body)
	if err != nil {
		c.s.t.Fatal(err)
	}
	if c.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.Token)
	}
	if c.Narrow != "" {
		req.Header.Set("X-Organization-Id", string(c.Narrow))
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		c.s.t.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // read to its end
	text, err := io.ReadAll(res.Body)
	if err != nil {
		c.s.t.Fatal(err)
	}
	a := Answer{res.StatusCode, res.Header, text}
	if err := c.s.conforms(method, path, a); err != nil {
		c.s.t.Errorf("%s %s (%d) does not keep the contract: %v\n%s", method, path, a.Status, err, clip(a.Body))
	}
	return a
}

func clip(b []byte) []byte { return b[:min(len(b), 2000)] }

// Upload sends a file with fields "name=value" and reads the document.
func (c *Client) Upload(name string, content []byte, fields ...string) document.Document {
	c.s.t.Helper()
	a := c.UploadAnswer(name, content, "", fields...)
	if a.Status != http.StatusCreated {
		c.s.t.Fatalf("upload %s: %d: %s", name, a.Status, a.Body)
	}
	var d document.Document
	a.Into(c.s, &d)
	return d
}

// UploadAnswer sends a file and returns whatever comes back.
func (c *Client) UploadAnswer(name string, content []byte, query string, fields ...string) Answer {
	c.s.t.Helper()
	return c.SendFile("/api/documents"+query, name, content, fields...)
}

// SendFile posts a form of fields "name=value" and then a file.
func (c *Client) SendFile(path, name string, content []byte, fields ...string) Answer {
	c.s.t.Helper()
	var b bytes.Buffer
	form := multipart.NewWriter(&b)
	for _, f := range fields {
		key, value, _ := strings.Cut(f, "=")
		if err := form.WriteField(key, value); err != nil {
			c.s.t.Fatal(err)
		}
	}
	part, err := form.CreateFormFile("file", name)
	if err != nil {
		c.s.t.Fatal(err)
	}
	if _, err := part.Write(content); err != nil {
		c.s.t.Fatal(err)
	}
	if err := form.Close(); err != nil {
		c.s.t.Fatal(err)
	}
	return c.Send("POST", path, &b, "Content-Type: "+form.FormDataContentType())
}

// Read waits until a document is read and returns it.
func (c *Client) Read(id document.ID) document.Document {
	c.s.t.Helper()
	var d document.Document
	testkit.Eventually(c.s.t, func() error {
		c.Get("/api/documents/"+string(id), &d)
		if d.Status == document.Ready || d.Status == document.Failed {
			return nil
		}
		return fmt.Errorf("document is %s, %d of %d pages", d.Status, d.PagesReady, d.PageCount)
	})
	return d
}

// Search looks for words.
func (c *Client) Search(q string, more ...string) document.Results {
	c.s.t.Helper()
	values := url.Values{"q": {q}}
	for _, m := range more {
		key, value, _ := strings.Cut(m, "=")
		values.Add(key, value)
	}
	var r document.Results
	c.Get("/api/search?"+values.Encode(), &r)
	return r
}

// conforms holds an answer against the contract.
func (s *Server) conforms(method, path string, a Answer) error {
	path, _, _ = strings.Cut(path, "?")
	operation := s.operation(method, path)
	if operation == nil {
		return nil // a page, a probe, or an address that does not exist
	}
	response := operation.Responses[strconv.Itoa(a.Status)]
	if response == nil {
		return fmt.Errorf("status %d is not in the contract", a.Status)
	}
	media, _, _ := strings.Cut(a.Header.Get("Content-Type"), ";")
	if len(response.Content) == 0 {
		return nil
	}
	described := response.Content[media]
	if described == nil {
		if response.Content["application/octet-stream"] != nil || response.Content["image/jpeg"] != nil {
			return nil
		}
		return fmt.Errorf("media type %q is not in the contract", media)
	}
	if !strings.HasSuffix(media, "json") {
		return nil
	}
	var value any
	if err := json.Unmarshal(a.Body, &value); err != nil {
		return err
	}
	result := &huma.ValidateResult{}
	huma.Validate(s.API.OpenAPI().Components.Schemas, described.Schema, huma.NewPathBuffer([]byte(""), 0), huma.ModeReadFromServer, value, result)
	if len(result.Errors) > 0 {
		return fmt.Errorf("%v", result.Errors)
	}
	return nil
}

// operation finds the operation of an address, the most literal path first.
func (s *Server) operation(method, path string) *huma.Operation {
	var best *huma.Operation
	literal := -1
	for template, item := range s.API.OpenAPI().Paths {
		n, ok := matches(template, path)
		if !ok || n <= literal {
			continue
		}
		if operation := operationOf(item, method); operation != nil {
			best, literal = operation, n
		}
	}
	return best
}

// matches says whether a path is of a template, and how many of its parts are
// literal.
func matches(template, path string) (literal int, ok bool) {
	want, have := strings.Split(template, "/"), strings.Split(path, "/")
	if len(want) != len(have) {
		return 0, false
	}
	for i := range want {
		switch {
		case want[i] == have[i]:
			literal++
		case !strings.HasPrefix(want[i], "{") || have[i] == "":
			return 0, false
		}
	}
	return literal, true
}

func operationOf(item *huma.PathItem, method string) *huma.Operation {
	switch method {
	case http.MethodGet:
		return item.Get
	case http.MethodPost:
		return item.Post
	case http.MethodPut:
		return item.Put
	case http.MethodPatch:
		return item.Patch
	case http.MethodDelete:
		return item.Delete
	}
	return nil
}
