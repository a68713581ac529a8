package ops

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/shirou/gopsutil/v4/disk"
	"github.com/shirou/gopsutil/v4/load"
	"github.com/shirou/gopsutil/v4/mem"

	"navidocs/internal/db"
	"navidocs/internal/fault"
)

// lacking are the lines of want that have lacks.
func lacking(want, have string) (missing []string) {
	there := map[string]bool{}
	for line := range strings.Lines(have) {
		there[strings.TrimSuffix(line, "\n")] = true
	}
	for line := range strings.Lines(want) {
		if line = strings.TrimSuffix(line, "\n"); !there[line] {
			missing = append(missing, line)
		}
	}
	return missing
}

// modes: the keys and the papers are their owner's alone.
func (d *Doctor) modes(context.Context) (Finding, error) {
	if runtime.GOOS == "windows" {
		return skip("this system has other rights")
	}
	var open []string
	look := []string{d.Config.DataDir(), d.Config.KeyDir(), d.Config.Backup.Dir}
	if path, ok := d.Config.SQLitePath(); ok {
		look = append(look, path, path+"-wal", path+"-shm")
	}
	keys, err := filepath.Glob(filepath.Join(d.Config.KeyDir(), "*"))
	if err != nil {
		return Finding{}, err
	}
	for _, name := range append(look, keys...) {
		info, err := os.Stat(name)
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			open = append(open, name)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return Finding{}, err
		}
	}
	if len(open) == 0 {
		return pass("keys, database and backups are open to their owner alone")
	}
	f, _ := fail("navidocs doctor --fix, or chmod go= "+strings.Join(open, " "), "others may look into %s", strings.Join(open, ", "))
	if d.Fix {
		err = closeToOthers(open)
		f.Fixed = err == nil
	}
	return f, err
}

func closeToOthers(names []string) error {
	var errs []error
	for _, name := range names {
		info, err := os.Stat(name)
		if err == nil {
			err = os.Chmod(name, info.Mode().Perm()&^0o077)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

const (
	gigabyte = 1 << 30
	fullDisk = 90.0 // percent; memory and load below likewise (operations.md 10)
	fullRAM  = 85.0
	busyCPU  = 0.8
)

// disk: a backup needs room for the database twice, and so does a migration.
func (d *Doctor) disk(ctx context.Context) (Finding, error) {
	u, err := disk.UsageWithContext(ctx, existing(d.Config.DataDir()))
	if err != nil {
		return Finding{}, err
	}
	size := 0.0
	if path, ok := d.Config.SQLitePath(); ok {
		for _, suffix := range []string{"", "-wal"} {
			if info, err := os.Stat(path + suffix); err == nil {
				size += float64(info.Size())
			}
		}
	}
	need := max(gigabyte, uint64(2.2*size))
	switch {
	case u.Free < need:
		return fail("free some room, or navidocs backup prune --keep 3", "%d MB are free, and %d MB are needed for a backup and a migration", u.Free>>20, need>>20)
	case u.UsedPercent > fullDisk:
		return warn("free some room", "the disk is %.0f %% full", u.UsedPercent)
	}
	return pass("%d MB are free, the disk is %.0f %% full", u.Free>>20, u.UsedPercent)
}

// existing is a folder, or the first one above it that is there: before the
// first start there are none of ours.
func existing(dir string) string {
	for {
		if _, err := os.Stat(dir); err == nil || filepath.Dir(dir) == dir {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

func (d *Doctor) memory(ctx context.Context) (Finding, error) {
	m, err := mem.VirtualMemoryWithContext(ctx)
	if err != nil {
		return Finding{}, err
	}
	if used := 100 * (1 - float64(m.Available)/float64(m.Total)); used > fullRAM {
		return warn("stop something else, or give the machine more", "%.0f %% of %d MB of memory are in use", used, m.Total>>20)
	}
	return pass("%d of %d MB of memory are available", m.Available>>20, m.Total>>20)
}

func (d *Doctor) load(ctx context.Context) (Finding, error) {
	l, err := load.AvgWithContext(ctx)
	if err != nil {
		return skip("this system does not tell its load")
	}
	cores := float64(runtime.NumCPU())
	if l.Load5 > busyCPU*cores {
		return warn("look what else runs", "the load of five minutes is %.1f on %.0f cores", l.Load5, cores)
	}
	return pass("the load of five minutes is %.1f on %.0f cores", l.Load5, cores)
}

// clock: rows that come from the future tell that the clock was put back.
// Sessions, schedules and warranties would be wrong.
func (d *Doctor) clock(ctx context.Context) (Finding, error) {
	newest, err := db.One(ctx, d.DB, db.OptionalTime, "SELECT max(at) FROM (SELECT max(at) AS at FROM events UNION ALL SELECT max(at) FROM audit_log UNION ALL SELECT max(last_seen_at) FROM sessions) t")
	if err != nil {
		return Finding{}, err
	}
	now := d.Now()
	if ahead := newest.Sub(now); ahead > 5*time.Minute {
		return fail("set the clock (timedatectl set-ntp true)", "the newest row is %s ahead of this machine's clock, %s UTC", ahead.Round(time.Second), now.UTC().Format(time.DateTime))
	}
	return pass("it is %s UTC, and no row is ahead of that", now.UTC().Format(time.DateTime))
}

// remote file systems on which SQLite's locks and shared memory do not hold.
func remoteKinds() []string {
	return []string{"nfs", "nfs4", "cifs", "smb", "smb2", "smbfs", "9p", "fuse.sshfs", "afs", "ceph", "fuse.glusterfs", "webdav", "fuse.rclone"}
}

// fileSystem: the database is on a local disk that syncs when it is told to.
func (d *Doctor) fileSystem(ctx context.Context) (Finding, error) {
	path, ok := d.Config.SQLitePath()
	if !ok {
		return skip("the database is PostgreSQL's")
	}
	dir := existing(filepath.Dir(path))
	kind, err := fileSystemOf(ctx, dir)
	if err != nil {
		return Finding{}, err
	}
	if slices.Contains(remoteKinds(), kind) {
		return fail("move the data folder to a local disk", "the database is on a network file system (%s), where two processes destroy it", kind)
	}
	f, err := os.CreateTemp(dir, ".navidocs-doctor-*")
	if err != nil {
		return Finding{}, err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // an empty file
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fail("move the data folder to a local disk", "the file system cannot sync: %s", err)
	}
	return pass("a local file system (%s) that syncs", kind)
}

// fileSystemOf finds the mount that a folder lies on.
func fileSystemOf(ctx context.Context, dir string) (string, error) {
	mounts, err := disk.PartitionsWithContext(ctx, true)
	if err != nil {
		return "", err
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return "", err
	}
	kind, longest := "unknown", -1
	for _, m := range mounts {
		rel, err := filepath.Rel(m.Mountpoint, dir)
		if err == nil && filepath.IsLocal(rel) && len(m.Mountpoint) >= longest {
			kind, longest = strings.ToLower(m.Fstype), len(m.Mountpoint)
		}
	}
	return kind, nil
}

func (d *Doctor) sqlite(ctx context.Context) (Finding, error) {
	if d.DB.Engine != db.SQLite {
		return skip("the database is PostgreSQL's")
	}
	version, err := db.One(ctx, d.DB, db.Scalar[string], "SELECT sqlite_version()")
	if err != nil {
		return Finding{}, err
	}
	return pass("SQLite %s, of 3.51.3 or later, as every start asserts", version)
}

func (d *Doctor) database(ctx context.Context) (Finding, error) {
	problems, err := d.DB.Check(ctx, true)
	if err != nil {
		return Finding{}, err
	}
	if len(problems) > 0 {
		return fail("stop the server, then navidocs backup list and navidocs backup restore ID", "%d problems, the first: %s", len(problems), problems[0])
	}
	return pass("its pages and references are sound")
}

// search holds the full-text index against its texts.
func (d *Doctor) search(ctx context.Context) (Finding, error) {
	if d.DB.Engine != db.SQLite {
		return skip("PostgreSQL keeps its indexes itself")
	}
	err := d.DB.Transact(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO search_index (search_index, rank) VALUES ('integrity-check', 1)")
		return err
	})
	if err == nil {
		return pass("the index agrees with the texts")
	}
	if fault.Is(err, fault.Unavailable) || ctx.Err() != nil {
		return Finding{}, err
	}
	f, _ := fail("navidocs doctor --fix", "the index of the search does not agree with the texts: %s", err)
	if d.Fix {
		err = d.DB.Transact(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(ctx, "INSERT INTO search_index (search_index) VALUES ('rebuild')")
			return err
		})
		f.Fixed = err == nil
		return f, err
	}
	return f, nil
}

// bigWAL is the size from which the write-ahead log is too long: somebody reads
// for too long, or nobody checkpoints.
const bigWAL = 64 << 20

func (d *Doctor) wal(ctx context.Context) (Finding, error) {
	if d.DB.Engine != db.SQLite {
		return d.longReaders(ctx)
	}
	info, err := os.Stat(d.DB.Path + "-wal")
	if errors.Is(err, fs.ErrNotExist) {
		return pass("everything is in the database")
	}
	if err != nil {
		return Finding{}, err
	}
	if info.Size() < bigWAL {
		return pass("it has %d KB", info.Size()>>10)
	}
	f, _ := warn("navidocs doctor --fix; if it comes back, something reads for too long", "the write-ahead log has %d MB", info.Size()>>20)
	if d.Fix {
		f.Fixed, err = d.DB.Checkpoint(ctx)
	}
	return f, err
}

func (d *Doctor) longReaders(ctx context.Context) (Finding, error) {
	n, err := db.One(ctx, d.DB, db.Scalar[int], `SELECT count(*) FROM pg_stat_activity
		WHERE datname = current_database() AND xact_start < now() - interval '5 minutes'`)
	if err != nil {
		return Finding{}, err
	}
	if n > 0 {
		return warn("SELECT pid, query FROM pg_stat_activity ORDER BY xact_start", "%d transactions are open for more than five minutes", n)
	}
	return pass("no transaction is open for long")
}

// processes: who has the database's files open must be this program. Another
// SQLite beside ours may be one of those that corrupt a database (3.7.0 to
// 3.51.2, the WAL-reset bug).
func (d *Doctor) processes(context.Context) (Finding, error) {
	if d.DB.Engine != db.SQLite || runtime.GOOS != "linux" {
		return skip("only looked at on Linux, for SQLite")
	}
	own, err := os.Executable()
	if err != nil {
		return Finding{}, err
	}
	links, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return Finding{}, err
	}
	strangers := map[string]bool{}
	for _, link := range links {
		target, err := os.Readlink(link) // never opened: that would drop SQLite's locks
		if err != nil || !slices.Contains([]string{d.DB.Path, d.DB.Path + "-wal", d.DB.Path + "-shm"}, target) {
			continue
		}
		process := filepath.Dir(filepath.Dir(link))
		program, err := os.Readlink(filepath.Join(process, "exe"))
		if err == nil && filepath.Base(strings.TrimSuffix(program, " (deleted)")) != filepath.Base(own) {
			strangers[fmt.Sprintf("%s (process %s)", program, filepath.Base(process))] = true
		}
	}
	if len(strangers) > 0 {
		return fail("end it: nothing but NaviDocs may open the database while it runs; copy with navidocs backup create", "others have the database open: %s", names(strangers))
	}
	return pass("nothing but NaviDocs has the database open")
}

func names(set map[string]bool) string {
	all := make([]string, 0, len(set))
	for name := range set {
		all = append(all, name)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}
