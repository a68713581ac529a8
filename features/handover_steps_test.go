package features

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cucumber/godog"
	"github.com/emersion/go-smtp"

	"navidocs/internal/account"
	"navidocs/internal/apptest"
	"navidocs/internal/notify"
	"navidocs/internal/sale"
	"navidocs/internal/testkit"
)

// passing is what a scenario knows of a boat that is handed over.
type passing struct {
	*informed

	id      sale.ID
	content []byte
	first   string // the path of the first link's page
	page    string // and of the last one's
	got     []byte
	took    []apptest.Answer
}

func (w *world) handoverSteps(sc *godog.ScenarioContext) {
	p := &passing{informed: &informed{world: w}}
	sc.Step(`^a captain with mail who sells the boat to "([^"]*)" and has its package$`, p.sells)
	sc.Step(`^the captain transfers the sale with the message "([^"]*)"$`, func(text string) { p.transfers(map[string]string{"message": text}) })
	sc.Step(`^the captain transfers the sale to "([^"]*)"$`, func(buyer string) { p.transfers(map[string]string{"buyer_email": buyer}) })
	sc.Step(`^within a minute "([^"]*)" has a mail with "([^"]*)" that leads to the page, not to the file$`, p.isMailed)
	sc.Step(`^"([^"]*)" has a mail that reminds of the link$`, p.isReminded)
	sc.Step(`^the captain revokes the link$`, func() { p.captain.Want(http.StatusOK, "POST", p.path()+"/revoke", nil) })
	sc.Step(`^the captain gives the link (\d+) downloads? more$`, func(n int) {
		p.captain.Want(http.StatusOK, "POST", p.path()+"/extend", map[string]int{"downloads": n})
	})
	sc.Step(`^(\d+) days go by$`, p.daysPass)
	sc.Step(`^the captain calls off the sale that was transferred$`, func() { p.answer = p.captain.Want(http.StatusOK, "POST", p.path()+"/cancel", nil) })
	sc.Step(`^the answer tells of (\d+) download that nothing takes back$`, p.isNotRecalled)
	sc.Step(`^the captain completes the sale$`, func() { p.captain.Want(http.StatusOK, "POST", p.path()+"/complete", nil) })
	sc.Step(`^the sale is completed, with a step for its start, its transfer and its end$`, p.isCompleted)
	p.buyerSteps(sc)
	p.undeliveredSteps(sc)
	sc.After(func(ctx context.Context, _ *godog.Scenario, _ error) (context.Context, error) {
		return ctx, p.workers.end()
	})
}

func (p *passing) buyerSteps(sc *godog.ScenarioContext) {
	sc.Step(`^the page in a clean client tells the boat, 5 downloads and nothing of the seller$`, p.isShown)
	sc.Step(`^the buyer downloads the package$`, func() error { return p.downloads(1) })
	sc.Step(`^the buyer downloads the package (\d+) times$`, p.downloads)
	sc.Step(`^it is whole, as the page's SHA-256 says$`, p.isWhole)
	sc.Step(`^the captain sees (\d+) complete downloads?( and is told of it once)?$`, p.areSeen)
	sc.Step(`^the buyer's line breaks in the middle of the download$`, p.breaks)
	sc.Step(`^the buyer goes on from there$`, p.goesOn)
	sc.Step(`^(\d+) downloads are left$`, p.areLeft)
	sc.Step(`^the (first )?link has ended, and its page in (\w+) says "([^"]*)"$`, p.hasEnded)
	sc.Step(`^(\d+) take the package at once$`, p.takeAtOnce)
	sc.Step(`^(\d+) of them have it whole, and the others were told to wait or that the link has ended$`, p.haveIt)
	sc.Step(`^a scanner opens every link of the mail, and a messenger previews the page$`, p.isScanned)
	sc.Step(`^a program asks with HEAD, and for the first part of the package$`, func() {
		p.server.Anonymous().Want(http.StatusOK, "HEAD", p.page+"/package", nil)
		p.server.Anonymous().Want(http.StatusPartialContent, "GET", p.page+"/package", nil, "Range: bytes=0-1023")
	})
}

func (p *passing) undeliveredSteps(sc *godog.ScenarioContext) {
	sc.Step(`^the mail to "([^"]*)" comes back because "([^"]*)"$`, p.comesBack)
	sc.Step(`^the mail server refuses the next mail for ever$`, func() {
		p.mailbox.answers(&smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such mailbox"})
	})
	sc.Step(`^the mail server takes the next mail$`, func() { p.mailbox.answers(nil) })
	sc.Step(`^the sale says that the buyer is not reached because "([^"]*)", and the captain is told$`, p.isUnreached)
	sc.Step(`^the sale says that the buyer is reached$`, func() error {
		if x := p.now(); !x.BuyerReached || x.Unreached != "" {
			return fmt.Errorf("%+v", x)
		}
		return nil
	})
}

func (p *passing) isCompleted() error {
	x := p.now()
	var steps []string
	for _, s := range x.Timeline {
		steps = append(steps, s.Event)
	}
	if want := []string{"sale.initiated", "sale.transferred", "sale.completed"}; x.Status != sale.Completed || !slices.Equal(steps, want) {
		return fmt.Errorf("%s: %v", x.Status, steps)
	}
	return nil
}

func (p *passing) path() string { return "/api/sales/" + string(p.id) }

func (p *passing) now() (x sale.Sale) {
	p.captain.Get(p.path(), &x)
	return x
}

func (p *passing) sells(buyer string) error {
	if err := p.beginsOn("2026-05-01"); err != nil {
		return err
	}
	var x sale.Sale
	p.captain.Post("/api/sales", map[string]string{"boat_id": p.boat, "buyer_email": buyer}, &x)
	p.id = x.ID
	p.packaged()
	return nil
}

// packaged gives the sale a package that no socket takes unread.
func (p *passing) packaged() {
	p.content = make([]byte, 16<<20)
	rand.NewChaCha8([32]byte{1}).Read(p.content) //nolint:errcheck // it never fails
	p.server.Packaged(string(p.id), p.content, 40)
}

func (p *passing) transfers(body map[string]string) {
	var h sale.Handed
	p.captain.Want(http.StatusOK, "POST", p.path()+"/transfer", body).Into(p.server, &h)
	p.page = strings.TrimPrefix(h.DownloadURL, appURL)
	if p.first == "" {
		p.first = p.page
	}
}

// mailed waits for the newest mail to an address whose title has the words.
func (p *passing) mailed(to, words string) (m letter) {
	testkit.Eventually(p.t, func() error {
		all := p.mailbox.about(to, words)
		if len(all) == 0 {
			return fmt.Errorf("no mail to %s has come", to)
		}
		m = all[len(all)-1]
		return nil
	})
	return m
}

func (p *passing) isMailed(to, words string) error {
	m := p.mailed(to, "papers are ready")
	for _, text := range []string{m.text, m.html} {
		for _, want := range []string{words, appURL + p.page, "01 Chapter", "5f1d", captain, "31 May 2026"} {
			if !strings.Contains(text, want) {
				return fmt.Errorf("it lacks %q: %s", want, text)
			}
		}
		if strings.Contains(text, "/package") {
			return errors.New("it links to the file")
		}
	}
	if !m.encrypted || !strings.HasPrefix(m.from, "bounce+") {
		return fmt.Errorf("it came from %s", m.from)
	}
	return nil
}

func (p *passing) isReminded(to string) error {
	if err := p.server.Sales.Remind(p.t.Context()); err != nil {
		return err
	}
	if m := p.mailed(to, "your link ends on 31 May 2026"); !strings.Contains(m.text, appURL+"/p/ndh_") {
		return fmt.Errorf("it says %s", m.text)
	}
	return nil
}

func (p *passing) daysPass(n int) error {
	p.clock.Add(time.Duration(n)*24*time.Hour + time.Minute)
	p.captain = p.server.SignIn(captain, password)
	return nil
}

func (p *passing) isShown() error {
	a := p.server.Anonymous().Want(http.StatusOK, "GET", p.page, nil)
	text := string(a.Body)
	for _, want := range []string{"Calypso", "5 of 5", "17 MB", "01 Chapter"} {
		if !strings.Contains(text, want) {
			return fmt.Errorf("it lacks %q: %s", want, text)
		}
	}
	if strings.Contains(text, captain) || strings.Contains(text, "Org of") || strings.Contains(text, string(p.captain.Org)) {
		return errors.New("it tells who sells")
	}
	return nil
}

func (p *passing) downloads(n int) error {
	for range n {
		p.got = p.server.Anonymous().Want(http.StatusOK, "GET", p.page+"/package", nil).Body
		p.settled()
	}
	return nil
}

var sumOnPage = regexp.MustCompile(`<code>([0-9a-f]{64})</code>`)

func (p *passing) isWhole() error {
	sum := sha256.Sum256(p.got)
	if !bytes.Equal(p.got, p.content) {
		return fmt.Errorf("%d bytes of %d", len(p.got), len(p.content))
	}
	a := p.server.Anonymous().Do("GET", p.page, nil)
	if m := sumOnPage.FindSubmatch(a.Body); a.Status == http.StatusOK && (m == nil || string(m[1]) != hex.EncodeToString(sum[:])) {
		return fmt.Errorf("the page says %s", m)
	}
	return nil
}

func (p *passing) areSeen(n int, told string) error {
	p.settled()
	var all []sale.Download
	p.captain.Get(p.path()+"/downloads", &all)
	done := slices.DeleteFunc(all, func(d sale.Download) bool {
		return d.State != sale.Complete || d.Bytes != int64(len(p.content)) || d.EndedAt == nil
	})
	if len(done) != n {
		return fmt.Errorf("%+v", all)
	}
	if told != "" {
		p.becomes(p.captain, notify.InApp, "the buyer has downloaded the package", notify.Delivered)
	}
	return nil
}

// breaks reads some of the package and hangs up.
func (p *passing) breaks() error {
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, p.server.URL+p.page+"/package", http.NoBody)
	if err != nil {
		return err
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	res, err := transport.RoundTrip(req)
	if err != nil {
		return err
	}
	p.got, err = io.ReadAll(io.LimitReader(res.Body, 2<<20))
	return errors.Join(err, res.Body.Close())
}

func (p *passing) goesOn() error {
	rest := p.server.Anonymous().Want(http.StatusPartialContent, "GET", p.page+"/package", nil, fmt.Sprintf("Range: bytes=%d-", len(p.got)))
	p.got = append(p.got, rest.Body...)
	return nil
}

func (p *passing) areLeft(n int) error {
	p.settled()
	if l := p.now().Link; l.DownloadsLeft != n {
		return fmt.Errorf("%+v", l)
	}
	return nil
}

// settled waits until no download is under way: one is counted when its reader
// has it already.
func (p *passing) settled() {
	testkit.Eventually(p.t, func() error {
		var all []sale.Download
		p.captain.Get(p.path()+"/downloads", &all)
		if slices.ContainsFunc(all, func(d sale.Download) bool { return d.State == sale.Taken }) {
			return errors.New("one is under way still")
		}
		return nil
	})
}

func (p *passing) hasEnded(first, language, says string) error {
	p.settled()
	page := p.page
	if first != "" {
		page = p.first
	}
	code := map[string]string{"English": "en", "French": "fr", "German": "de", "Italian": "it", "Spanish": "es"}[language]
	for _, path := range []string{page, page + "/package"} {
		a := p.server.Anonymous().Want(http.StatusGone, "GET", path+"?lang="+code, nil)
		text := strings.ReplaceAll(string(a.Body), "&#39;", "'")
		if !strings.Contains(text, says) || !strings.Contains(text, `<html lang="`+code+`">`) {
			return fmt.Errorf("it says %s", text)
		}
	}
	return nil
}

func (p *passing) takeAtOnce(n int) error {
	p.took = make([]apptest.Answer, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { p.took[i] = p.server.Anonymous().Do("GET", p.page+"/package", nil) })
	}
	all.Wait()
	return nil
}

func (p *passing) haveIt(n int) error {
	whole := 0
	for _, a := range p.took {
		switch {
		case a.Status == http.StatusOK && bytes.Equal(a.Body, p.content):
			whole++
		case a.Status == http.StatusConflict && a.Header.Get("Retry-After") != "", a.Status == http.StatusGone:
		default:
			return fmt.Errorf("one was answered %d with %d bytes", a.Status, len(a.Body))
		}
	}
	if whole != n {
		return fmt.Errorf("%d have it", whole)
	}
	return nil
}

func (p *passing) isScanned() error {
	m := p.mailed("buyer@example.org", "papers are ready")
	links := regexp.MustCompile(regexp.QuoteMeta(appURL)+`(/[^\s"<]*)`).FindAllStringSubmatch(m.text+m.html, -1)
	if len(links) < 2 {
		return fmt.Errorf("%d links", len(links))
	}
	for _, l := range links {
		for _, method := range []string{"HEAD", "GET"} {
			p.server.Anonymous().Want(http.StatusOK, method, l[1], nil, "User-Agent: LinkPreview/1.0")
		}
	}
	return nil
}

func (p *passing) comesBack(to, why string) error {
	const operator = "operator@example.org"
	_, err := p.server.Accounts.CreateUser(p.t.Context(), account.NewUser{
		Registering: account.Registering{Email: operator, Password: password, Name: "Operator", Organization: "Operators"}, Operator: true,
	})
	if err != nil {
		return err
	}
	id, _, _ := strings.Cut(strings.TrimPrefix(p.mailed(to, "papers are ready").from, "bounce+"), "@")
	p.server.SignIn(operator, password).Want(http.StatusOK, "POST", "/api/notifications/bounces", notify.Report{MessageID: id, Kind: "hard", Reason: why})
	return nil
}

func (p *passing) isUnreached(why string) error {
	testkit.Eventually(p.t, func() error {
		if x := p.now(); x.BuyerReached || !strings.Contains(x.Unreached, why) {
			return fmt.Errorf("%+v", x)
		}
		for _, n := range p.told(p.captain, notify.InApp, "the buyer was not reached") {
			if strings.Contains(n.Message, why) {
				return nil
			}
		}
		return errors.New("the captain is told nothing")
	})
	return nil
}

func (p *passing) isNotRecalled(n int) error {
	var x sale.Sale
	if p.answer.Into(p.server, &x); x.Status != sale.Cancelled || len(x.NotRecalled) != n || x.NotRecalled[0].EndedAt == nil {
		return fmt.Errorf("%+v", x)
	}
	return nil
}
