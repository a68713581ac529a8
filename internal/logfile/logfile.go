// Package logfile keeps what a server says of itself in a file, beside the
// terminal or the supervisor that hears it first, and reads it back.
//
// It guarantees: whoever writes is never held up and never fails, whatever the
// disk does; what could not be kept is counted, and the count is kept as soon as
// something can be; every line of the file is a record (JSON) with a time and a
// level, also where a program died with other words; the file is its owner's
// alone, and old ones go. What is worth saying is none of its business.
package logfile

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/DeRuina/timberjack"

	"navidocs/internal/fault"
)

const (
	rotateMB    = 20             // the file is begun anew when it has grown so long,
	rotateAfter = 24 * time.Hour // or is so old;
	keepFiles   = 40             // so many old ones stay,
	keepDays    = 30             // and for so long

	mostWaiting = 4 << 20  // bytes that wait for the disk at most
	longestLine = 64 << 10 // of which the rest is cut off
	batch       = 64 << 10 // bytes that are written at once, about
)

// Path is the log of an installation whose state lies in a folder.
func Path(stateDir string) string { return filepath.Join(stateDir, "log", "navidocs.log") }

// File takes lines and writes them in the background. Close it.
type File struct {
	now     func() time.Time
	wake    chan struct{}
	stop    chan struct{}
	stopped chan struct{}

	mu      sync.Mutex // guards what follows
	waiting [][]byte
	bytes   int
	lost    int
	busy    bool // something is on its way to the disk
	idle    *sync.Cond
}

// Open begins to keep lines in the file at path, whose folder is made. Several
// files of one process are not for one path.
func Open(path string, now func() time.Time) (_ *File, err error) {
	defer fault.Wrap(&err, "open the log %s", path)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	disk := &timberjack.Logger{
		Filename: path, FileMode: 0o600, MaxSize: rotateMB, RotationInterval: rotateAfter, MaxBackups: keepFiles, MaxAge: keepDays, Compression: "gzip",
	}
	info, err := os.Stat(path)
	f := start(disk, now, err == nil && info.Size() > 0)
	return f, nil
}

// start writes to a disk; torn says that its last line may not have ended.
func start(disk io.WriteCloser, now func() time.Time, torn bool) *File {
	f := &File{now: now, wake: make(chan struct{}, 1), stop: make(chan struct{}), stopped: make(chan struct{})}
	f.idle = sync.NewCond(&f.mu)
	go f.run(disk, torn)
	return f
}

// Stream takes what one source prints, in pieces of any size. Its writes never
// wait for the disk and never fail. One source has one stream: what two sources
// write to one is mixed within lines.
func (f *File) Stream() io.Writer { return &stream{file: f} }

// Flush waits until what was written so far is on its way to the disk, at most
// as long as is said.
func (f *File) Flush(limit time.Duration) {
	late := false
	timer := time.AfterFunc(limit, func() {
		f.mu.Lock()
		late = true
		f.mu.Unlock()
		f.idle.Broadcast()
	})
	defer timer.Stop()
	f.mu.Lock()
	defer f.mu.Unlock()
	for !late && (len(f.waiting) > 0 || f.busy) {
		f.idle.Wait()
	}
}

// Close is Flush for good. A disk that does not take it within the limit is left
// to the end of the process.
func (f *File) Close(limit time.Duration) {
	f.Flush(limit)
	close(f.stop)
	select {
	case <-f.stopped:
	case <-time.After(limit):
	}
}

// put queues a line, or counts it as lost.
func (f *File) put(line []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.bytes+len(line) > mostWaiting {
		f.lost++
		return
	}
	f.waiting, f.bytes = append(f.waiting, line), f.bytes+len(line)
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// take is what is written next, and how many lines that is.
func (f *File) take() (text []byte, lines int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lost > 0 && len(f.waiting) > 0 {
		text = append(f.record(slog.LevelWarn, "log lines were lost", slog.Int("lines", f.lost)), '\n')
	}
	for lines < len(f.waiting) && len(text) < batch {
		text = append(append(text, f.waiting[lines]...), '\n')
		f.bytes -= len(f.waiting[lines])
		lines++
	}
	f.waiting = f.waiting[lines:]
	f.busy = lines > 0
	if !f.busy {
		f.waiting = nil
		f.idle.Broadcast()
	}
	return text, lines
}

// run writes until Close.
func (f *File) run(disk io.WriteCloser, torn bool) {
	defer close(f.stopped)
	defer disk.Close() //nolint:errcheck // nobody is left to tell
	for {
		select {
		case <-f.wake:
		case <-f.stop:
			return
		}
		for {
			f.mu.Lock()
			told := f.lost
			f.mu.Unlock()
			text, lines := f.take()
			if lines == 0 {
				break
			}
			if torn {
				text = append([]byte{'\n'}, text...)
			}
			n, err := disk.Write(text)
			torn = err != nil && (torn || n > 0)
			f.mu.Lock()
			if err != nil {
				f.lost += lines
			} else {
				f.lost -= told
			}
			f.mu.Unlock()
		}
	}
}

// record is a line of our own.
func (f *File) record(level slog.Level, msg string, attrs ...slog.Attr) []byte {
	m := map[string]any{slog.TimeKey: f.now().UTC().Format(time.RFC3339Nano), slog.LevelKey: level.String(), slog.MessageKey: msg}
	for _, a := range attrs {
		m[a.Key] = a.Value.Any()
	}
	line, err := json.Marshal(m)
	if err != nil {
		return nil // strings and numbers always can be
	}
	return line
}

// stream makes lines of what one source prints.
type stream struct {
	file *File

	mu    sync.Mutex
	part  []byte
	dying bool // a panic has begun, and the lines that follow belong to it
}

// Write implements io.Writer. It never fails.
func (s *stream) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for rest := b; ; {
		line, after, ended := bytes.Cut(rest, []byte{'\n'})
		s.part = append(s.part, line[:min(len(line), longestLine-len(s.part))]...)
		if !ended {
			return len(b), nil
		}
		s.end()
		rest = after
	}
}

func (s *stream) end() {
	line := bytes.TrimRight(s.part, "\r")
	s.part = nil
	if len(bytes.TrimSpace(line)) == 0 {
		return
	}
	if _, ok := parseJSON(line); ok {
		s.dying = false
		s.file.put(line)
		return
	}
	text := strings.ToValidUTF8(string(line), "?")
	s.dying = s.dying || looksDying(text)
	level := slog.LevelInfo
	if s.dying {
		level = slog.LevelError
	}
	s.file.put(s.file.record(level, text))
}
