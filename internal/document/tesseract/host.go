package tesseract

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental/table"
)

// What ends a call of the module early. A host function panics with one of
// them, the runtime unwinds the module's stack and returns it as the error of
// the call that was under way.
var (
	errJump    = errors.New("long jump")           // caught by invoke
	errThrown  = errors.New("C++ exception")       // never caught: built without landing pads
	errExit    = errors.New("module ended itself") // abort, exit, failed assertion
	errPointer = errors.New("module passed a bad address")
	errMissing = errors.New("module lacks this function")
)

// hostKey finds the host of an instance in the context of its calls.
type hostKey struct{}

// host is what one instance sees of the world: some files in memory, and its
// own table of functions.
type host struct {
	// ctx is the context of the call under way with the host inside; the
	// runtime passes it on to the host functions.
	ctx     context.Context
	mod     api.Module
	mem     api.Memory
	exports map[string]api.Function
	invoked map[tableEntry][]api.Function

	files  map[string][]byte
	open   map[uint32]*file
	next   uint32
	clock  int64
	stderr []byte
}

// file is an open file of the instance.
type file struct {
	data []byte
	at   int64
}

// tableEntry is a function of the module's table under one signature.
type tableEntry struct {
	index     uint32
	params    int
	hasResult bool
}

func newHost() *host {
	return &host{
		exports: map[string]api.Function{},
		invoked: map[tableEntry][]api.Function{},
		files:   map[string][]byte{},
		open:    map[uint32]*file{},
		next:    3,
	}
}

// use makes the calls that follow end with ctx.
func (h *host) use(ctx context.Context) { h.ctx = context.WithValue(ctx, hostKey{}, h) }

// bind looks up everything that the host calls.
func (h *host) bind() error {
	if h.mem = h.mod.ExportedMemory(exportNames["memory"]); h.mem == nil {
		return errors.New("module exports no memory")
	}
	for name, letters := range exportNames {
		if name == "memory" {
			continue
		}
		f := h.mod.ExportedFunction(letters)
		if f == nil {
			return fmt.Errorf("module exports no %s", name)
		}
		h.exports[name] = f
	}
	return nil
}

// call runs an exported function and gives its result, 0 when it has none.
func (h *host) call(name string, args ...uint64) (uint64, error) {
	results, err := h.exports[name].Call(h.ctx, args...)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	if len(results) == 0 {
		return 0, nil
	}
	return uint64(uint32(results[0])), nil
}

// copyIn gives the address of a copy of the bytes in the module's memory.
func (h *host) copyIn(data []byte) (uint64, error) {
	at, err := h.call("malloc", uint64(len(data)))
	if err != nil {
		return 0, err
	}
	if at == 0 || !h.mem.Write(uint32(at), data) {
		return 0, errors.New("module is out of memory")
	}
	return at, nil
}

// cString reads up to a NUL; false when there is none within the limit.
func (h *host) cString(at uint32, limit uint32) (string, bool) {
	if size := h.mem.Size(); at >= size {
		return "", false
	} else if limit > size-at {
		limit = size - at
	}
	data, _ := h.mem.Read(at, limit)
	end := bytes.IndexByte(data, 0)
	if end < 0 {
		return "", false
	}
	return string(data[:end]), true
}

// said gives the last line that the module wrote to its standard error.
func (h *host) said() string {
	lines := strings.Split(strings.TrimSpace(string(h.stderr)), "\n")
	return lines[len(lines)-1]
}

// invoke calls an entry of the table and turns a long jump out of it into the
// flag that the caller checks, as the module's JavaScript does. A function
// value is not re-entrant, so each entry has a list of idle ones.
func (h *host) invoke(stack []uint64, paramCount int, hasResult bool) {
	entry := tableEntry{uint32(stack[0]), paramCount, hasResult}
	f := h.idle(entry)
	saved := h.mustCall("stack_get")
	var local [10]uint64
	copy(local[:], stack[1:1+paramCount])
	err := f.CallWithStack(h.ctx, local[:])
	switch {
	case err == nil:
		h.invoked[entry] = append(h.invoked[entry], f)
		if hasResult {
			stack[0] = local[0]
		}
	case errors.Is(err, errJump):
		h.mustCall("stack_restore", saved)
		h.mustCall("set_threw", 1, 0)
		stack[0] = 0
	default:
		panic(err)
	}
}

// idle takes a function value of the entry that no call is using.
func (h *host) idle(entry tableEntry) api.Function {
	if list := h.invoked[entry]; len(list) > 0 {
		h.invoked[entry] = list[:len(list)-1]
		return list[len(list)-1]
	}
	var results []api.ValueType
	if entry.hasResult {
		results = params(1)
	}
	return table.LookupFunction(h.mod, 0, entry.index, params(entry.params), results)
}

// mustCall is call for host functions, which have no error to return.
func (h *host) mustCall(name string, args ...uint64) uint64 {
	result, err := h.call(name, args...)
	if err != nil {
		panic(err)
	}
	return result
}

// hostFunc is one function that the module imports. Its arguments are on the
// stack, i32 ones cleared of what lies above them; its result goes to stack[0].
type hostFunc struct {
	params, results []api.ValueType
	run             func(h *host, stack []uint64)
}

// addHost gives the runtime every function of the name table.
func addHost(ctx context.Context, r wazero.Runtime) error {
	const importModule = "a"
	functions := syscalls()
	builder := r.NewHostModuleBuilder(importModule)
	for name, letters := range importNames {
		f, ok := functions[name]
		if shape, isInvoke := strings.CutPrefix(name, "invoke_"); isInvoke {
			f, ok = invokeFunc(shape), true
		}
		if !ok {
			return fmt.Errorf("no host function %s", name)
		}
		builder.NewFunctionBuilder().WithGoFunction(f.goFunc(), f.params, f.results).Export(letters)
	}
	_, err := builder.Instantiate(ctx)
	return err
}

// invokeFunc reads the signature from emscripten's name: "vii" returns nothing
// and passes two numbers on.
func invokeFunc(shape string) hostFunc {
	f := hostFunc{params: params(len(shape))}
	hasResult := shape[0] == 'i'
	if hasResult {
		f.results = params(1)
	}
	paramCount := len(shape) - 1
	f.run = func(h *host, stack []uint64) { h.invoke(stack, paramCount, hasResult) }
	return f
}

// goFunc finds the host of the call and masks the arguments: the runtime
// leaves the upper half of an i32 undefined.
func (f hostFunc) goFunc() api.GoFunc {
	return func(ctx context.Context, stack []uint64) {
		for i, t := range f.params {
			if t == api.ValueTypeI32 {
				stack[i] = uint64(uint32(stack[i]))
			}
		}
		h, ok := ctx.Value(hostKey{}).(*host)
		if !ok {
			panic(errMissing)
		}
		f.run(h, stack)
	}
}
