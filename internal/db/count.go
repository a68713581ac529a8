package db

import (
	"context"
	"strconv"
	"strings"

	"navidocs/internal/fault"
)

// CountNaming counts the rows of all tables that name a value: in that table's
// column of the name that the value is given under.
func CountNaming(ctx context.Context, d *DB, values map[string]any) (n int, err error) {
	defer fault.Wrap(&err, "db.CountNaming")
	s, err := schemaOf(ctx, d)
	if err != nil {
		return 0, err
	}
	for _, t := range s.stored() {
		var either []string
		var args []any
		for _, c := range t.columns {
			if v, ok := values[c.name]; ok {
				args = append(args, v)
				either = append(either, c.name+" = $"+strconv.Itoa(len(args)))
			}
		}
		if len(args) == 0 {
			continue
		}
		some, err := One(ctx, d, Scalar[int], "SELECT count(*) FROM "+t.name+" WHERE "+strings.Join(either, " OR "), args...)
		if err != nil {
			return 0, err
		}
		n += some
	}
	return n, nil
}
