package sale

import (
	"context"
	"encoding/json"
	"time"

	"navidocs/internal/account"
	"navidocs/internal/blob"
	"navidocs/internal/bundle"
	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// PackageID names a signed archive that was made for a sale.
type PackageID string

// PackageKind tells the package of a sale from what is sent after it.
type PackageKind string

// The kinds of packages.
const (
	AsBuilt    PackageKind = "package"
	Supplement PackageKind = "supplement"
)

// PackageState is how far a package is.
type PackageState string

// The states of a package.
const (
	Building PackageState = "building"
	Ready    PackageState = "ready"
	Failed   PackageState = "failed"
)

// Progress is how far the building of a package is.
type Progress struct {
	Phase      string `json:"phase" example:"writing" doc:"gathering, checking, writing, storing"`
	Files      int    `json:"files"`
	TotalFiles int    `json:"total_files"`
	Bytes      int64  `json:"bytes"`
	TotalBytes int64  `json:"total_bytes"`
}

// Package is a signed archive of a boat's record.
type Package struct {
	ID          PackageID    `json:"id"`
	SaleID      ID           `json:"sale_id"`
	Kind        PackageKind  `json:"kind" enum:"package,supplement"`
	State       PackageState `json:"state" enum:"building,ready,failed"`
	JobID       string       `json:"job_id"`
	Progress    Progress     `json:"progress"`
	Error       string       `json:"error" doc:"why it failed"`
	FileName    string       `json:"file_name"`
	Files       int          `json:"files"`
	Bytes       int64        `json:"bytes"`
	SHA256      string       `json:"sha256" doc:"of the archive"`
	Fingerprint string       `json:"fingerprint" doc:"SHA-256 of the public key that signed it"`
	ListHash    string       `json:"list_hash" doc:"of what goes in and what stays, as owners approve it"`
	GeneratedAt *time.Time   `json:"generated_at"`
	Missing     []bundle.Gap `json:"missing" doc:"what the boat's file should hold and does not"`
	Withheld    []bundle.Gap `json:"withheld" doc:"by type and reason"`

	orgID    account.OrgID
	manifest []byte
	begun    time.Time
	released bool // its bytes are gone
}

// Manifest is manifest.json of an archive.
type Manifest = bundle.Manifest

// Manifest is the archive's, as it was signed.
func (p Package) Manifest() (m Manifest, err error) {
	defer fault.Wrap(&err, "read the manifest of package %s", p.ID)
	if len(p.manifest) == 0 {
		return m, fault.New(fault.NotFound, "the manifest of the package was kept for 7 years")
	}
	return m, json.Unmarshal(p.manifest, &m)
}

const (
	packageColumns = `SELECT p.id, p.sale_id, p.kind, p.state, p.job_id, p.phase, p.files_done, p.files_total, p.bytes_done, p.bytes_total, p.error,
		p.file_name, p.files, p.bytes, p.digest, p.fingerprint, p.ready_at, `
	fromPackages = `, p.list_hash, p.created_at, p.released_at IS NOT NULL, s.org_id FROM sale_packages p JOIN sale_workflows s ON s.id = p.sale_id`

	selectPackage = packageColumns + "p.manifest" + fromPackages
	// selectBrief reads packages without their manifests, which may be large.
	selectBrief = packageColumns + "p.gaps" + fromPackages
)

func scanBrief(r db.Row) (Package, error) {
	p, err := scanPackage(r)
	p.manifest = nil
	return p, err
}

func scanPackage(r db.Row) (p Package, err error) {
	var ready *int64
	var begun int64
	var manifest string
	err = r.Scan(&p.ID, &p.SaleID, &p.Kind, &p.State, &p.JobID, &p.Progress.Phase, &p.Progress.Files, &p.Progress.TotalFiles, &p.Progress.Bytes,
		&p.Progress.TotalBytes, &p.Error, &p.FileName, &p.Files, &p.Bytes, &p.SHA256, &p.Fingerprint, &ready, &manifest, &p.ListHash, &begun, &p.released, &p.orgID)
	if err != nil {
		return p, err
	}
	p.begun = db.Time(begun)
	p.GeneratedAt, p.manifest, p.Missing, p.Withheld = db.TimePtr(ready), []byte(manifest), []bundle.Gap{}, []bundle.Gap{}
	if manifest == "" {
		return p, nil
	}
	var m Manifest
	err = json.Unmarshal(p.manifest, &m)
	p.Missing, p.Withheld = append(p.Missing, m.Missing...), append(p.Withheld, m.Withheld...)
	return p, err
}

// newest is the package of a kind that was made last, in one of some states;
// NotFound when there is none.
func newest(ctx context.Context, q db.Querier, id ID, kind PackageKind, states ...PackageState) (Package, error) {
	var w db.Where
	w.Add("p.sale_id = ?", id)
	w.Add("p.kind = ?", kind)
	db.In(&w, "p.state", states)
	p, err := db.One(ctx, q, scanPackage, selectPackage+" WHERE "+w.SQL()+" ORDER BY p.created_at DESC, p.id DESC LIMIT 1", w.Args()...)
	if fault.Is(err, fault.NotFound) {
		return p, fault.New(fault.NotFound, "the sale has no package yet: generate it first")
	}
	return p, err
}

// attachPackages reads the newest package that is ready, of several sales at once.
func attachPackages(ctx context.Context, q db.Querier, all []Sale) error {
	at, ids := map[ID]*Sale{}, make([]ID, len(all))
	for i := range all {
		at[all[i].ID], ids[i] = &all[i], all[i].ID
	}
	var w db.Where
	db.In(&w, "p.sale_id", ids)
	w.Add("p.kind = ? AND p.state = ?", AsBuilt, Ready)
	packages, err := db.Collect(ctx, q, scanBrief, selectBrief+" WHERE "+w.SQL()+" ORDER BY p.sale_id, p.created_at, p.id", w.Args()...)
	for i, p := range packages {
		at[p.SaleID].Generated, at[p.SaleID].Package = true, &packages[i]
	}
	return err
}

// releasePackages gives up the bytes of packages that a condition holds for; their
// manifests stay.
func (s *Service) releasePackages(ctx context.Context, condition string, args ...any) error {
	var w db.Where
	w.Add("p.state = 'ready' AND p.released_at IS NULL")
	w.Add(condition, args...)
	ids, err := db.Collect(ctx, s.db, db.Scalar[PackageID],
		"SELECT p.id FROM sale_packages p JOIN sale_workflows s ON s.id = p.sale_id WHERE "+w.SQL()+" ORDER BY p.id", w.Args()...)
	if err != nil {
		return err
	}
	for _, id := range ids {
		err := s.db.Transact(ctx, func(tx *db.Tx) error {
			if err := blob.Release(ctx, tx, blobOwner, string(id)); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, "UPDATE sale_packages SET released_at = $1 WHERE id = $2", db.Micros(tx.Now()), id)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Packages lists what was made for a sale, the newest first, also what is being
// made and what failed; members may, and guests who see money.
func (s *Service) Packages(ctx context.Context, who account.Actor, id ID) (_ []Package, err error) {
	defer fault.Wrap(&err, "sale.Packages %s", id)
	if _, err := s.load(ctx, s.db, who, id, account.Member); err != nil {
		return nil, err
	}
	return db.Collect(ctx, s.db, scanBrief, selectBrief+" WHERE p.sale_id = $1 ORDER BY p.created_at DESC, p.id DESC", id)
}

// Contents is the manifest of the newest package; whoever manages the boat may
// see it, for it names papers of all classes.
func (s *Service) Contents(ctx context.Context, who account.Actor, id ID) (m Manifest, err error) {
	defer fault.Wrap(&err, "sale.Contents %s", id)
	if _, err := s.load(ctx, s.db, who, id, account.Manager); err != nil {
		return m, err
	}
	p, err := newest(ctx, s.db, id, AsBuilt, Ready)
	if err != nil {
		return m, err
	}
	return p.Manifest()
}

// PackageContent opens the newest package; whoever manages the boat may. whole says that
// it is read from the beginning, which the audit trail remembers.
func (s *Service) PackageContent(ctx context.Context, who account.Actor, id ID, whole bool) (p Package, f *blob.Reader, err error) {
	defer fault.Wrap(&err, "sale.PackageContent %s", id)
	x, err := s.load(ctx, s.db, who, id, account.Manager)
	if err != nil {
		return p, nil, err
	}
	if p, err = newest(ctx, s.db, id, AsBuilt, Ready); err != nil {
		return p, nil, err
	}
	if p.released {
		return p, nil, fault.New(fault.NotFound, "the bytes of the package were kept until 90 days after the sale; its manifest is still there")
	}
	if f, err = s.store.Open(ctx, blob.Digest(p.SHA256)); err != nil || !whole {
		return p, f, err
	}
	err = s.db.Transact(ctx, func(tx *db.Tx) error {
		return s.audit(ctx, tx, who, "sale.package_read", x, map[string]any{"package_id": p.ID})
	})
	if err != nil {
		_ = f.Close() // only read from; the first error counts
	}
	return p, f, err
}

func packageOf(ctx context.Context, q db.Querier, id PackageID) (Package, error) {
	return db.One(ctx, q, scanPackage, selectPackage+" WHERE p.id = $1", id)
}
