package logfile

import (
	"io"
	"time"
)

// Start is Open with a disk of the test's own.
func Start(disk io.WriteCloser, now func() time.Time) *File { return start(disk, now, false) }

// MostWaiting is how many bytes wait at most.
const MostWaiting = mostWaiting
