package notify

import (
	"context"
	"errors"

	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// whyUnclear is what people read of a message that a restore found waiting.
const whyUnclear = "restored from a backup: it may have been sent since, and is not sent by itself"

// SettleRestored marks what was due by now in a database that was restored from
// a backup: it may have been sent after the backup was made, and nobody is to be
// told twice. Mails with secrets end too: whoever still waits asks again.
func SettleRestored(ctx context.Context, d *db.DB) (err error) {
	defer fault.Wrap(&err, "settle restored notifications")
	return d.Transact(ctx, func(tx *db.Tx) error {
		now := db.Micros(tx.Now())
		_, err := tx.Exec(ctx, "UPDATE notification_messages SET status = $1, reason = $2 WHERE status = $3 AND send_at <= $4", Unclear, whyUnclear, Queued, now)
		_, e := tx.Exec(ctx, "UPDATE secret_mails SET status = $1, reason = $2, sealed = '', ended_at = $3 WHERE status = $4", Unclear, whyUnclear, now, Queued)
		return errors.Join(err, e)
	})
}
