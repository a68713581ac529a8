package tesseract

import (
	"errors"
	"testing"
)

// started gives an instance to call host functions on.
func started(t *testing.T) *instance {
	t.Helper()
	i, err := setup(t, Options{}).start(t.Context(), []string{"eng"})
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// system runs a host function as the module would and gives what it returns
// or ends with.
func system(h *host, name string, args ...uint64) (result uint64, err error) {
	defer func() {
		if r := recover(); r != nil {
			var ok bool
			if err, ok = r.(error); !ok {
				err = errMissing
			}
		}
	}()
	stack := append(args, 0)
	syscalls()[name].goFunc()(h.ctx, stack)
	return stack[0], nil
}

func TestFilesOfTheModule(t *testing.T) {
	t.Parallel()
	i := started(t)
	i.files["/note"] = []byte("abcdefgh")
	name, err := i.copyIn([]byte("./note\x00"))
	if err != nil {
		t.Fatal(err)
	}
	buf, err := i.copyIn(make([]byte, 256))
	if err != nil {
		t.Fatal(err)
	}
	vector, result := buf+100, buf+120
	i.mem.WriteUint32Le(uint32(vector), uint32(buf))
	i.mem.WriteUint32Le(uint32(vector)+4, 3)
	fd, _ := system(i.host, "syscall_openat", 0, name, 0, 0)
	const end, here, nowhere = 2, 1, 9
	minus := func(n int64) uint64 { return uint64(-n) }
	for _, c := range []struct {
		name string
		args []uint64
		want int32
	}{
		{"syscall_newfstatat", []uint64{0, name, buf + 128, 0}, 0},
		{"syscall_fstat64", []uint64{fd, buf + 128}, 0},
		{"syscall_fstat64", []uint64{99, buf + 128}, -errnoBadFile},
		{"syscall_newfstatat", []uint64{0, name + 3, buf + 128, 0}, -errnoNoEntry},
		{"syscall_openat", []uint64{0, name + 3, 0, 0}, -errnoNoEntry},
		{"fd_read", []uint64{fd, vector, 1, result}, 0},
		{"fd_read", []uint64{99, vector, 1, result}, errnoBadFile},
		{"fd_seek", []uint64{fd, minus(2), end, result}, 0},
		{"fd_seek", []uint64{fd, 1, here, result}, 0},
		{"fd_seek", []uint64{fd, minus(1), 0, result}, errnoInvalid},
		{"fd_seek", []uint64{fd, 0, nowhere, result}, errnoInvalid},
		{"fd_seek", []uint64{99, 0, 0, result}, errnoBadFile},
		{"fd_seek", []uint64{fd, 1 << 40, 0, result}, 0},
		{"fd_read", []uint64{fd, vector, 1, result}, 0},
		{"fd_write", []uint64{2, vector, 1, result}, 0},
		{"fd_close", []uint64{fd}, 0},
		{"fd_read", []uint64{fd, vector, 1, result}, errnoBadFile},
		{"syscall_getcwd", []uint64{buf, 100}, 2},
		{"syscall_ioctl", []uint64{1, 0, 0}, -errnoNoTTY},
		{"environ_sizes_get", []uint64{buf, buf + 4}, 0},
		{"clock_time_get", []uint64{0, 0, buf}, 0},
		{"mmap", make([]uint64, 7), -errnoNoSystem},
		{"resize_heap", []uint64{1}, 1},
		{"resize_heap", []uint64{0xffffffff}, 0},
	} {
		got, err := system(i.host, c.name, c.args...)
		if err != nil || int32(got) != c.want {
			t.Errorf("%s(%v) = %d, %v; want %d", c.name, c.args, int32(got), err, c.want)
		}
	}
	if i.said() == "" {
		t.Error("what the module wrote to standard error was lost")
	}
}

func TestHostEndsWildCalls(t *testing.T) {
	t.Parallel()
	i := started(t)
	const outside = 0xffffff00
	i.open[7] = &file{data: []byte("x")}
	for name, args := range map[string][]uint64{
		"syscall_openat":    {0, outside, 0, 0},
		"syscall_fstat64":   {7, outside},
		"fd_read":           {7, outside, 1, 0},
		"fd_write":          {2, outside, 1, 0},
		"environ_sizes_get": {outside, outside},
		"gmtime":            {0, outside},
	} {
		if _, err := system(i.host, name, args...); !errors.Is(err, errPointer) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, want := range map[string]error{
		"assert_fail": errExit, "abort": errExit, "proc_exit": errExit,
		"cxa_throw": errThrown, "throw_longjmp": errJump, "missing_detect_os": errMissing,
	} {
		if _, err := system(i.host, name, 0, 0, 0, 0); !errors.Is(err, want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEveryImportHasAHostFunction(t *testing.T) {
	t.Parallel()
	functions := syscalls()
	for name := range functions {
		if importNames[name] == "" {
			t.Errorf("no import is named %s", name)
		}
	}
	stack := []uint64{0}
	defer func() {
		if recover() == nil {
			t.Error("a call without a host went through")
		}
	}()
	functions["date_now"].goFunc()(t.Context(), stack)
}
