package api

import (
	_ "embed"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"navidocs/internal/sale"
)

//go:embed handover/page.html
var handoverHTML string

//go:embed handover/words.json
var handoverJSON []byte

// handoverPage is the buyer's page, whose forms come back here.
var handoverPage = sync.OnceValue(func() page { return newPage(handoverHTML, handoverJSON, "'self'") })

// handoverView is what the page shows: a package, or why there is none.
type handoverView struct {
	Language, Path, Title string
	Words                 map[string]string
	Languages             []languageName
	Package               *packageView
	Approval              *approvalView
	Why, Ask, Back        string

	back string // the address of the page, when it is known to be good
	form string // the word for what is wrong with a form
}

type packageView struct {
	Model, Path, Size, Until, Ends, SHA256, Fingerprint string
	Left, Allowed, Files                                int
	Chapters                                            []chapterView
}

type chapterView struct {
	Name, Size string
	Count      int
	Files      []fileView
	More       string
}

type fileView struct{ Name, Size string }

type withheldView struct{ What, Why string }

// approvalView is what an owner approves, or has approved.
type approvalView struct {
	Owner, Model, Size string
	Approved, At       string // when, for people and for programs; empty before
	Files              int
	Chapters           []chapterView
	Withheld           []withheldView
	Excluded           []string
}

// viewOf begins a page under a path in the language that the reader asks for, else the
// buyer's, else one that their browser names.
func viewOf(in *HandoverInput, under, buyers string) handoverView {
	v := handoverView{Path: under + in.Token}
	v.Language, v.Words, v.Languages = handoverPage().in(in.Language, buyers, preferred(in.AcceptLanguage))
	return v
}

// maxNames bounds the names of files on the page, in bytes: a page is read over a
// boat's line, and index.html in the package names them all.
const maxNames = 10_000

func (v *handoverView) show(h sale.Handover) {
	v.Title = h.BoatName
	p := &packageView{
		Model: modelOf(h.Make, h.Model, h.Year), Path: v.Path + "/package", Size: sale.Size(h.Package.Bytes),
		Until: h.ExpiresAt.Format("2006-01-02 15:04 UTC"), Ends: h.ExpiresAt.Format(time.RFC3339), SHA256: h.Package.SHA256,
		Fingerprint: h.Package.Fingerprint, Left: h.Left, Allowed: h.Allowed, Files: h.Package.Files,
	}
	p.Chapters = v.chapters(h.Chapters)
	v.Package = p
}

// approve makes the page one of what an owner is asked to approve.
func (v *handoverView) approve(x sale.Approving) {
	v.Title = x.BoatName
	p := &approvalView{
		Owner: x.Owner, Model: modelOf(x.Make, x.Model, x.Year), Size: sale.Size(x.Package.Bytes), Files: x.Package.Files, Chapters: v.chapters(x.Chapters),
		Excluded: x.Excluded,
	}
	for _, g := range x.Package.Withheld {
		p.Withheld = append(p.Withheld, withheldView{g.What, g.Why})
	}
	if x.ApprovedAt != nil {
		p.Approved, p.At = x.ApprovedAt.Format("2006-01-02 15:04 UTC"), x.ApprovedAt.Format(time.RFC3339)
	}
	v.Approval = p
}

// modelOf is a boat's maker, model and year, as far as they are known.
func modelOf(maker, model string, year *int) string {
	parts := []string{maker, model}
	if year != nil {
		parts = append(parts, strconv.Itoa(*year))
	}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), " ")
}

func (v *handoverView) chapters(all []sale.Chapter) (out []chapterView) {
	budget := maxNames
	for _, c := range all {
		out = append(out, v.chapter(c, &budget))
	}
	return out
}

func (v *handoverView) chapter(c sale.Chapter, budget *int) chapterView {
	out := chapterView{Name: c.Title(), Size: sale.Size(c.Bytes), Count: len(c.Files)}
	if out.Name == "" {
		out.Name = v.Words["top"]
	}
	for i, f := range c.Files {
		const markup = 50 // of a line, besides the name
		if *budget -= len(template.HTMLEscapeString(f.Path)) + markup; *budget < 0 {
			out.More = strings.ReplaceAll(v.Words["more"], "{n}", strconv.Itoa(len(c.Files)-i))
			break
		}
		out.Files = append(out.Files, fileView{f.Path, sale.Size(f.Bytes)})
	}
	return out
}

// explain makes the page one of why there is no package.
func (v *handoverView) explain(p *Problem) {
	v.Package, v.Approval, v.Back = nil, nil, v.back
	say := func(title, why string) { v.Title, v.Why = v.Words[title], v.Words[why] }
	if v.form != "" {
		say("notdone", v.form)
		return
	}
	switch p.Status {
	case http.StatusGone:
		say("ended", p.Reason)
		v.Ask, v.Back = v.Words["ask"], ""
	case http.StatusNotFound, http.StatusBadRequest:
		say("unknown", "unknownwhy")
		v.Ask, v.Back = v.Words["ask"], ""
	case http.StatusConflict:
		say("busy", "busywhy")
	case http.StatusRequestedRangeNotSatisfiable:
		say("range", "rangewhy")
	default:
		say("failed", "failedwhy")
	}
}
