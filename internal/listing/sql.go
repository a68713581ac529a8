package listing

import (
	"math/rand/v2"
	"strings"

	"navidocs/internal/db"
)

// plain are columns without the name of their table.
func plain(columns string) string { return strings.ReplaceAll(columns, "l.", "") }

// marks binds values in their order.
func marks(w *db.Where, values []any) string {
	all := make([]string, len(values))
	for i, v := range values {
		all[i] = w.Arg(v)
	}
	return strings.Join(all, ", ")
}

// jitter is between -1 and 1.
func jitter() float64 { return 2*rand.Float64() - 1 } //nolint:gosec // spreads retries, hides nothing
