package features

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/cucumber/godog"

	"navidocs/internal/apptest"
	"navidocs/internal/notify"
)

const (
	smsAccount = "AC0123456789"
	smsToken   = "t0ken-of-the-texts"
	smsFrom    = "+15005550006"
	// The two numbers that are given; nobody has them.
	captainPhone = "+441632960001"
	memberPhone  = "+441632960002"
)

// carrier is a service of Twilio's form that keeps the text messages it takes.
type carrier struct {
	*httptest.Server

	mu    sync.Mutex // guards what follows
	busy  string     // why it takes none; "" takes them
	asked []text
	taken []text
	flaw  error // of the first request that Twilio would not have understood
}

type text struct{ to, body string }

func (i *informed) textSteps(sc *godog.ScenarioContext) {
	sc.Step(`^a captain whose server sends mail and text messages, in the morning of (\S+)$`, i.beginsWithTexts)
	sc.Step(`^the captain and the member confirm their telephone numbers$`, i.bothConfirm)
	sc.Step(`^the captain wants text messages about warranties, and no mails$`, i.wantsTexts)
	sc.Step(`^the captain has a text message about "([^"]*)" of at most 160 characters$`, i.hasText)
	sc.Step(`^the member has no text message about "([^"]*)"$`, func(about string) error { return i.wereAsked(0, memberPhone, about) })
	sc.Step(`^the text message about "([^"]*)" is shown as (\w+)(?:, because "([^"]*)")?$`, i.textIsShown)
	sc.Step(`^the SMS service answers 429, "([^"]*)"$`, func(why string) { i.carrier.is(why) })
	sc.Step(`^the SMS service was asked (\d+) times? about "([^"]*)"$`, func(n int, about string) error { return i.wereAsked(n, captainPhone, about) })
	sc.Step(`^(\d+) (seconds|minutes|hours) pass$`, i.passes)
}

func (i *informed) beginsWithTexts(day string) error {
	c := &carrier{}
	c.Server = httptest.NewServer(http.HandlerFunc(c.takes))
	i.t.Cleanup(c.Close)
	i.carrier = c
	i.settings = []string{"TWILIO_ACCOUNT_SID=" + smsAccount, "TWILIO_AUTH_TOKEN=" + smsToken, "TWILIO_FROM=" + smsFrom, "TWILIO_API_BASE=" + c.URL}
	return i.beginsOn(day)
}

// takes answers as Twilio does.
func (c *carrier) takes(w http.ResponseWriter, req *http.Request) {
	m := text{req.PostFormValue("To"), req.PostFormValue("Body")}
	user, password, _ := req.BasicAuth()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = append(c.asked, m)
	status, answer := http.StatusCreated, `{"sid":"SM1","status":"queued"}`
	switch {
	case req.Method != http.MethodPost || req.URL.Path != "/2010-04-01/Accounts/"+smsAccount+"/Messages.json" ||
		user != smsAccount || password != smsToken || req.PostFormValue("From") != smsFrom || m.to == "" || m.body == "":
		c.flaw = errors.Join(c.flaw, fmt.Errorf("%s %s as %s: %v", req.Method, req.URL, user, req.PostForm))
		status, answer = http.StatusBadRequest, `{"code":21602,"message":"not understood"}`
	case c.busy != "":
		status, answer = http.StatusTooManyRequests, `{"code":20429,"message":"`+c.busy+`"}`
	default:
		c.taken = append(c.taken, m)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprint(w, answer)
}

func (c *carrier) is(busy string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy = busy
}

// about are the messages to a number that have the words, of those taken or of
// all that were asked for.
func (c *carrier) about(all *[]text, to, words string) (found []text, _ error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range *all {
		if m.to == to && strings.Contains(m.body, words) {
			found = append(found, m)
		}
	}
	return found, c.flaw
}

func (i *informed) bothConfirm() error {
	return errors.Join(i.confirms(i.captain, captainPhone), i.confirms(i.member, memberPhone))
}

var sixDigits = regexp.MustCompile(`\b\d{6}\b`)

// confirms gives a number and the code that came to it.
func (i *informed) confirms(who *apptest.Client, number string) error {
	who.Want(http.StatusOK, "PUT", "/api/notification-preferences/phone", map[string]string{"phone": number})
	codes, err := i.carrier.about(&i.carrier.taken, number, "")
	if err != nil || len(codes) != 1 {
		return fmt.Errorf("the codes that came are %v: %w", codes, err)
	}
	var p notify.Preferences
	code := map[string]string{"code": sixDigits.FindString(codes[0].body)}
	who.Want(http.StatusOK, "POST", "/api/notification-preferences/phone/confirm", code).Into(i.server, &p)
	if p.Phone != number {
		return fmt.Errorf("the number is %q", p.Phone)
	}
	return nil
}

func (i *informed) wantsTexts() error {
	i.captain.Want(http.StatusOK, "PUT", "/api/notification-preferences", map[string]any{
		"events": []notify.Choice{{EventType: "warranty.expiring", Channels: []notify.Channel{notify.InApp, notify.SMS}}},
	})
	return nil
}

func (i *informed) hasText(about string) error {
	got, err := i.carrier.about(&i.carrier.taken, captainPhone, about)
	if err != nil || len(got) != 1 {
		return fmt.Errorf("they have %v: %w", got, err)
	}
	if n := utf8.RuneCountInString(got[0].body); n > 160 {
		return fmt.Errorf("it has %d characters: %s", n, got[0].body)
	}
	return nil
}

func (i *informed) wereAsked(n int, number, about string) error {
	got, err := i.carrier.about(&i.carrier.asked, number, about)
	if err != nil || len(got) != n {
		return fmt.Errorf("it was asked for %v: %w", got, err)
	}
	return nil
}

func (i *informed) textIsShown(about, status, why string) error {
	i.becomes(i.captain, notify.SMS, about, notify.Status(status))
	if !strings.Contains(i.shown.Reason, why) || i.shown.Recipient != captainPhone {
		return fmt.Errorf("it is %+v", i.shown)
	}
	return nil
}

// passes is time that goes by, and what is due at its end.
func (i *informed) passes(n int, unit string) error {
	i.clock.Add(time.Duration(n) * map[string]time.Duration{"seconds": time.Second, "minutes": time.Minute, "hours": time.Hour}[unit])
	return i.sendsWhatIsDue()
}
