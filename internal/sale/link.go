package sale

import (
	"cmp"
	"context"
	"crypto/subtle"
	"slices"
	"strings"
	"time"

	"navidocs/internal/blob"
	"navidocs/internal/bundle"
	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/vault"
)

const (
	linkDays      = 30
	linkDownloads = 5
	// pieces is how many times a package's size may go out besides complete
	// downloads.
	pieces = 10
)

// Ended says why a link works no more; empty while it does.
type Ended string

// The ends of a link.
const (
	endedByTime     Ended = "expired"
	endedByUse      Ended = "used"
	endedByTransfer Ended = "replaced"
	endedByHand     Ended = "revoked"
	endedByCancel   Ended = "cancelled"
	endedByTraffic  Ended = "traffic"
	endedByStorage  Ended = "removed"
	endedByList     Ended = "changed" // what goes to the buyer is another by now
)

// Ends lists why links end.
func Ends() []Ended {
	return []Ended{endedByTime, endedByUse, endedByTransfer, endedByHand, endedByCancel, endedByTraffic, endedByStorage, endedByList}
}

// Link is the handover link of a sale, without its secret.
type Link struct {
	ID            string     `json:"id"`
	Email         string     `json:"email" doc:"to whom it was mailed; empty once erased"`
	CreatedAt     time.Time  `json:"created_at"`
	ExpiresAt     time.Time  `json:"expires_at"`
	Allowed       int        `json:"downloads_allowed" doc:"complete ones"`
	Finished      int        `json:"downloads" doc:"complete ones so far"`
	DownloadsLeft int        `json:"downloads_left"`
	EndedAt       *time.Time `json:"ended_at"`
	Ended         Ended      `json:"ended" enum:",replaced,revoked,cancelled" doc:"why it was ended before its time"`

	saleID      ID
	packageID   PackageID
	language    string
	message     string
	taken       int
	pieceBytes  int64
	sha256      string
	bytes       int64
	fingerprint string
}

const selectLink = `SELECT l.id, l.email, l.created_at, l.expires_at, l.allowed, l.finished, l.ended_at, l.ended, l.sale_id, l.package_id, l.language, l.message,
	l.taken, l.piece_bytes, p.digest, p.bytes, p.fingerprint FROM sale_links l JOIN sale_packages p ON p.id = l.package_id`

func scanLink(r db.Row) (l Link, err error) {
	var created, expires int64
	var ended *int64
	err = r.Scan(&l.ID, &l.Email, &created, &expires, &l.Allowed, &l.Finished, &ended, &l.Ended, &l.saleID, &l.packageID, &l.language, &l.message,
		&l.taken, &l.pieceBytes, &l.sha256, &l.bytes, &l.fingerprint)
	l.CreatedAt, l.ExpiresAt, l.EndedAt = db.Time(created), db.Time(expires), db.TimePtr(ended)
	l.DownloadsLeft = max(l.Allowed-l.Finished, 0)
	return l, err
}

// ending says why the link works no more at an instant, "" while it does.
func (l Link) ending(now time.Time) Ended {
	switch {
	case l.EndedAt != nil:
		return l.Ended
	case l.DownloadsLeft == 0:
		return endedByUse
	case !l.ExpiresAt.After(now):
		return endedByTime
	}
	return ""
}

// attachLinks reads the newest link to the as-built package of each sale and, of those that were called
// off, what was downloaded before.
func attachLinks(ctx context.Context, q db.Querier, all []Sale) error {
	at, ids, off := map[ID]*Sale{}, make([]ID, len(all)), []ID{}
	for i := range all {
		at[all[i].ID], ids[i] = &all[i], all[i].ID
		if all[i].Status == Cancelled {
			off = append(off, all[i].ID)
		}
	}
	var w db.Where
	db.In(&w, "l.sale_id", ids)
	w.Add("p.kind = ?", AsBuilt)
	found, err := db.Collect(ctx, q, scanLink, selectLink+" WHERE "+w.SQL()+" ORDER BY l.created_at, l.id", w.Args()...)
	if err != nil {
		return err
	}
	for i := range found {
		at[found[i].saleID].Link = &found[i]
	}
	if len(off) == 0 {
		return nil
	}
	var done db.Where
	done.Add("d.state = ?", Complete)
	db.In(&done, "l.sale_id", off)
	taken, err := db.Collect(ctx, q, scanDownload, selectDownload+" WHERE "+done.SQL()+" ORDER BY d.ended_at, d.id", done.Args()...)
	for _, d := range taken {
		x := at[d.saleID]
		x.NotRecalled = append(x.NotRecalled, d)
	}
	return err
}

// endLink ends the link to the as-built package of a sale that works, if there is
// one; those to supplements stay. What is under way is cut within a minute.
func endLink(ctx context.Context, tx *db.Tx, id ID, why Ended) error {
	_, err := tx.Exec(ctx, `UPDATE sale_links SET ended_at = $1, ended = $2 WHERE sale_id = $3 AND ended_at IS NULL
		AND package_id IN (SELECT p.id FROM sale_packages p WHERE p.sale_id = $3 AND p.kind = $4)`, db.Micros(tx.Now()), why, id, AsBuilt)
	return err
}

// endLinks ends every link of a sale that works.
func endLinks(ctx context.Context, tx *db.Tx, id ID, why Ended) error {
	_, err := tx.Exec(ctx, "UPDATE sale_links SET ended_at = $1, ended = $2 WHERE sale_id = $3 AND ended_at IS NULL", db.Micros(tx.Now()), why, id)
	return err
}

// addToken gives a link another secret and returns the address that opens it.
func (s *Service) addToken(ctx context.Context, tx *db.Tx, link string) (url string, err error) {
	token, hash := vault.Token("ndh_")
	_, err = tx.Exec(ctx, "INSERT INTO sale_tokens (hash, link_id, created_at) VALUES ($1, $2, $3)", hash, link, db.Micros(tx.Now()))
	return s.config.BaseURL + "/p/" + token, err
}

// Handover is what the holder of a link is shown: the boat and its package, and
// nothing of the organization that sells.
type Handover struct {
	BoatName, Make, Model string
	Year                  *int
	Language              string // in which the buyer is written to
	ExpiresAt             time.Time
	Allowed, Left         int
	Package               Package
	Chapters              []Chapter

	link string
	sale ID
}

// Chapter is a folder of the package. Its name is empty for what lies at the top.
type Chapter struct {
	Name  string
	Files []bundle.Entry
	Bytes int64
}

// holding is a link with what is needed to judge who holds it.
type holding struct {
	Link

	hash     string
	replaced bool // by a later secret of the same link
	gone     bool // the boat or its organization
	boat     Handover
}

const selectHolding = `SELECT t.hash, t.replaced_at IS NOT NULL, b.deleted_at IS NOT NULL OR g.deleted_at IS NOT NULL, b.name, b.make, b.model, b.year, l.id
	FROM sale_tokens t JOIN sale_links l ON l.id = t.link_id JOIN sale_workflows s ON s.id = l.sale_id JOIN boats b ON b.id = s.boat_id
	JOIN organizations g ON g.id = s.org_id WHERE t.hash = $1`

func scanHolding(r db.Row) (h holding, err error) {
	err = r.Scan(&h.hash, &h.replaced, &h.gone, &h.boat.BoatName, &h.boat.Make, &h.boat.Model, &h.boat.Year, &h.boat.link)
	return h, err
}

var errNoLink = fault.New(fault.NotFound, "there is no such link")

// Handover looks up what a link leads to, and changes nothing. NotFound for a
// secret that opens none; Gone, with the reason as one of Ends, for a link that
// ended, whose language alone is told then.
func (s *Service) Handover(ctx context.Context, token string) (h Handover, err error) {
	defer fault.Wrap(&err, "sale.Handover")
	hash := vault.Hash(token)
	x, err := db.One(ctx, s.db, scanHolding, selectHolding, hash)
	if fault.Is(err, fault.NotFound) || err == nil && subtle.ConstantTimeCompare([]byte(hash), []byte(x.hash)) == 0 {
		return h, errNoLink
	}
	if err != nil {
		return h, err
	}
	if x.Link, err = db.One(ctx, s.db, scanLink, selectLink+" WHERE l.id = $1", x.boat.link); err != nil {
		return h, err
	}
	p, err := db.One(ctx, s.db, scanPackage, selectPackage+" WHERE p.id = $1", x.packageID)
	if err != nil {
		return h, err
	}
	why := x.ending(s.db.Now())
	switch {
	case x.gone:
		why = endedByHand
	case why == "" && x.replaced:
		why = endedByTransfer
	case why == "" && p.released:
		why = endedByStorage
	}
	if why != "" {
		return Handover{Language: x.language}, gone(why)
	}
	h = x.boat
	h.Language, h.ExpiresAt, h.Allowed, h.Left, h.Package, h.sale = x.language, x.ExpiresAt, x.Allowed, x.DownloadsLeft, p, x.saleID
	h.Chapters, err = chapters(p)
	return h, err
}

// gone is the answer to a link that ended.
func gone(why Ended) error {
	return fault.New(fault.Gone, "this link works no more (%s): ask whoever sent it for a new one", why).With("reason", string(why))
}

// chapters are the top folders of a package, in their order.
func chapters(p Package) ([]Chapter, error) {
	m, err := p.Manifest()
	if err != nil {
		return nil, err
	}
	var out []Chapter
	for _, e := range m.Files {
		name, rest, ok := strings.Cut(e.Path, "/")
		if !ok {
			name, rest = "", e.Path
		}
		i := slices.IndexFunc(out, func(c Chapter) bool { return c.Name == name })
		if i < 0 {
			i, out = len(out), append(out, Chapter{Name: name})
		}
		e.Path = rest
		out[i].Files, out[i].Bytes = append(out[i].Files, e), out[i].Bytes+e.Bytes
	}
	slices.SortStableFunc(out, func(a, b Chapter) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}

// Content opens the package's bytes; the caller closes them.
func (s *Service) Content(ctx context.Context, h Handover) (_ *blob.Reader, err error) {
	defer fault.Wrap(&err, "sale.Content")
	r, err := s.store.Open(ctx, blob.Digest(h.Package.SHA256))
	if fault.Is(err, fault.NotFound) {
		err = fault.Because(err, fault.Internal, "the bytes of this package are missing from storage: navidocs doctor tells more")
	}
	return r, err
}
