package tesseract

import (
	"fmt"
	"path"

	"github.com/tetratelabs/wazero/api"
)

// Error numbers of WASI, which emscripten uses everywhere: negative from the
// system calls, positive from the fd_ functions.
const (
	errnoBadFile  = 8
	errnoInvalid  = 28
	errnoNoEntry  = 44
	errnoNoSystem = 52
	errnoNoTTY    = 59
)

// stderrLimit bounds what is kept of the module's complaints.
const stderrLimit = 4096

const (
	i32 = api.ValueTypeI32
	i64 = api.ValueTypeI64
	f64 = api.ValueTypeF64
)

// syscalls gives the host functions by their names in the name table, all but
// the invoke_ family. The module sees read-only files, a clock that only
// counts, no environment and no terminal.
func syscalls() map[string]hostFunc {
	one := params(1)
	fails := func(n int, errno int32) hostFunc {
		return hostFunc{params(n), one, func(_ *host, s []uint64) { s[0] = errnoResult(errno) }}
	}
	ends := func(n int, err error) hostFunc {
		return hostFunc{params(n), nil, func(*host, []uint64) { panic(err) }}
	}
	missing := func(n int) hostFunc {
		return hostFunc{params(n), one, func(*host, []uint64) { panic(errMissing) }}
	}
	return map[string]hostFunc{
		"missing_get_osd_text":              missing(2),
		"missing_detect_os":                 missing(2),
		"missing_clear_adaptive_classifier": {one, nil, ignore},
		"missing_print_scores":              {one, nil, ignore},

		"assert_fail":   {params(4), nil, (*host).assertFail},
		"cxa_throw":     ends(3, errThrown),
		"throw_longjmp": ends(0, errJump),
		"abort":         ends(0, fmt.Errorf("%w: abort", errExit)),
		"proc_exit":     ends(1, errExit),

		"syscall_fcntl64":    {params(3), one, zero},
		"syscall_fstat64":    {params(2), one, (*host).fstat},
		"syscall_getcwd":     {params(2), one, (*host).getcwd},
		"syscall_ioctl":      fails(3, -errnoNoTTY),
		"syscall_newfstatat": {params(4), one, (*host).statAt},
		"syscall_openat":     {params(4), one, (*host).openAt},
		"syscall_rmdir":      fails(1, -errnoNoEntry),
		"syscall_unlinkat":   fails(3, -errnoNoEntry),
		"mmap":               {[]api.ValueType{i32, i32, i32, i32, i64, i32, i32}, one, noSystem},
		"munmap":             {[]api.ValueType{i32, i32, i32, i32, i32, i64}, one, noSystem},
		"fd_close":           {one, one, (*host).close},
		"fd_read":            {params(4), one, (*host).read},
		"fd_seek":            {[]api.ValueType{i32, i64, i32, i32}, one, (*host).seek},
		"fd_write":           {params(4), one, (*host).write},

		"environ_get":         {params(2), one, zero},
		"environ_sizes_get":   {params(2), one, (*host).environSizes},
		"load_embedded_files": {one, nil, ignore},
		"resize_heap":         {one, one, (*host).resizeHeap},
		"asm_const_int":       {params(3), one, (*host).progress},

		"clock_time_get": {[]api.ValueType{i32, i64, i32}, one, (*host).clockTime},
		"date_now":       {nil, []api.ValueType{f64}, (*host).dateNow},
		"gmtime":         {[]api.ValueType{i64, i32}, nil, (*host).brokenDownTime},
		"localtime":      {[]api.ValueType{i64, i32}, nil, (*host).brokenDownTime},
		"mktime":         {one, []api.ValueType{i64}, zero},
		"tzset":          {params(4), nil, ignore},
	}
}

func errnoResult(errno int32) uint64 { return uint64(uint32(errno)) }

func ignore(*host, []uint64) {}

func zero(_ *host, s []uint64) { s[0] = 0 }

func noSystem(_ *host, s []uint64) { s[0] = errnoResult(-errnoNoSystem) }

// check ends the call when an address lies outside the module's memory.
func check(ok bool) {
	if !ok {
		panic(errPointer)
	}
}

func (h *host) assertFail(s []uint64) {
	text, _ := h.cString(uint32(s[0]), 1024)
	panic(fmt.Errorf("%w: assertion failed: %s", errExit, text))
}

// progress is the module's report of how far it is: the one place where work
// on a page can end because nobody waits for it any more.
func (h *host) progress(s []uint64) {
	if err := h.ctx.Err(); err != nil {
		panic(err)
	}
	s[0] = 0
}

// path resolves a name of the module, whose folder is always the root.
func (h *host) path(at uint32) string {
	name, ok := h.cString(at, 4096)
	check(ok)
	return path.Join("/", name)
}

func (h *host) openAt(s []uint64) {
	data, ok := h.files[h.path(uint32(s[1]))]
	if !ok {
		s[0] = errnoResult(-errnoNoEntry)
		return
	}
	fd := h.next
	h.next++
	h.open[fd] = &file{data: data}
	s[0] = uint64(fd)
}

func (h *host) statAt(s []uint64) {
	data, ok := h.files[h.path(uint32(s[1]))]
	if !ok {
		s[0] = errnoResult(-errnoNoEntry)
		return
	}
	h.writeStat(uint32(s[2]), len(data))
	s[0] = 0
}

func (h *host) fstat(s []uint64) {
	f := h.open[uint32(s[0])]
	if f == nil {
		s[0] = errnoResult(-errnoBadFile)
		return
	}
	h.writeStat(uint32(s[1]), len(f.data))
	s[0] = 0
}

// writeStat fills emscripten's struct stat for a read-only file.
func (h *host) writeStat(at uint32, size int) {
	const length, mode, fileSize, readOnlyFile = 96, 4, 24, 0o100444
	check(h.mem.Write(at, make([]byte, length)))
	check(h.mem.WriteUint32Le(at+mode, readOnlyFile))
	check(h.mem.WriteUint64Le(at+fileSize, uint64(size)))
}

func (h *host) getcwd(s []uint64) {
	check(h.mem.Write(uint32(s[0]), []byte("/\x00")))
	s[0] = 2
}

func (h *host) close(s []uint64) {
	delete(h.open, uint32(s[0]))
	s[0] = 0
}

func (h *host) read(s []uint64) {
	f := h.open[uint32(s[0])]
	if f == nil {
		s[0] = errnoBadFile
		return
	}
	total := uint32(0)
	h.vectors(uint32(s[1]), uint32(s[2]), func(buffer []byte) bool {
		n := copy(buffer, f.data[min(f.at, int64(len(f.data))):])
		f.at += int64(n)
		total += uint32(n)
		return n == len(buffer)
	})
	check(h.mem.WriteUint32Le(uint32(s[3]), total))
	s[0] = 0
}

// write keeps the tail of what goes to standard error and drops the rest.
func (h *host) write(s []uint64) {
	const stderr = 2
	total := uint32(0)
	h.vectors(uint32(s[1]), uint32(s[2]), func(buffer []byte) bool {
		total += uint32(len(buffer))
		if s[0] == stderr {
			h.stderr = append(h.stderr, buffer...)
			h.stderr = h.stderr[max(0, len(h.stderr)-stderrLimit):]
		}
		return true
	})
	check(h.mem.WriteUint32Le(uint32(s[3]), total))
	s[0] = 0
}

// vectors visits the buffers of a scatter list until one is not done.
func (h *host) vectors(at, count uint32, each func([]byte) bool) {
	for ; count > 0; count-- {
		start, ok := h.mem.ReadUint32Le(at)
		check(ok)
		length, ok := h.mem.ReadUint32Le(at + 4)
		check(ok)
		buffer, ok := h.mem.Read(start, length)
		check(ok)
		if !each(buffer) {
			return
		}
		at += 8
	}
}

func (h *host) seek(s []uint64) {
	f := h.open[uint32(s[0])]
	if f == nil {
		s[0] = errnoBadFile
		return
	}
	to := int64(s[1])
	switch s[2] {
	case 0:
	case 1:
		to += f.at
	case 2:
		to += int64(len(f.data))
	default:
		to = -1
	}
	if to < 0 {
		s[0] = errnoInvalid
		return
	}
	f.at = to
	check(h.mem.WriteUint64Le(uint32(s[3]), uint64(to)))
	s[0] = 0
}

func (h *host) environSizes(s []uint64) {
	check(h.mem.WriteUint32Le(uint32(s[0]), 0))
	check(h.mem.WriteUint32Le(uint32(s[1]), 0))
	s[0] = 0
}

// resizeHeap grows the memory to the wanted size and a fifth more, so that a
// growing heap is not copied at every step.
func (h *host) resizeHeap(s []uint64) {
	const page = 65536
	want, size := uint64(uint32(s[0])), uint64(h.mem.Size())
	s[0] = 1
	for _, to := range []uint64{max(want, size+size/5), want} {
		if to <= size {
			return
		}
		if _, ok := h.mem.Grow(uint32((to - size + page - 1) / page)); ok {
			return
		}
	}
	s[0] = 0
}

// tick is the module's time: microseconds that pass only when it looks. What
// the engine reads is the same on every run, and it learns nothing of the host.
func (h *host) tick() int64 {
	h.clock++
	return h.clock
}

func (h *host) clockTime(s []uint64) {
	check(h.mem.WriteUint64Le(uint32(s[2]), uint64(h.tick()*1000)))
	s[0] = 0
}

func (h *host) dateNow(s []uint64) { s[0] = api.EncodeF64(float64(h.tick()) / 1000) }

func (h *host) brokenDownTime(s []uint64) {
	const tmLength = 44
	check(h.mem.Write(uint32(s[1]), make([]byte, tmLength)))
}
