package features

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/cucumber/godog"

	"navidocs/internal/apptest"
	"navidocs/internal/notify"
	"navidocs/internal/testkit"
)

func (i *informed) quietSteps(sc *godog.ScenarioContext) {
	sc.Step(`^it is (\d\d:\d\d) in (\S+) on (\S+)$`, i.isTimeIn)
	sc.Step(`^the captain lives in (\S+) and wants quiet from (\S+) to (\S+)$`, func(zone, from, to string) error {
		return i.wishes(i.captain, zone, from, to, notify.Off)
	})
	sc.Step(`^the member lives in (\S+), wants quiet from (\S+) to (\S+), and a digest every day$`, func(zone, from, to string) error {
		return i.wishes(i.member, zone, from, to, notify.Daily)
	})
	sc.Step(`^the member's papers "([^"]*)" and "([^"]*)" cannot be read$`, i.membersCannotBeRead)
	sc.Step(`^the (captain|member) sees that the mail about "([^"]*)" waits until (\S+)$`, i.waits)
	sc.Step(`^the (captain|member) has (no|a|one) mail about "([^"]*)"$`, i.hasOneMail)
	sc.Step(`^the member has one mail, about "([^"]*)" and "([^"]*)"$`, i.hasDigest)
}

// isTimeIn moves the clock, and what is due by it is sent.
func (i *informed) isTimeIn(hour, zone, day string) error {
	location, err := time.LoadLocation(zone)
	if err != nil {
		return err
	}
	at, err := time.ParseInLocation("2006-01-02 15:04", day+" "+hour, location)
	if err != nil {
		return err
	}
	i.clock.Set(at) // the hours end every session
	i.captain = i.server.SignIn(captain, password)
	i.member = i.server.SignIn(member, password)
	return i.sendsWhatIsDue()
}

// sendsWhatIsDue has all messages that wait looked at again, which River, whose
// clock is the machine's, would do at their time, and waits until nothing is
// left that need not wait.
func (i *informed) sendsWhatIsDue() error {
	ctx := i.t.Context()
	if err := i.settle(); err != nil {
		return err
	}
	open, err := i.server.Jobs.Jobs(ctx)
	if err != nil {
		return err
	}
	var waiting []int64
	for _, j := range open {
		if j.Kind == (notify.SendArgs{}).Kind() {
			waiting = append(waiting, j.ID)
		}
	}
	if err := i.server.Jobs.Retry(ctx, waiting, false); err != nil {
		return err
	}
	return i.settle()
}

// settle waits until all work of papers, warranties and notifications is done
// but for what waits for its time.
func (i *informed) settle() error {
	testkit.Eventually(i.t, func() error {
		open, err := i.server.Jobs.Jobs(i.t.Context())
		for _, j := range open {
			switch room, _, _ := strings.Cut(j.Kind, "."); room {
			case "document", "warranty", "event", "notify":
				if j.State != "scheduled" {
					return fmt.Errorf("%s is %s", j.Kind, j.State)
				}
			}
		}
		return err
	})
	return nil
}

// wishes are a person's about time; of papers they are told by mail alone.
func (i *informed) wishes(who *apptest.Client, zone, from, to string, digest notify.Digest) error {
	who.Want(http.StatusOK, "PUT", "/api/notification-preferences", notify.Wishes{
		TimeZone: zone, QuietFrom: from, QuietTo: to, Digest: digest,
		Events: []notify.Choice{{EventType: unread, Channels: []notify.Channel{notify.Email}}},
	})
	return nil
}

func (i *informed) membersCannotBeRead(first, second string) error {
	return errors.Join(i.unreadable(i.member, first), i.unreadable(i.member, second))
}

// person is one of the two by name.
func (i *informed) person(name string) (*apptest.Client, string) {
	if name == "member" {
		return i.member, member
	}
	return i.captain, captain
}

func (i *informed) waits(name, about, until string) error {
	at, err := time.Parse(time.RFC3339, until)
	if err != nil {
		return err
	}
	who, _ := i.person(name)
	i.becomes(who, notify.Email, about, notify.Queued)
	if !i.shown.SendAt.Equal(at) || i.shown.SentAt != nil {
		return fmt.Errorf("it is %+v", i.shown)
	}
	return nil
}

func (i *informed) hasOneMail(name, how, about string) error {
	_, address := i.person(name)
	if how == "no" {
		return i.haveMails(0, about, address)
	}
	return i.haveMails(1, about, address)
}

func (i *informed) hasDigest(first, second string) error {
	if err := i.haveMails(1, "Your summary", member); err != nil {
		return err
	}
	for _, about := range []string{first, second} {
		i.becomes(i.member, notify.Email, about, notify.Sent)
		if !strings.Contains(i.mail.text, about) || !strings.Contains(i.mail.html, about) {
			return fmt.Errorf("it says %s", i.mail.text)
		}
	}
	return nil
}
