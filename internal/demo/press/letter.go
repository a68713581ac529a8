package press

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// letter writes an e-mail with one attachment. Its truth is subject and body;
// the attachment is a paper of its own.
func letter(name, body string, attached File) File {
	const subject = "Quote Q-5520, stabilisers of Aurelia Example"
	const boundary = "=-navidocs-demo-5520"
	var m strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&m, format+"\r\n", args...) }
	line("From: Gyroswell Example Service <service@gyroswell.example.org>")
	line("To: captain@aurelia.example.org")
	line("Subject: %s", subject)
	line("Date: Mon, 05 Oct 2026 09:12:00 +0200")
	line("Message-ID: <q5520.20261005@gyroswell.example.org>")
	line("MIME-Version: 1.0")
	line("Content-Type: multipart/mixed; boundary=%q", boundary)
	line("")
	line("--%s", boundary)
	line("Content-Type: text/plain; charset=utf-8")
	line("Content-Transfer-Encoding: 7bit")
	line("")
	line("%s", strings.ReplaceAll(body, "\n", "\r\n"))
	line("--%s", boundary)
	line("Content-Type: application/pdf; name=%q", attached.Name)
	line("Content-Disposition: attachment; filename=%q", attached.Name)
	line("Content-Transfer-Encoding: base64")
	line("")
	code := base64.StdEncoding.EncodeToString(attached.Data)
	for len(code) > 76 {
		line("%s", code[:76])
		code = code[76:]
	}
	line("%s", code)
	line("--%s--", boundary)
	return File{Name: name, Data: []byte(m.String()), Truth: []string{subject + "\n" + body}}
}
