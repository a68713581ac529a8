package deploy

import (
	"time"

	"navidocs/internal/fault"
	"navidocs/internal/logfile"
)

// linesKept is how many of a server's last lines go with what went wrong.
const linesKept = 50

// lines are the last ones that the servers of an installation have said since a
// time; none where no log is kept.
func lines(state string, since time.Time) (last []string, err error) {
	err = logfile.Read(logfile.Path(state), logfile.Query{Since: since, Last: linesKept}, func(r logfile.Record) error {
		last = append(last, r.String())
		return nil
	})
	if fault.Is(err, fault.NotFound) {
		err = nil
	}
	return last, err
}
