package mailbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"slices"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"navidocs/internal/fault"
)

// Mail is an unread one.
type Mail struct {
	// Raw is the mail as it came, cut off after the visitor's limit.
	Raw []byte
	// Size is that of the whole mail in octets, as the server says.
	Size int64
}

// Visitor is someone whose mails may be among the unread ones.
type Visitor struct {
	// Wants looks at a header, of which it gets 64 KiB at most, and says whether
	// to fetch the mail. It must be quick.
	Wants func(header []byte) bool
	// Limit is how many octets of a mail are fetched.
	Limit int64
	// Take handles a mail and says whether it was the visitor's: it is marked as
	// read then. An error leaves it as it is, for the next visit.
	Take func(ctx context.Context, m Mail) (mine bool, err error)
}

const (
	maxHeader = 64 << 10
	// maxLooked bounds how many unread mails a visit looks at, the newest ones:
	// in a mailbox that people use, thousands may lie unread for ever.
	maxLooked = 500
)

// Visit looks at the unread mails once, from the oldest to the newest of the
// last 500. Mails that could not be handled do not end it; what was wrong with
// them is in the error, together with what ended the visit. The kind is
// Unavailable when the mailbox could not be read.
func (m *Mailbox) Visit(ctx context.Context, v Visitor) (err error) {
	defer fault.Wrap(&err, "mailbox.Visit")
	s, err := m.open(ctx)
	if err != nil {
		return err
	}
	defer s.end(ctx)
	wanted, err := s.wanted(ctx, v.Wants)
	if err != nil && !isAnswer(err) {
		return m.unreachable(err)
	}
	for _, uid := range wanted {
		e := s.hand(ctx, uid, v)
		if e != nil && (ctx.Err() != nil || s.State() == imap.ConnStateLogout) { // there is no connection any more
			return errors.Join(m.unreachable(e), err)
		}
		err = errors.Join(err, e)
	}
	return err
}

// isAnswer reports whether the server refused one command and goes on.
func isAnswer(err error) bool {
	_, ok := errors.AsType[*imap.Error](err)
	return ok
}

// wanted are the unread mails that the visitor wants to see. Nothing of a mail
// but its header is asked for, as it came: what the server or the client would
// have to understand of it first, a hostile one could break.
func (s *session) wanted(ctx context.Context, wants func([]byte) bool) (wanted []imap.UID, err error) {
	var unread []imap.UID
	err = s.step(ctx, func() error {
		found, err := s.UIDSearch(&imap.SearchCriteria{NotFlag: []imap.Flag{imap.FlagSeen}}, nil).Wait()
		if err == nil {
			unread = found.AllUIDs()
		}
		return err
	})
	if err != nil || len(unread) == 0 {
		return nil, err
	}
	slices.Sort(unread)
	unread = unread[max(0, len(unread)-maxLooked):]
	for part := range slices.Chunk(unread, 50) {
		e := s.fetch(ctx, part, imap.PartSpecifierHeader, maxHeader, func(uid imap.UID, _ int64, header []byte) {
			if safely(func() bool { return wants(header) }) {
				wanted = append(wanted, uid)
			}
		})
		if err = errors.Join(err, e); e != nil && !isAnswer(e) {
			return nil, err
		}
	}
	return wanted, err
}

// safely is f's answer, and no when it panics.
func safely(f func() bool) (yes bool) {
	defer func() {
		if recover() != nil {
			yes = false
		}
	}()
	return f()
}

// hand has the visitor handle one mail.
func (s *session) hand(ctx context.Context, uid imap.UID, v Visitor) error {
	var m *Mail
	err := s.fetch(ctx, []imap.UID{uid}, imap.PartSpecifierNone, v.Limit, func(_ imap.UID, size int64, raw []byte) {
		m = &Mail{Raw: raw, Size: size}
	})
	if err != nil || m == nil { // nil: somebody removed it meanwhile
		return err
	}
	mine, err := take(ctx, *m, v)
	if err != nil || !mine {
		return err
	}
	return s.step(ctx, func() error {
		seen := &imap.StoreFlags{Op: imap.StoreFlagsAdd, Silent: true, Flags: []imap.Flag{imap.FlagSeen}}
		return s.Store(imap.UIDSetNum(uid), seen, nil).Close()
	})
}

// take makes a panic an error: the mails after it are to be read all the same.
func take(ctx context.Context, m Mail, v Visitor) (mine bool, err error) {
	defer func() {
		if p := recover(); p != nil {
			mine, err = false, fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return v.Take(ctx, m)
}

// fetch reads some part of mails without marking them, at most limit octets of
// each; got is called for each that the server has.
func (s *session) fetch(ctx context.Context, uids []imap.UID, part imap.PartSpecifier, limit int64, got func(uid imap.UID, size int64, content []byte)) error {
	section := &imap.FetchItemBodySection{Specifier: part, Peek: true, Partial: &imap.SectionPartial{Size: limit}}
	options := &imap.FetchOptions{UID: true, RFC822Size: true, BodySection: []*imap.FetchItemBodySection{section}}
	return s.step(ctx, func() error {
		answer := s.Fetch(imap.UIDSetNum(uids...), options)
		for mail := answer.Next(); mail != nil; mail = answer.Next() {
			uid, size, content, err := read(mail, limit)
			if err != nil {
				return errors.Join(err, answer.Close())
			}
			if slices.Contains(uids, uid) {
				got(uid, size, content)
			}
		}
		return answer.Close()
	})
}

// read takes a mail off the wire, and no more of it than was asked for.
func read(mail *imapclient.FetchMessageData, limit int64) (uid imap.UID, size int64, content []byte, err error) {
	for item := mail.Next(); item != nil; item = mail.Next() {
		switch item := item.(type) {
		case imapclient.FetchItemDataUID:
			uid = item.UID
		case imapclient.FetchItemDataRFC822Size:
			size = item.Size
		case imapclient.FetchItemDataBodySection:
			if item.Literal == nil {
				continue
			}
			if content, err = io.ReadAll(io.LimitReader(item.Literal, limit)); err != nil {
				return uid, size, nil, err
			}
		}
	}
	return uid, size, content, nil
}
