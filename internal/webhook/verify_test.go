package webhook

import (
	"bufio"
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// asked is a message that the library for JavaScript is to judge, and judged
// its answer (testdata/standardwebhooks/verify.js).
type asked struct {
	Secret  string            `json:"secret"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
	Now     int64             `json:"now"`
}

type judged struct {
	Taken     bool   `json:"taken"`
	Signature string `json:"signature"`
	Error     string `json:"error"`
}

func ask(secret string, h http.Header, body string, now time.Time) asked {
	a := asked{secret, map[string]string{}, body, now.Unix()}
	for name := range h {
		a.Headers[strings.ToLower(name)] = h.Get(name)
	}
	return a
}

// byNode has one process of Node.js judge all.
func byNode(t *testing.T, all []asked) []judged {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("SKIPPED: the check of signatures in JavaScript (Node.js is not installed)")
	}
	var in, out, errs bytes.Buffer
	lines := json.NewEncoder(&in)
	for _, a := range all {
		if err := lines.Encode(a); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), node, "verify.js")
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = filepath.Join("testdata", "standardwebhooks"), &in, &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s\nits packages are installed by: make setup", err, errs.String())
	}
	var answers []judged
	for scan := bufio.NewScanner(&out); scan.Scan(); {
		var j judged
		if err := json.Unmarshal(scan.Bytes(), &j); err != nil {
			t.Fatal(err)
		}
		answers = append(answers, j)
	}
	if len(answers) != len(all) {
		t.Fatalf("%d answers to %d messages", len(answers), len(all))
	}
	return answers
}

func TestWhatTheLibraryForJavaScriptTakes(t *testing.T) {
	t.Parallel()
	var cases []trial
	var all []asked
	for _, c := range trials() {
		if c.timeless {
			continue
		}
		if c.npm != nil {
			c.taken = *c.npm
		}
		h, body := c.message(t)
		cases, all = append(cases, c), append(all, ask(vectorSecret, h, body, trialTime))
	}
	h, body := trial{}.message(t)
	cases, all = append(cases, trial{name: "an empty secret"}), append(all, ask(secretText(nil), h, body, trialTime))
	for i, j := range byNode(t, all) {
		if j.Taken != cases[i].taken || j.Taken == (j.Error != "") {
			t.Errorf("%s: taken: %v (%s), want %v", cases[i].name, j.Taken, j.Error, cases[i].taken)
		}
	}
}

// TestAThousandMessagesVerify: whatever a body of JSON holds, both libraries
// take what we sign, sign it alike, and refuse it when one letter is another.
func TestAThousandMessagesVerify(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(20251113, 2)) //nolint:gosec // the same each time
	const n = 1000
	var all []asked
	for i := range n {
		key := make([]byte, 24+random.IntN(41)) // as long as the specification lets it be
		for i := range key {
			key[i] = byte(random.Uint32())
		}
		body, at := randomJSON(t, random), time.Unix(1.6e9+random.Int64N(1e9), 0)
		id := "msg_" + strconv.FormatUint(random.Uint64(), 36)
		h := http.Header{}
		h.Set("Webhook-Id", id)
		h.Set("Webhook-Timestamp", strconv.FormatInt(at.Unix(), 10))
		h.Set("Webhook-Signature", Sign(id, at, []byte(body), key))
		good := ask(secretText(key), h, body, at.Add(time.Duration(random.IntN(601)-300)*time.Second))
		bad := good
		bad.Body = strings.Replace(body, `"n"`, `"m"`, 1)
		verifier, err := standard.NewWebhook(good.Secret)
		if err != nil {
			t.Fatal(err)
		}
		if err := verifier.VerifyIgnoringTimestamp([]byte(good.Body), h); err != nil {
			t.Errorf("message %d: Go: %v", i, err)
		}
		if verifier.VerifyIgnoringTimestamp([]byte(bad.Body), h) == nil {
			t.Errorf("message %d: Go takes another", i)
		}
		all = append(all, good, bad)
	}
	for i, j := range byNode(t, all) {
		good, ours := i%2 == 0, all[i].Headers["webhook-signature"]
		if j.Taken != good || (j.Signature == ours) != good {
			t.Errorf("message %d: taken: %v (%s), signed %s, by us %s: %.200s", i/2, j.Taken, j.Error, j.Signature, ours, all[i].Body)
		}
	}
}

// randomJSON is an object with a member n and up to 20 others, of letters from
// all of Unicode.
func randomJSON(t *testing.T, random *rand.Rand) string {
	t.Helper()
	members := map[string]any{"n": random.Int64()}
	for range random.IntN(20) {
		members[randomText(random, 8)] = []any{randomText(random, 200), random.NormFloat64(), random.IntN(2) == 0, nil}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(random.IntN(2) == 0)
	if err := e.Encode(members); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func randomText(random *rand.Rand, most int) string {
	text := make([]rune, random.IntN(most))
	for i := range text {
		text[i] = random.Int32N([]int32{0x80, 0x800, 0x10000, 0x110000}[random.IntN(4)])
	}
	return string(text) // a surrogate becomes the mark of a replaced letter
}
