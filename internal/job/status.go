package job

import (
	"context"
	"time"

	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// The states of a Status.
const (
	Queued    = "queued"
	Running   = "running"
	Completed = "completed"
	Failed    = "failed"
)

// Status is a job as its user sees it. River's rows are cleaned after a day and
// have no owner; these stay.
type Status struct {
	ID        string     `json:"id"`
	OrgID     string     `json:"organization_id"`
	UserID    string     `json:"-"`
	Kind      string     `json:"kind"`
	SubjectID string     `json:"subject_id"`
	State     string     `json:"state" enum:"queued,running,completed,failed"`
	Progress  int        `json:"progress" minimum:"0" maximum:"100"`
	Error     string     `json:"error"`
	CreatedAt time.Time  `json:"created_at"`
	Finished  *time.Time `json:"finished_at"`
}

// Open records that work has begun and returns its id. Work of the server
// itself has no organization and no user.
func Open(ctx context.Context, tx *db.Tx, s Status) (string, error) {
	id := db.NewID()
	_, err := tx.Exec(ctx, `INSERT INTO job_status (id, org_id, user_id, kind, subject_id, state, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`, id, db.OrNull(s.OrgID), db.OrNull(s.UserID), s.Kind, s.SubjectID, Queued, db.Micros(tx.Now()))
	return id, err
}

// Progress records how far work is, 0 to 100; a finished one stays finished.
func Progress(ctx context.Context, tx *db.Tx, id string, percent int) error {
	_, err := tx.Exec(ctx, `UPDATE job_status SET state = $1, progress = $2 WHERE id = $3 AND finished_at IS NULL`,
		Running, min(max(percent, 0), 100), id)
	return err
}

// Close records the end of work; reason is empty when it went well.
func Close(ctx context.Context, tx *db.Tx, id, reason string) error {
	state := Completed
	if reason != "" {
		state = Failed
	}
	_, err := tx.Exec(ctx, `UPDATE job_status SET state = $1, progress = 100, error = $2, finished_at = $3
		WHERE id = $4 AND finished_at IS NULL`, state, reason, db.Micros(tx.Now()), id)
	return err
}

const statusColumns = `id, org_id, user_id, kind, subject_id, state, progress, error, created_at, finished_at`

// Load reads one status; fault.NotFound when there is none.
func Load(ctx context.Context, q db.Querier, id string) (Status, error) {
	return db.One(ctx, q, scanStatus, "SELECT "+statusColumns+" FROM job_status WHERE id = $1", id)
}

// List reads the newest statuses of some organizations, at most 100.
func List(ctx context.Context, q db.Querier, orgs []string) ([]Status, error) {
	var w db.Where
	db.In(&w, "org_id", orgs)
	return db.Collect(ctx, q, scanStatus, "SELECT "+statusColumns+" FROM job_status WHERE "+w.SQL()+
		" ORDER BY created_at DESC, id DESC LIMIT 100", w.Args()...)
}

func scanStatus(r db.Row) (s Status, err error) {
	var created int64
	var finished *int64
	var org, user *string
	err = r.Scan(&s.ID, &org, &user, &s.Kind, &s.SubjectID, &s.State, &s.Progress, &s.Error, &created, &finished)
	if org != nil {
		s.OrgID = *org
	}
	if user != nil {
		s.UserID = *user
	}
	s.CreatedAt, s.Finished = db.Time(created), db.TimePtr(finished)
	return s, err
}

// Status reads one; fault.NotFound when there is none.
func (q *Queue) Status(ctx context.Context, id string) (Status, error) { return Load(ctx, q.db, id) }

// List reads the newest statuses of some organizations, at most 100.
func (q *Queue) List(ctx context.Context, orgs []string) ([]Status, error) {
	return List(ctx, q.db, orgs)
}

// Purge removes what is known of the work of an organization that is no more.
func Purge(ctx context.Context, d *db.DB, orgID string) (err error) {
	defer fault.Wrap(&err, "job.Purge %s", orgID)
	return d.Transact(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM job_status WHERE org_id = $1", orgID)
		return err
	})
}
