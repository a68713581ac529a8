package sale

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"navidocs/internal/account"
	"navidocs/internal/bundle"
	"navidocs/internal/db"
	"navidocs/internal/fault"
	"navidocs/internal/sheet"
)

// receiptsALink bounds what a link's holder can fill a sale with.
const receiptsALink = 20

// ReceiptID names a receipt.
type ReceiptID string

// Receipt is a buyer's word that they have a package. It is kept for 7 years.
type Receipt struct {
	ID          ReceiptID `json:"id"`
	SaleID      ID        `json:"sale_id"`
	PackageID   PackageID `json:"package_id"`
	Name        string    `json:"name" doc:"as the buyer wrote it"`
	Email       string    `json:"email" doc:"where the link was mailed to"`
	Language    string    `json:"language" enum:"en,fr,de,it,es"`
	FileName    string    `json:"file_name"`
	Files       int       `json:"files"`
	Bytes       int64     `json:"bytes"`
	SHA256      string    `json:"sha256" doc:"of the package"`
	Fingerprint string    `json:"fingerprint" doc:"of the key that signed it"`
	At          time.Time `json:"at"`

	orgID account.OrgID
	boat  string
}

const selectReceipt = `SELECT r.id, r.sale_id, r.package_id, r.name, r.email, r.language, r.at, r.boat, p.file_name, p.files, p.bytes, p.digest, p.fingerprint, s.org_id
	FROM sale_receipts r JOIN sale_packages p ON p.id = r.package_id JOIN sale_workflows s ON s.id = r.sale_id`

func scanReceipt(r db.Row) (x Receipt, err error) {
	var at int64
	err = r.Scan(&x.ID, &x.SaleID, &x.PackageID, &x.Name, &x.Email, &x.Language, &at, &x.boat, &x.FileName, &x.Files, &x.Bytes, &x.SHA256, &x.Fingerprint, &x.orgID)
	x.At = db.Time(at)
	return x, err
}

// Receive records that the holder of a link has its package, under the name that
// they give, and tells the seller. who tells the address and the request. Conflict
// past 20 receipts of a link.
func (s *Service) Receive(ctx context.Context, who account.Actor, h Handover, name, language string) (x Receipt, err error) {
	defer fault.Wrap(&err, "sale.Receive")
	name = strings.Join(strings.Fields(db.Text(name)), " ")
	if n := utf8.RuneCountInString(name); n == 0 || n > 200 {
		return x, fault.Fields(fault.Field{Location: "form.name", Message: "give your name, of at most 200 characters"})
	}
	if !slices.Contains(languages(), language) {
		language = h.Language
	}
	who.Address = masked(who.Address)
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		if err := lock(ctx, tx, h.sale); err != nil {
			return err
		}
		l, err := db.One(ctx, tx, scanLink, selectLink+" WHERE l.id = $1", h.link)
		if err != nil {
			return err
		}
		if why := l.ending(tx.Now()); why != "" {
			return gone(why)
		}
		n, err := db.One(ctx, tx, db.Scalar[int], "SELECT count(*) FROM sale_receipts WHERE link_id = $1", h.link)
		if err != nil {
			return err
		}
		if n >= receiptsALink {
			return fault.New(fault.Conflict, "this link has given %d receipts already, which is the most", receiptsALink)
		}
		id := ReceiptID(db.NewID())
		_, err = tx.Exec(ctx, `INSERT INTO sale_receipts (id, sale_id, link_id, package_id, boat, name, email, language, address, at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`, id, h.sale, h.link, h.Package.ID, h.boat(), name, l.Email, language, who.Address, db.Micros(tx.Now()))
		if err != nil {
			return err
		}
		if x, err = db.One(ctx, tx, scanReceipt, selectReceipt+" WHERE r.id = $1", id); err != nil {
			return err
		}
		return s.accepted(ctx, tx, who, h, map[string]any{"receipt_id": id})
	})
	return x, err
}

// accepted tells the seller that the buyer has the package.
func (s *Service) accepted(ctx context.Context, tx *db.Tx, who account.Actor, h Handover, detail map[string]any) error {
	x, err := saleNow(ctx, tx, h.sale)
	if err != nil {
		return err
	}
	if err := s.step(ctx, tx, who, "sale.accepted", &x, detail); err != nil {
		return err
	}
	data := x.data()
	data.PackageSHA256, data.PackageBytes = h.Package.SHA256, h.Package.Bytes
	return s.append(ctx, tx, account.Actor{}, "sale.accepted", &x, data)
}

// boat is the boat as people tell it from others.
func (h *Handover) boat() string {
	parts := []string{h.BoatName, h.Make, h.Model}
	if h.Year != nil {
		parts = append(parts, strconv.Itoa(*h.Year))
	}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), " ")
}

// Receipts lists what the buyer confirmed to have received, the oldest first;
// members may see it, and guests who see money.
func (s *Service) Receipts(ctx context.Context, who account.Actor, id ID) (_ []Receipt, err error) {
	defer fault.Wrap(&err, "sale.Receipts %s", id)
	if _, err := s.load(ctx, s.db, who, id, account.Member); err != nil {
		return nil, err
	}
	return db.Collect(ctx, s.db, scanReceipt, selectReceipt+" WHERE r.sale_id = $1 ORDER BY r.at, r.id", id)
}

// Receipt reads one; members may, and guests who see money.
func (s *Service) Receipt(ctx context.Context, who account.Actor, id ID, receipt ReceiptID) (x Receipt, err error) {
	defer fault.Wrap(&err, "sale.Receipt %s", receipt)
	if _, err := s.load(ctx, s.db, who, id, account.Member); err != nil {
		return x, err
	}
	x, err = db.One(ctx, s.db, scanReceipt, selectReceipt+" WHERE r.sale_id = $1 AND r.id = $2", id, receipt)
	if fault.Is(err, fault.NotFound) {
		err = fault.New(fault.NotFound, "receipt not found")
	}
	return x, err
}

//go:embed receipt.json
var receiptJSON []byte

// receiptWords are what a receipt says, by language.
var receiptWords = sync.OnceValue(func() map[string]map[string]string {
	var all map[string]map[string]string
	if err := json.Unmarshal(receiptJSON, &all); err != nil {
		panic(err) // embedded: a mistake of ours, found by every test
	}
	return all
})

// FileNamePDF is what the printed receipt is called.
func (r Receipt) FileNamePDF() string {
	return bundle.SafeName(receiptWords()[r.Language]["title"]+" "+r.boat+" "+r.At.Format(time.DateOnly), "application/pdf")
}

// PDF is the receipt for both sides, in the language of its page: the same bytes
// each time.
func (r Receipt) PDF() (_ []byte, err error) {
	defer fault.Wrap(&err, "sale.PDF %s", r.ID)
	w := receiptWords()[r.Language]
	out := sheet.New(sheet.Options{Title: w["title"] + ": " + r.boat, Language: r.Language, At: r.At, Footer: "NaviDocs " + string(r.ID)})
	out.Title(w["title"])
	out.Paragraph(strings.NewReplacer("{name}", r.Name, "{boat}", r.boat).Replace(w["text"]))
	out.Fields(
		sheet.Field{Label: w["boat"], Value: r.boat}, sheet.Field{Label: w["name"], Value: r.Name}, sheet.Field{Label: w["at"], Value: r.At.UTC().Format("2006-01-02 15:04:05 UTC")},
		sheet.Field{Label: w["file"], Value: r.FileName}, sheet.Field{Label: w["files"], Value: strconv.Itoa(r.Files)}, sheet.Field{Label: w["bytes"], Value: strconv.FormatInt(r.Bytes, 10)},
		sheet.Field{Label: w["sum"], Value: r.SHA256}, sheet.Field{Label: w["key"], Value: r.Fingerprint},
	)
	out.Note(w["note"])
	var b bytes.Buffer
	_, err = out.Write(&b)
	return b.Bytes(), err
}
