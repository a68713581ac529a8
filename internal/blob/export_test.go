package blob

import "io"

// Through puts w before every file that the store writes.
func (d *Disk) Through(w func(io.Writer) io.Writer) { d.through = w }

// Faults of the two stores, for tables of causes.
var DiskError = diskError

// Fault is what the store makes of an error of the service.
func (s *S3) Fault(err error) error { return s.fault(err, "d") }
