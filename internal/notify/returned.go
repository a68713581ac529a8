package notify

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"regexp"
	"strings"

	rfc822 "github.com/emersion/go-message"
	"github.com/emersion/go-message/textproto"
)

// returned is what a mail that came to the return path says of one of ours.
type returned struct {
	id   string // of the message; "" when the mail is about none
	kind string // of Report; "" when there is nothing to report
	// reason is the other server's words.
	reason string
}

// known reports whether the mail is one that programs send and this one
// understands; a person's letter to the return path is left for people.
func (r returned) known(automatic bool) bool { return r.id != "" && (r.kind != "" || automatic) }

const (
	maxParts = 50 // of a mail
	maxDepth = 4  // of parts in parts
	// maxField is how much is read of a part that has fields only.
	maxField = 64 << 10
)

// returnPath is the part of an address that names one of our mails. Some
// servers write all in capitals.
var returnPath = regexp.MustCompile(`(?i)bounce\+([a-z0-9_-]{1,48})@`)

// addressed are the fields in which mail servers write to whom a mail came.
var addressed = []string{"Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "To"}

// wanted reports whether a mail with this header may be about one of ours: it
// came to a return path, or it is a report, whose parts say what it is about.
func wanted(header []byte) bool {
	if e, err := parse(bytes.NewReader(append(header, "\r\n\r\n"...))); err == nil {
		kind, _, _ := e.Header.ContentType()
		return pathIn(e.Header, addressed...) != "" || kind == "multipart/report"
	}
	return false
}

// pathIn is the id in the first of the fields that names a return path.
func pathIn(h rfc822.Header, fields ...string) string {
	for _, name := range fields {
		for values := h.FieldsByKey(name); values.Next(); {
			if m := returnPath.FindStringSubmatch(values.Value()); m != nil {
				return strings.ToLower(m[1])
			}
		}
	}
	return ""
}

// readReturned reads a mail: a report on the delivery (RFC 3464) or a complaint
// (RFC 5965), both in the form of RFC 6522, or a bounce as old Exims write it.
// An absence note is none of these and says nothing of the mail. The second
// value is false when the mail is nobody's, or a person's.
func readReturned(raw []byte) (returned, bool) {
	e, err := parse(bytes.NewReader(raw))
	if err != nil {
		return returned{}, false
	}
	r := returned{id: pathIn(e.Header, addressed...)}
	original := r.read(e, 0, new(int))
	if r.id == "" {
		r.id = original
	}
	if failed := e.Header.Get("X-Failed-Recipients"); failed != "" && r.kind == "" {
		r.kind, r.reason = "hard", "the mail server could not deliver to "+failed
	}
	r.reason = oneLine(r.reason, maxReason)
	return r, r.known(automatic(e.Header))
}

// automatic reports whether a program wrote the mail (RFC 3834, and what those
// write that do not know it).
func automatic(h rfc822.Header) bool {
	auto := strings.ToLower(strings.TrimSpace(h.Get("Auto-Submitted")))
	kind, _, _ := h.ContentType()
	return (auto != "" && auto != "no") || kind == "multipart/report" || strings.EqualFold(h.Get("Precedence"), "auto_reply") || h.Has("X-Autoreply")
}

// parse reads a header; a charset or an encoding that nobody knows is no error,
// for the parts that count are ASCII.
func parse(from io.Reader) (*rfc822.Entity, error) {
	e, err := rfc822.ReadWithOptions(from, &rfc822.ReadOptions{MaxHeaderBytes: maxField})
	if rfc822.IsUnknownCharset(err) || rfc822.IsUnknownEncoding(err) {
		err = nil
	}
	return e, err
}

// read looks for the parts that tell what happened, and returns the id of the
// mail that came back, as far as its own header is there.
func (r *returned) read(e *rfc822.Entity, depth int, parts *int) (original string) {
	if *parts++; *parts > maxParts || depth > maxDepth {
		return ""
	}
	kind, _, _ := e.Header.ContentType()
	switch kind {
	case "message/delivery-status", "message/global-delivery-status":
		r.readStatus(e.Body)
	case "message/feedback-report":
		return r.readFeedback(e.Body)
	case "message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers":
		if mail, err := parse(io.MultiReader(io.LimitReader(e.Body, maxField), strings.NewReader("\r\n\r\n"))); err == nil {
			return idOf(mail.Header)
		}
	}
	body := e.MultipartReader()
	if body == nil {
		return ""
	}
	for {
		part, err := body.NextPart()
		if rfc822.IsUnknownCharset(err) || rfc822.IsUnknownEncoding(err) {
			err = nil
		}
		if err != nil || *parts > maxParts {
			return original
		}
		if id := r.read(part, depth+1, parts); original == "" {
			original = id
		}
	}
}

// ourID is a message's id as compose writes it.
var ourID = regexp.MustCompile(`^<?([0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12})@`)

// idOf is the id of one of our mails, by its header.
func idOf(h rfc822.Header) string {
	if id := pathIn(h, "Return-Path", "X-Return-Path"); id != "" {
		return id
	}
	if m := ourID.FindStringSubmatch(strings.TrimSpace(h.Get("Message-Id"))); m != nil {
		return m[1]
	}
	return ""
}

// fieldGroups reads fields that come in groups with an empty line between them.
func fieldGroups(from io.Reader) (all []rfc822.Header) {
	r := bufio.NewReader(io.MultiReader(io.LimitReader(from, maxField), strings.NewReader("\r\n\r\n")))
	for len(all) < maxParts {
		if blank, err := skipBlank(r); err != nil || blank {
			return all
		}
		h, err := textproto.ReadHeader(r)
		if err != nil {
			return all
		}
		all = append(all, rfc822.Header{Header: h})
	}
	return all
}

// skipBlank goes over empty lines and reports whether nothing follows.
func skipBlank(r *bufio.Reader) (end bool, _ error) {
	for {
		c, err := r.ReadByte()
		if errors.Is(err, io.EOF) {
			return true, nil
		}
		if err != nil {
			return false, err
		}
		if c != '\r' && c != '\n' {
			return false, r.UnreadByte()
		}
	}
}

// readStatus reads what became of each recipient; the worst counts, for some
// servers report also what went well.
func (r *returned) readStatus(from io.Reader) {
	for _, h := range fieldGroups(from) {
		kind := kindOfStatus(h)
		if kind == "" || r.kind == "hard" || (r.kind != "" && kind == "soft") {
			continue
		}
		r.kind, r.reason = kind, diagnostic(h)
	}
}

var (
	// The class of an enhanced status (RFC 3463), of a whole field or in a text.
	statusClass   = regexp.MustCompile(`^\s*([245])\.\d{1,3}\.\d{1,3}`)
	answerClass   = regexp.MustCompile(`(?:^|\s)([45])\d\d(?:[ -]|$)`)
	typedByPrefix = regexp.MustCompile(`^\s*(?i:smtp|x-[a-z0-9-]+|dns)\s*;\s*`)
)

// kindOfStatus judges one recipient: hard when the server gave up over a lasting
// error, soft when it gave up over another one or goes on trying.
func kindOfStatus(h rfc822.Header) string {
	action := strings.ToLower(strings.TrimSpace(h.Get("Action")))
	switch {
	case action == "delayed":
		return "soft"
	case action != "failed":
		return "" // delivered, relayed, expanded; or the group about the mail itself
	}
	class := statusClass.FindStringSubmatch(h.Get("Status"))
	if class == nil {
		class = answerClass.FindStringSubmatch(diagnostic(h))
	}
	if class != nil && class[1] == "5" {
		return "hard"
	}
	return "soft"
}

// diagnostic is the other server's words, or at least its number.
func diagnostic(h rfc822.Header) string {
	words := h.Get("Diagnostic-Code")
	if words == "" {
		return strings.TrimSpace("the mail server reports " + h.Get("Action") + " " + h.Get("Status"))
	}
	return typedByPrefix.ReplaceAllString(words, "")
}

// readFeedback reads a complaint, and returns the id of the mail where it says
// so. That a mail is no spam after all is no complaint.
func (r *returned) readFeedback(from io.Reader) (original string) {
	for _, h := range fieldGroups(from) {
		kind := strings.ToLower(strings.TrimSpace(h.Get("Feedback-Type")))
		if kind == "" {
			continue
		}
		if original = pathIn(h, "Original-Mail-From"); kind != "not-spam" {
			r.kind, r.reason = "complaint", "a recipient's mail service reports "+kind
		}
		return original
	}
	return ""
}
