package notify

import (
	"bytes"
	"fmt"
	"html/template"
	"strings"
)

// page is the HTML of every mail: tables and inline styles, for that is what
// mail programs show alike.
var page = template.Must(template.New("mail").Parse(`<!DOCTYPE html>
<html lang="{{.Language}}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{{.Title}}</title></head>
<body style="margin:0;background:#f2f5f7;font-family:Helvetica,Arial,sans-serif;color:#10222e">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0"><tr><td align="center" style="padding:24px 12px">
<table role="presentation" width="560" cellpadding="0" cellspacing="0" style="max-width:560px;width:100%;background:#ffffff;border-radius:8px"><tr><td style="padding:28px">
<p style="margin:0 0 16px">{{.Greeting}}</p>
{{range .Parts}}<h2 style="margin:0 0 8px;font-size:18px">{{.Title}}</h2>
{{range .Paragraphs}}<p style="margin:0 0 16px;line-height:1.5">{{range $n, $line := .}}{{if $n}}<br>{{end}}{{$line}}{{end}}</p>
{{end}}{{if .Link}}<p style="margin:0 0 24px"><a href="{{.Link}}" style="display:inline-block;background:#0b5c7a;color:#ffffff;text-decoration:none;padding:14px 22px;border-radius:6px">{{$.Open}}</a></p>{{end}}
{{end}}<p style="margin:0;font-size:13px;color:#4c606c;line-height:1.5">{{.Why}}{{if .Unsubscribe}}<br><a href="{{.Unsubscribe}}" style="color:#4c606c">{{.Stop}}</a> · <a href="{{.Settings}}" style="color:#4c606c">{{.Choose}}</a>{{end}}</p>
</td></tr></table></td></tr></table></body></html>
`))

// part is one thing that a mail tells.
type part struct{ Title, Text, Link string }

// Paragraphs are the text's, each as its lines.
func (p part) Paragraphs() (all [][]string) {
	for one := range strings.SplitSeq(p.Text, paragraph) {
		all = append(all, strings.Split(one, "\n"))
	}
	return all
}

type mailPage struct {
	Language, Title, Greeting, Open, Why, Stop, Choose string
	Unsubscribe, Settings                              string
	Parts                                              []part
}

// typeset writes a mail as HTML and as text.
func (s *Service) typeset(b book, out Message, parts []part, values map[string]string, language string) (Message, error) {
	v := mailPage{
		Language: language, Title: out.Title, Greeting: fill(b.mail["greeting"], values), Open: b.mail["open"], Parts: parts,
		Why: fill(b.mail["why"], values), Stop: b.mail["unsubscribe"], Choose: b.mail["settings"],
		Unsubscribe: out.Unsubscribe, Settings: s.config.BaseURL + "/settings/notifications",
	}
	if out.Unsubscribe == "" {
		v.Why = ""
	}
	var html bytes.Buffer
	if err := page.Execute(&html, v); err != nil {
		return out, err
	}
	out.HTML, out.Text = html.String(), asText(v)
	return out, nil
}

func asText(v mailPage) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", v.Greeting)
	for _, p := range v.Parts {
		if len(v.Parts) > 1 {
			fmt.Fprintf(&b, "%s\n", p.Title)
		}
		fmt.Fprintf(&b, "%s\n", p.Text)
		if p.Link != "" {
			fmt.Fprintf(&b, "%s: %s\n", v.Open, p.Link)
		}
		b.WriteString("\n")
	}
	if v.Unsubscribe != "" {
		fmt.Fprintf(&b, "-- \n%s\n%s: %s\n", v.Why, v.Stop, v.Unsubscribe)
	}
	return b.String()
}

// joined keeps a title from becoming a header.
func joined(s string) string { return strings.Join(strings.Fields(s), " ") }
