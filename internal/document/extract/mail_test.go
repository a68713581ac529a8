package extract

import (
	"errors"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

const message = "From: =?utf-8?q?J=C3=B6rg?= <joerg@example.org>\r\n" +
	"To: yard@example.org\r\n" +
	"Date: Mon, 02 Mar 2026 10:00:00 +0100\r\n" +
	"Subject: =?iso-8859-1?q?Gr=FC=DFe?= from Kiel\r\n" +
	"MIME-Version: 1.0\r\n" +
	"Content-Type: multipart/mixed; boundary=outer\r\n\r\n" +
	"--outer\r\nContent-Type: multipart/alternative; boundary=inner\r\n\r\n" +
	"--inner\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" +
	"Sch=F6ne Gr=FC=DFe, the impeller is =\r\nready.\r\n" +
	"--inner\r\nContent-Type: text/html\r\n\r\n<p>only for browsers</p>\r\n--inner--\r\n" +
	"--outer\r\nContent-Type: application/pdf; name=\"invoice.pdf\"\r\nContent-Disposition: attachment; filename=\"../../invoice 7.pdf\"\r\n" +
	"Content-Transfer-Encoding: base64\r\n\r\nAAAA\r\n" +
	"--outer\r\nContent-Type: message/rfc822\r\n\r\nSubject: earlier\r\nContent-Type: text/html\r\n\r\n" +
	"<style>p{}</style><p>What &amp; when?</p>\r\n" +
	"--outer\r\nContent-Disposition: attachment\r\n\r\nx\r\n" +
	"--outer--\r\n"

func TestMail(t *testing.T) {
	t.Parallel()
	info, pages, err := pagesOf(t, write(t, "a.eml", []byte(message)), "message/rfc822")
	if err != nil {
		t.Fatal(err)
	}
	if info.Title != "Grüße from Kiel" || info.Pages != 1 {
		t.Errorf("%+v", info)
	}
	want := "From: Jörg <joerg@example.org>\nTo: yard@example.org\nDate: Mon, 02 Mar 2026 10:00:00 +0100\n" +
		"Subject: Grüße from Kiel\n\nSchöne Grüße, the impeller is ready.\n\nSubject: earlier\n\nWhat & when?\n\n" +
		"Attachments: invoice 7.pdf, (unnamed)"
	if diff := cmp.Diff(want, pages[0].Text); diff != "" {
		t.Error(diff)
	}
}

func TestMailThatIsDamaged(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ data, want string }{
		"cut short":        {message[:strings.Index(message, "only for")], "Schöne Grüße"},
		"plain":            {"Subject: x\r\n\r\nhello\r\n", "hello"},
		"unknown charset":  {"Content-Type: text/plain; charset=martian\r\n\r\nhall\xf6", "hallö"},
		"no boundary":      {"Subject: x\r\nContent-Type: multipart/mixed\r\n\r\nhello", "Subject: x"},
		"bad content type": {"Content-Type: ;;;\r\n\r\nhello", "hello"},
		"binary as text":   {"Subject: x\r\n\r\na\x00b", "Subject: x"},
		"endless nesting":  {strings.Repeat("Content-Type: message/rfc822\r\n\r\n", 40) + "Subject: deep\r\n\r\nx", "Subject:"},
	} {
		_, pages, err := pagesOf(t, write(t, "a.eml", []byte(c.data)), "message/rfc822")
		if err != nil || len(pages) == 0 || !strings.Contains(pages[0].Text, c.want) {
			t.Errorf("%s: %+v, %v", name, pages, err)
		}
	}
	_, _, err := pagesOf(t, write(t, "a.eml", []byte("no header at all")), "message/rfc822")
	if refused, ok := errors.AsType[*Refused](err); !ok || refused.Reason != ReasonBroken {
		t.Errorf("got %v", err)
	}
}

func FuzzMail(f *testing.F) {
	f.Add([]byte(message))
	f.Add([]byte("Subject: x\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n\r\n--a\r\n--a--"))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := write(t, "a.eml", data)
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		doc, err := openMail(file)
		if err != nil {
			return
		}
		for n := 1; n <= doc.info().Pages; n++ {
			if p := pageOf(t.Context(), doc, n); !utf8.ValidString(p.Text) || strings.ContainsRune(p.Text, 0) {
				t.Errorf("page %q", p.Text)
			}
		}
	})
}
