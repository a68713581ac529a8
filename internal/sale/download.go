package sale

import (
	"context"
	"net/netip"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/fleet"
)

// State is how far a download is.
type State string

// The states of a download.
const (
	Taken    State = "taken"
	Complete State = "complete"
	Cut      State = "cut"
)

const (
	// slotLife is how long a slot is kept without progress: its process may be
	// dead.
	slotLife = 2 * time.Minute
	// slotEvery is how seldom progress is written down.
	slotEvery = 30 * time.Second
)

// Download is a fetch of a package that reaches, or was to reach, its last byte.
type Download struct {
	ID      string     `json:"id"`
	LinkID  string     `json:"link_id"`
	Who     string     `json:"who" enum:"buyer"`
	State   State      `json:"state" enum:"taken,complete,cut" doc:"taken: under way"`
	Bytes   int64      `json:"bytes" doc:"so far"`
	Address string     `json:"address" example:"192.0.2.0/24" doc:"the network that it went to"`
	At      time.Time  `json:"at" doc:"when it began"`
	EndedAt *time.Time `json:"ended_at"`

	saleID ID
}

const selectDownload = `SELECT d.id, d.link_id, d.state, d.bytes, d.address, d.started_at, d.ended_at, l.sale_id
	FROM sale_downloads d JOIN sale_links l ON l.id = d.link_id`

func scanDownload(r db.Row) (d Download, err error) {
	var at int64
	var ended *int64
	err = r.Scan(&d.ID, &d.LinkID, &d.State, &d.Bytes, &d.Address, &at, &ended, &d.saleID)
	d.Who, d.At, d.EndedAt = "buyer", db.Time(at), db.TimePtr(ended)
	return d, err
}

// Downloads lists the downloads of a sale over all its links, the newest first,
// and the total; whoever may see the sale may.
func (s *Service) Downloads(ctx context.Context, who account.Actor, id ID, page fleet.Page) (all []Download, total int, err error) {
	defer fault.Wrap(&err, "sale.Downloads %s", id)
	if _, err := s.load(ctx, s.db, who, id, account.Member); err != nil {
		return nil, 0, err
	}
	const of = " FROM sale_downloads d JOIN sale_links l ON l.id = d.link_id WHERE l.sale_id = $1"
	if total, err = db.One(ctx, s.db, db.Scalar[int], "SELECT count(*)"+of, id); err != nil {
		return nil, 0, err
	}
	all, err = db.Collect(ctx, s.db, scanDownload, selectDownload+" WHERE l.sale_id = $1 ORDER BY d.started_at DESC, d.id DESC LIMIT $2 OFFSET $3",
		id, page.Limit, page.Offset)
	return all, total, err
}

// masked is the network of an address: enough to tell home from abroad.
func masked(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return ""
	}
	a, bits := a.Unmap().WithZone(""), 24
	if a.Is6() {
		bits = 48
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return ""
	}
	return p.String()
}

// Slot is the right to one complete download while it is under way. It is for
// one goroutine, which ends it.
type Slot struct {
	s       *Service
	id      string
	h       Handover
	who     account.Actor
	renewed time.Time
}

// Take takes a slot for an answer that reaches the package's last byte; who
// tells the address and the request. Conflict, with retry_after, when all that
// are left are taken; Gone when the link ended.
func (s *Service) Take(ctx context.Context, h Handover, who account.Actor) (slot *Slot, err error) {
	defer fault.Wrap(&err, "sale.Take")
	who.Address = masked(who.Address)
	slot = &Slot{s: s, id: db.NewID(), h: h, who: who}
	return slot, s.db.Transact(ctx, func(tx *db.Tx) error {
		if err := freeLost(ctx, tx, h.link); err != nil {
			return err
		}
		now := db.Micros(tx.Now())
		n, err := tx.Exec(ctx, `UPDATE sale_links SET taken = taken + 1
			WHERE id = $1 AND taken + finished < allowed AND ended_at IS NULL AND expires_at > $2 AND piece_bytes < $3`, h.link, now, h.pieceLimit())
		if err != nil {
			return err
		}
		if n == 0 {
			return refusal(ctx, tx, h, true)
		}
		slot.renewed = tx.Now()
		_, err = tx.Exec(ctx, "INSERT INTO sale_downloads (id, link_id, state, address, started_at, renewed_at) VALUES ($1, $2, $3, $4, $5, $5)",
			slot.id, h.link, Taken, who.Address, now)
		return err
	})
}

// pieceLimit is how many bytes may go out besides complete downloads. Whoever
// always stops before the last byte would have the package for nothing.
func (h Handover) pieceLimit() int64 { return pieces * h.Package.Bytes }

// freeLost gives back the slots of a link that made no progress: their processes
// are gone.
func freeLost(ctx context.Context, tx *db.Tx, link string) error {
	n, err := tx.Exec(ctx, "UPDATE sale_downloads SET state = $1, ended_at = renewed_at WHERE link_id = $2 AND state = $3 AND renewed_at <= $4",
		Cut, link, Taken, db.Micros(tx.Now().Add(-slotLife)))
	if err != nil || n == 0 {
		return err
	}
	_, err = tx.Exec(ctx, "UPDATE sale_links SET taken = taken - $1 WHERE id = $2", n, link)
	return err
}

// refusal says why nothing goes out by a link now; slot, that a slot was wanted.
func refusal(ctx context.Context, tx *db.Tx, h Handover, slot bool) error {
	l, err := db.One(ctx, tx, scanLink, selectLink+" WHERE l.id = $1", h.link)
	if err != nil {
		return err
	}
	if why := l.ending(tx.Now()); why != "" {
		return gone(why)
	}
	if slot && l.taken+l.Finished >= l.Allowed {
		return fault.New(fault.Conflict, "all downloads that are left are under way: try again when one has ended").With("retry_after", int(slotLife.Seconds()))
	}
	return gone(endedByTraffic)
}

// Alive keeps the slot while bytes flow; call it before each write, with those
// that went out. An error says that the answer must stop: the slot is lost, or
// the link was ended.
func (t *Slot) Alive(ctx context.Context, bytes int64) (err error) {
	if t.s.db.Now().Sub(t.renewed) < slotEvery {
		return nil
	}
	defer fault.Wrap(&err, "sale.Alive")
	return t.s.db.Transact(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, `UPDATE sale_downloads SET renewed_at = $1, bytes = $2 WHERE id = $3 AND state = $4
			AND EXISTS (SELECT 1 FROM sale_links l WHERE l.id = sale_downloads.link_id AND l.ended_at IS NULL)`, db.Micros(tx.Now()), bytes, t.id, Taken)
		if err == nil && n == 0 {
			err = fault.New(fault.Gone, "the download lost its slot, or its link was ended")
		}
		if err == nil {
			t.renewed = tx.Now()
		}
		return err
	})
}

// End counts a download of which all bytes were written without an error, and
// gives the slot of another back; what went out is counted among the pieces
// then. A slot that was lost meanwhile makes no difference to a complete one.
func (t *Slot) End(ctx context.Context, complete bool, bytes int64) (err error) {
	defer fault.Wrap(&err, "sale.End")
	state := Cut
	if complete {
		state = Complete
	}
	return t.s.db.Transact(ctx, func(tx *db.Tx) error {
		if err := lock(ctx, tx, t.h.sale); err != nil {
			return err
		}
		held, err := tx.Exec(ctx, "UPDATE sale_downloads SET state = $1, bytes = $2, ended_at = $3 WHERE id = $4 AND state = $5",
			state, bytes, db.Micros(tx.Now()), t.id, Taken)
		if err != nil {
			return err
		}
		if !complete {
			_, err := tx.Exec(ctx, "UPDATE sale_links SET taken = taken - $1, piece_bytes = piece_bytes + $2 WHERE id = $3", held, bytes, t.h.link)
			return err
		}
		if held == 0 {
			if _, err := tx.Exec(ctx, "UPDATE sale_downloads SET state = $1, bytes = $2, ended_at = $3 WHERE id = $4", state, bytes, db.Micros(tx.Now()), t.id); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, "UPDATE sale_links SET taken = taken - $1, finished = finished + 1 WHERE id = $2", held, t.h.link); err != nil {
			return err
		}
		return t.tell(ctx, tx)
	})
}

// tell tells the seller of a complete download.
func (t *Slot) tell(ctx context.Context, tx *db.Tx) error {
	x, err := saleNow(ctx, tx, t.h.sale)
	if err != nil {
		return err
	}
	return t.s.tell(ctx, tx, t.who, "sale.downloaded", &x)
}

// saleNow reads a sale in nobody's name.
func saleNow(ctx context.Context, q db.Querier, id ID) (Sale, error) {
	x, err := db.One(ctx, q, scanSale, selectSale+fromSales+" WHERE s.id = $1", id)
	if err != nil {
		return x, err
	}
	one := []Sale{x}
	err = attach(ctx, q, one)
	return one[0], err
}

// Reserve counts bytes of an answer that does not reach the package's last one,
// before they go out. Gone when they are too many, or the link ended.
func (s *Service) Reserve(ctx context.Context, h Handover, bytes int64) (err error) {
	defer fault.Wrap(&err, "sale.Reserve")
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, `UPDATE sale_links SET piece_bytes = piece_bytes + $1
			WHERE id = $2 AND piece_bytes + $1 <= $3 AND finished < allowed AND ended_at IS NULL AND expires_at > $4`,
			bytes, h.link, h.pieceLimit(), db.Micros(tx.Now()))
		if err != nil || n == 1 {
			return err
		}
		return refusal(ctx, tx, h, false)
	})
}

// GiveBack takes back bytes that were counted and did not go out.
func (s *Service) GiveBack(ctx context.Context, h Handover, bytes int64) (err error) {
	defer fault.Wrap(&err, "sale.GiveBack")
	if bytes == 0 {
		return nil
	}
	return s.db.Transact(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE sale_links SET piece_bytes = piece_bytes - $1 WHERE id = $2", bytes, h.link)
		return err
	})
}
