package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"navidocs/internal/account"
	"navidocs/internal/api"
	"navidocs/internal/apptest"
	"navidocs/internal/sale"
	"navidocs/internal/testkit"
)

// handed is a sale that was transferred, and the path of its link.
type handed struct {
	s      *apptest.Server
	seller *apptest.Client
	buyer  *apptest.Client // signs in nowhere
	sale   string
	page   string
}

func handOver(s *apptest.Server, content []byte, files int, language string) handed {
	h := handed{s: s, seller: s.User("seller@example.org", "", ""), buyer: s.Anonymous()}
	var made named
	h.seller.Post("/api/sales", map[string]string{"boat_id": boatOf(h.seller, "Calypso"), "buyer_email": "buyer@example.org", "buyer_language": language}, &made)
	h.sale = "/api/sales/" + made.ID
	s.Packaged(made.ID, content, files)
	h.transfer()
	return h
}

func (h *handed) transfer() {
	var out sale.Handed
	h.seller.Want(http.StatusOK, "POST", h.sale+"/transfer", nil).Into(h.s, &out)
	_, token, _ := strings.Cut(out.DownloadURL, "/p/")
	h.page = "/p/" + token
}

func (h *handed) now() (x sale.Sale) {
	h.seller.Get(h.sale, &x)
	return x
}

// parsed is a page as its elements.
type parsed struct {
	byTag map[string][]*html.Node
}

func parse(t *testing.T, page []byte) parsed {
	t.Helper()
	root, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	p := parsed{map[string][]*html.Node{}}
	for n := range root.Descendants() {
		if n.Type == html.ElementNode {
			p.byTag[n.Data] = append(p.byTag[n.Data], n)
		}
	}
	return p
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

// accessible demands of a page what needs no eye: its language, a title, one
// first heading, the others in order, landmarks, links that say something, and
// neither scripts nor anything from elsewhere.
func accessible(t *testing.T, page []byte, language string) {
	t.Helper()
	p := parse(t, page)
	if got := attr(p.byTag["html"][0], "lang"); got != language {
		t.Errorf("its language is %q, want %q", got, language)
	}
	for _, tag := range []string{"title", "h1", "main", "header", "nav", "footer"} {
		if n := len(p.byTag[tag]); n != 1 {
			t.Errorf("%d of %s", n, tag)
		} else if p.byTag[tag][0].FirstChild == nil {
			t.Errorf("%s is empty", tag)
		}
	}
	if attr(p.byTag["nav"][0], "aria-label") == "" || len(p.byTag["h3"]) > 0 && len(p.byTag["h2"]) == 0 {
		t.Error("landmarks without names, or headings out of order")
	}
	for _, a := range p.byTag["a"] {
		if to := attr(a, "href"); a.FirstChild == nil || !strings.HasPrefix(to, "/p/") && !strings.HasPrefix(to, "/approve/") {
			t.Errorf("a link to %q says nothing or leads elsewhere", attr(a, "href"))
		}
	}
	for _, form := range p.byTag["form"] { // it goes to the page's own address, and changes nothing by being looked at
		if to := attr(form, "action"); attr(form, "method") != "post" || !strings.HasPrefix(to, "/p/") && !strings.HasPrefix(to, "/approve/") {
			t.Errorf("a form goes to %q", to)
		}
	}
	if len(p.byTag["input"]) != len(p.byTag["label"]) {
		t.Error("an input without a label")
	}
	for _, tag := range []string{"script", "img", "link", "iframe"} {
		if len(p.byTag[tag]) > 0 {
			t.Errorf("it has %s", tag)
		}
	}
	if len(page) > 30_000 {
		t.Errorf("%d bytes", len(page))
	}
}

func TestTheBuyersPage(t *testing.T) {
	t.Parallel()
	apptest.Each(t, apptest.Options{NoWorker: true}, func(t *testing.T, s *apptest.Server) {
		h := handOver(s, []byte("the package"), 5000, "de")
		a := h.buyer.Want(http.StatusOK, "GET", h.page, nil)
		accessible(t, a.Body, "de")
		for name, want := range map[string]string{
			"X-Robots-Tag": "noindex", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "Content-Language": "de", "Content-Type": "text/html",
		} {
			if got := a.Header.Get(name); !strings.HasPrefix(got, want) {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		if csp := a.Header.Get("Content-Security-Policy"); strings.Contains(csp, "unsafe") || !strings.HasPrefix(csp, "default-src 'none'; style-src 'sha256-") {
			t.Error(csp)
		}
		text := string(a.Body)
		for _, want := range []string{"Calypso", "5 von 5", `name="robots" content="noindex`, "5f1d", "Paper &lt;0&gt; &amp; more.pdf", "<details>", h.page + "/package"} {
			if !strings.Contains(text, want) {
				t.Errorf("it lacks %s", want)
			}
		}
		for _, secret := range []string{"seller@example.org", string(h.seller.Org), "Org of", "buyer@example.org", strings.TrimPrefix(h.sale, "/api/sales/")} {
			if strings.Contains(text, secret) {
				t.Errorf("it tells %s", secret)
			}
		}
		for _, language := range []string{"en", "fr", "de", "it", "es"} {
			accessible(t, h.buyer.Want(http.StatusOK, "GET", h.page+"?lang="+language, nil, "Accept-Language: es").Body, language)
			accessible(t, h.buyer.Want(http.StatusNotFound, "GET", "/p/ndh_unknown", nil, "Accept-Language: tlh, "+language+"-CH;q=0.8").Body, language)
		}
		h.buyer.Want(http.StatusNotFound, "GET", "/p/"+strings.Repeat("long", 500)+"/package", nil)
		if x := h.now(); x.Link.Finished != 0 || len(x.Timeline) != 2 {
			t.Errorf("looking costs: %+v", x.Link)
		}
		h.seller.Want(http.StatusOK, "POST", h.sale+"/revoke", nil)
		for _, path := range []string{h.page, h.page + "/package"} {
			ended := h.buyer.Want(http.StatusGone, "GET", path, nil)
			accessible(t, ended.Body, "de")
			if !strings.Contains(string(ended.Body), "zurückgenommen") || !strings.Contains(string(ended.Body), "um einen neuen") {
				t.Errorf("%s", ended.Body)
			}
		}
	})
}

func TestEveryLanguageOfThePage(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("handover/words.json")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]map[string]string
	if err := json.Unmarshal(text, &all); err != nil || len(all) != 5 {
		t.Fatal(len(all), err)
	}
	page, err := os.ReadFile("handover/page.html")
	if err != nil {
		t.Fatal(err)
	}
	used := []string{"lang", "top", "more", "ended", "ask", "unknown", "unknownwhy", "busy", "busywhy", "range", "rangewhy", "failed", "failedwhy", "notdone", "nameless", "enough"}
	for _, m := range regexp.MustCompile(`Words\.(\w+)`).FindAllStringSubmatch(string(page), -1) {
		used = append(used, m[1])
	}
	for _, why := range sale.Ends() {
		used = append(used, string(why))
	}
	for language, words := range all {
		for _, key := range used {
			if words[key] == "" {
				t.Errorf("%s lacks %s", language, key)
			}
		}
		for key := range words {
			if !slices.Contains(used, key) {
				t.Errorf("%s: nothing says %s", language, key)
			}
		}
		if language != "en" && words["ask"] == all["en"]["ask"] {
			t.Errorf("%s is English", language)
		}
	}
}

func TestRangesOfThePackage(t *testing.T) {
	t.Parallel()
	apptest.Each(t, apptest.Options{NoWorker: true}, func(t *testing.T, s *apptest.Server) {
		h := handOver(s, []byte("0123456789"), 3, "en")
		path := h.page + "/package"
		head := h.buyer.Want(http.StatusOK, "HEAD", path, nil)
		tag := head.Header.Get("ETag")
		if head.Header.Get("Content-Length") != "10" || head.Header.Get("Accept-Ranges") != "bytes" || len(tag) != 66 ||
			head.Header.Get("Content-Disposition") != `attachment; filename="Calypso as built.zip"` || len(head.Body) != 0 {
			t.Errorf("%v", head.Header)
		}
		for _, test := range []struct {
			headers []string
			status  int
			body    string
			left    int // downloads afterwards
		}{
			{[]string{"Range: bytes=2-4"}, 206, "234", 5},
			{[]string{"Range: bytes=0-3,5-6"}, 206, "", 5},
			{[]string{"Range: bytes=20-"}, 416, "", 5},
			{[]string{"If-None-Match: " + tag}, 304, "", 5},
			{[]string{`If-Match: "other"`}, 412, "", 5},
			{[]string{"Range: bytes=2-4", `If-Range: ` + tag}, 206, "234", 5},
			{[]string{"Range: bytes=2-4", `If-Range: "other"`}, 200, "0123456789", 4},
			{[]string{"Range: bytes=-2"}, 206, "89", 3},
			{[]string{"Range: bytes=0-1,8-"}, 206, "", 2},
			{[]string{"Range: bytes=5-100"}, 206, "56789", 1},
			{nil, 200, "0123456789", 0},
			{[]string{"Range: bytes=2-4"}, 410, "", 0},
			{nil, 410, "", 0},
		} {
			a := h.buyer.Do("GET", path, nil, test.headers...)
			if a.Status != test.status || test.body != "" && string(a.Body) != test.body {
				t.Errorf("%v: %d %s", test.headers, a.Status, a.Body)
			}
			testkit.Eventually(t, func() error { // it is counted when the reader has it already
				if left := h.now().Link.DownloadsLeft; left != test.left {
					return fmt.Errorf("%v: %d are left, want %d", test.headers, left, test.left)
				}
				return nil
			})
		}
		var all []sale.Download
		if h.seller.Get(h.sale+"/downloads", &all); len(all) != 5 || all[0].State != sale.Complete || all[0].Bytes != 10 || all[0].Address != "127.0.0.0/24" || all[0].Who != "buyer" {
			t.Errorf("%+v", all)
		}
	})
}

func TestPiecesEndInAPage(t *testing.T) {
	t.Parallel()
	s := apptest.New(t, apptest.Options{NoWorker: true})
	h := handOver(s, bytes.Repeat([]byte("x"), 100), 3, "en")
	for range 10 {
		h.buyer.Want(http.StatusPartialContent, "GET", h.page+"/package", nil, "Range: bytes=0-98")
	}
	a := h.buyer.Want(http.StatusGone, "GET", h.page+"/package", nil, "Range: bytes=0-98")
	if !strings.Contains(string(a.Body), "pieces") || a.Header.Get("Content-Disposition") != "" || a.Header.Get("Content-Range") != "" {
		t.Errorf("%v %s", a.Header, a.Body)
	}
	h.buyer.Want(http.StatusOK, "GET", h.page, nil)
}

// Whoever asks for the sixth right after the fifth is not told to wait.
func TestTheSixthDownload(t *testing.T) {
	t.Parallel()
	s := apptest.New(t, apptest.Options{NoWorker: true})
	h := handOver(s, []byte("0123456789"), 3, "en")
	for range 5 {
		h.buyer.Want(http.StatusOK, "GET", h.page+"/package", nil)
	}
	h.buyer.Want(http.StatusGone, "GET", h.page+"/package", nil)
}

// A download that breaks off on its way gives its slot back, and one that goes on
// from there costs one.
func TestACutDownload(t *testing.T) {
	t.Parallel()
	content := make([]byte, 24<<20)           // more than sockets take unread
	rand.NewChaCha8([32]byte{}).Read(content) //nolint:errcheck // it never fails
	apptest.Each(t, apptest.Options{NoWorker: true}, func(t *testing.T, s *apptest.Server) {
		h := handOver(s, content, 3, "en")
		part := h.cut(t, 1<<20)
		testkit.Eventually(t, func() error {
			var all []sale.Download
			if h.seller.Get(h.sale+"/downloads", &all); len(all) != 1 || all[0].State != sale.Cut || all[0].Bytes < 1<<20 || all[0].Bytes >= int64(len(content)) {
				return fmt.Errorf("%+v", all)
			}
			return nil
		})
		if left := h.now().Link.DownloadsLeft; left != 5 {
			t.Errorf("%d are left after one that broke off", left)
		}
		rest := h.buyer.Want(http.StatusPartialContent, "GET", h.page+"/package", nil, fmt.Sprintf("Range: bytes=%d-", len(part)))
		if got := slices.Concat(part, rest.Body); !bytes.Equal(got, content) {
			t.Errorf("%d bytes that are not the package", len(got))
		}
		testkit.Eventually(t, func() error {
			if left := h.now().Link.DownloadsLeft; left != 4 {
				return fmt.Errorf("%d are left after it was resumed", left)
			}
			return nil
		})
	})
}

// cut reads the first n bytes of the package and hangs up.
func (h *handed) cut(t *testing.T, n int64) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.s.URL+h.page+"/package", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	res, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	part, err := io.ReadAll(io.LimitReader(res.Body, n))
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatal(res.Status, err)
	}
	return part
}

// A busy link says when to come again.
func TestABusyLink(t *testing.T) {
	t.Parallel()
	s := apptest.New(t, apptest.Options{NoWorker: true})
	h := handOver(s, []byte("0123456789"), 3, "fr")
	p, err := s.Sales.Handover(t.Context(), strings.TrimPrefix(h.page, "/p/"))
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if _, err := s.Sales.Take(t.Context(), p, account.Actor{}); err != nil {
			t.Fatal(err)
		}
	}
	a := h.buyer.Want(http.StatusConflict, "GET", h.page+"/package", nil)
	accessible(t, a.Body, "fr")
	if a.Header.Get("Retry-After") == "" {
		t.Error("it does not say when to come again")
	}
}

// The secret of a link is in no line of the log, not even of a panic.
func TestNoLogHasTheSecret(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	handler := api.New(api.Services{}, api.Config{Log: slog.New(slog.NewTextHandler(&log, nil))}).Handler()
	for _, path := range []string{"/p/ndh_secret", "/p/ndh_secret/package", "/p/ndh_secret/other"} {
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody))
	}
	if text := log.String(); strings.Contains(text, "ndh_secret") || !strings.Contains(text, "/p/{token}/package") || !strings.Contains(text, "panic") {
		t.Error(text)
	}
}

func TestLinksAreRateLimited(t *testing.T) {
	t.Parallel()
	s := apptest.New(t, apptest.Options{NoWorker: true, Settings: []string{"RATE_LIMIT_MAX_REQUESTS=3"}})
	c := s.Anonymous()
	for _, path := range []string{"/p/one", "/p/two", "/p/three/package"} {
		c.Want(http.StatusNotFound, "GET", path, nil)
	}
	c.Want(http.StatusTooManyRequests, "GET", "/p/four", nil)
}
