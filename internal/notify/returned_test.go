package notify

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	returnedID = "019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6071"
	otherID    = "019a2b3c-4d5e-7f60-8a1b-2c3d4e5f6072"
)

// sample is a mail of testdata/returned, with CRLF as on the wire.
func sample(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "returned", name+".eml"))
	if err != nil {
		t.Fatal(err)
	}
	return []byte(strings.ReplaceAll(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n", "\r\n"))
}

// TestReturnedMailsAreUnderstood: the forms in which servers send mail back.
func TestReturnedMailsAreUnderstood(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]returned{
		"postfix-unknown-user": {returnedID, "hard", "550 5.1.1 <gone@example.net>: Recipient address rejected: User unknown in virtual mailbox table"},
		"postfix-delayed":      {returnedID, "soft", "connect to mx.example.net[192.0.2.25]:25: Connection timed out"},
		"postfix-expired":      {returnedID, "soft", "connect to mx.example.net[192.0.2.25]:25: Connection timed out"},
		"postfix-relayed":      {returnedID, "", ""},
		"exim":                 {returnedID, "hard", "550 no such mailbox"},
		"exim-old":             {returnedID, "hard", "the mail server could not deliver to gone@example.net"},
		"exchange":             {returnedID, "hard", "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient gone@example.net not found by SMTP address lookup"},
		"original-only":        {returnedID, "hard", "552 5.2.2 mailbox full"},
		"two-recipients":       {returnedID, "hard", "550 5.1.1 unknown"},
		"complaint":            {returnedID, "complaint", "a recipient's mail service reports abuse"},
		"no-spam":              {returnedID, "", ""},
		"vacation":             {returnedID, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			raw := sample(t, name)
			header, _, _ := strings.Cut(string(raw), "\r\n\r\n")
			if !wanted([]byte(header)) {
				t.Error("its header does not show that it may be about a mail of ours")
			}
			if got, ours := readReturned(raw); got != want || !ours {
				t.Errorf("%+v, %v, want %+v", got, ours, want)
			}
		})
	}
}

// TestOthersMailsAreLeft: letters, reports on other people's mails, and people
// who write to the return path.
func TestOthersMailsAreLeft(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(string) string{
		"another's report": func(s string) string { return strings.ReplaceAll(s, "bounce+"+returnedID, "someone") },
		"no header":        func(string) string { return "bounce+" + returnedID + "@boats.example.org" },
		"a person's answer": func(string) string {
			return "From: a@example.net\r\nTo: bounce+" + returnedID + "@boats.example.org\r\nSubject: Re: Warranty\r\n\r\nPlease call me.\r\n"
		},
		"a letter about it": func(string) string {
			return "From: a@example.net\r\nTo: docs@example.org\r\n\r\nI got Action: failed from bounce+" + returnedID + "@boats.example.org\r\n"
		},
	} {
		raw := change(strings.ReplaceAll(string(sample(t, "postfix-unknown-user")), "Message-ID: <"+returnedID, "Message-ID: <other"))
		if got, ours := readReturned([]byte(raw)); ours {
			t.Errorf("%s is ours: %+v", name, got)
		}
	}
}

// TestTheAddressDecidesWhoseItIs: what somebody else attached is not believed
// over the address to which the report came.
func TestTheAddressDecidesWhoseItIs(t *testing.T) {
	t.Parallel()
	raw := string(sample(t, "postfix-unknown-user"))
	header, body, _ := strings.Cut(raw, "\r\n\r\n")
	got, ours := readReturned([]byte(header + "\r\n\r\n" + strings.ReplaceAll(body, returnedID, otherID)))
	if got.id != returnedID || !ours {
		t.Errorf("%+v", got)
	}
}

// TestDeepMailsEnd: parts in parts in parts are not followed for ever.
func TestDeepMailsEnd(t *testing.T) {
	t.Parallel()
	head := "To: bounce+" + returnedID + "@boats.example.org\r\nAuto-Submitted: auto-replied\r\n"
	deep := "Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; a\r\n\r\nAction: failed\r\nStatus: 5.1.1\r\n"
	shallow := ""
	for n := range 20 {
		if n == maxDepth {
			shallow = deep
		}
		b := fmt.Sprintf("b%d.", n)
		deep = "Content-Type: multipart/mixed; boundary=\"" + b + "\"\r\n\r\n--" + b + "\r\n" + deep + "\r\n--" + b + "--\r\n"
	}
	wide := "Content-Type: multipart/report; boundary=w\r\n\r\n" + strings.Repeat("--w\r\n\r\nx\r\n", 10_000) + "--w\r\nContent-Type: message/delivery-status\r\n\r\nx: y\r\n\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--w--\r\n"
	for body, kind := range map[string]string{deep: "", wide: "", shallow: "hard"} {
		if got, _ := readReturned([]byte(head + body)); got.kind != kind {
			t.Errorf("%+v, want %q", got, kind)
		}
	}
}

func FuzzReadReturned(f *testing.F) {
	files, err := filepath.Glob("testdata/returned/*.eml")
	if err != nil || len(files) == 0 {
		f.Fatal("no samples", err)
	}
	for _, file := range files {
		f.Add(sample(f, strings.TrimSuffix(filepath.Base(file), ".eml")))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		wanted(raw)
		r, ours := readReturned(raw)
		switch r.kind {
		case "", "hard", "soft", "complaint":
		default:
			t.Errorf("kind %q", r.kind)
		}
		if ours && r.id == "" || len(r.id) > 48 || r.id != strings.ToLower(r.id) || strings.ContainsAny(r.reason, "\r\n\x00") || len([]rune(r.reason)) > maxReason {
			t.Errorf("%+v", r)
		}
	})
}
