// Package record is the machine-readable form of boats and of a whole
// organization: rows become JSON and CSV, and rows again in another
// organization.
//
// Each domain describes its tables (Table): which columns travel, which do not
// and why, and what a row from outside must be. It guarantees: equal rows give
// equal bytes; of a scope that is redacted nothing private goes, and no row goes
// that refers to one that stays; an import is one transaction, in which every
// row has a new id, every reference is to a row of the same archive, and every
// value is of its kind; the same manifest is imported once per organization.
//
// The schema is written out in doc/record.md.
package record

import (
	"context"
	"crypto/ed25519"
	"log/slog"
	"slices"

	"navidocs/internal/account"
	"navidocs/internal/blob"
	"navidocs/internal/db"
	"navidocs/internal/job"
)

// Schema names the form of the data files.
const Schema = "navidocs-record/1"

// ExportSchema is the schema of the archive of a whole organization.
const ExportSchema = "navidocs-export/1"

// Table is what travels of one table of a domain.
type Table struct {
	// Name is the table's, File the plain name for people: data/<File>.json.
	Name, File string
	// About says in one line what a row is.
	About string
	// Columns travel, those of Key first; rows are ordered by them.
	Columns []Column
	// Key are the columns that tell rows apart; "id" unless given.
	Key []string
	// Omitted are the other columns, with the reason why they do not travel.
	Omitted map[string]string
	// Within narrows the table, named x, to an organization: {org} is its id.
	Within string
	// OfBoats narrows it to boats: {boats} are their ids, in parentheses. A
	// table without it goes only with a whole organization.
	OfBoats string
	// OfDocuments narrows it instead where a scope names its documents: the
	// column that holds their ids.
	OfDocuments string
	// ReadOnly says why rows are written for reading and never imported.
	ReadOnly string
	// PartOf is the reference to the row of which this is a part: it is not
	// imported where that row was there already.
	PartOf string
	// Check applies the domain's rules to a row from outside and may set
	// columns that do not travel. Its faults are located by the column.
	Check func(r *Row) error
	// Place fits a row into the organization, references resolved. existing is
	// the id of the row that is there already and takes its place, else "".
	Place func(ctx context.Context, tx *db.Tx, to *Target, r *Row) (existing string, err error)
	// After does what follows from rows, in the transaction, when all are there.
	After func(ctx context.Context, tx *db.Tx, to *Target, rows Arrived) error
}

// Column is one column that travels.
type Column struct {
	Name string
	Kind Kind
	// Column is its name in the table, where that is another.
	Column string
	// SQL reads it where it is no column of the table, of one that is ReadOnly.
	SQL string
	// Null says that there may be no value.
	Null bool
	// Private is never in a package: amounts, people.
	Private bool
	// About says what a reader cannot guess from the name.
	About string
}

// stored is the column's name in the table.
func (c Column) stored() string {
	if c.Column != "" {
		return c.Column
	}
	return c.Name
}

// selected is what reads the column.
func (c Column) selected() string {
	if c.SQL != "" {
		return c.SQL
	}
	return "x." + c.stored()
}

// Target is where an import goes.
type Target struct {
	Org account.OrgID
	Who account.Actor
	// Papers are the files of documents that came with the archive and are in
	// the store, by the id that the document had.
	Papers map[string]Paper
}

// Paper is a file of an archive, in the store.
type Paper struct {
	Path      string
	Digest    blob.Digest
	Bytes     int64
	MediaType string // by its content
}

// Arrived are the rows of a table after an import: New were created, Known were
// there already and took the place of what came.
type Arrived struct{ New, Known []string }

// Scope says of what a record is made.
type Scope struct {
	Org account.OrgID
	// Boats are the boats; nil is the whole organization.
	Boats []account.BoatID
	// Documents are those that go; nil are all. Equipment likewise.
	Documents map[string]bool
	Equipment map[string]bool
	// Redact leaves out what is private.
	Redact bool
}

// Options say how a Service works.
type Options struct {
	// Tables are all that travels, each after those to which it refers.
	Tables []Table
	// TempDir takes the data files while an archive is written.
	TempDir string
	// MaxBytes bounds an archive that is sent; its setting is MAX_PACKAGE_MB.
	MaxBytes int64
	// Sniff tells the media type of stored bytes by their content.
	Sniff func(ctx context.Context, d blob.Digest) (string, error)
	// Signer gives the key with which an organization signs now.
	Signer func(ctx context.Context, org account.OrgID) (ed25519.PrivateKey, error)
	Log    *slog.Logger
}

// Service reads and writes records of one installation.
type Service struct {
	db       *db.DB
	store    blob.Store
	accounts *account.Service
	jobs     *job.Queue
	o        Options
}

// New makes the service.
func New(d *db.DB, store blob.Store, accounts *account.Service, jobs *job.Queue, o Options) *Service {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Tables = append(own(), o.Tables...)
	return &Service{db: d, store: store, accounts: accounts, jobs: jobs, o: o}
}

// Tables are all that travel, in the order in which they arrive.
func (s *Service) Tables() []Table { return slices.Clone(s.o.Tables) }

// Holds says whether a column of the table travels.
func (t *Table) Holds(column string) bool {
	return slices.ContainsFunc(t.Columns, func(c Column) bool { return c.SQL == "" && c.stored() == column })
}
