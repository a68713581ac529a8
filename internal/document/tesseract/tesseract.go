// Package tesseract reads the words of a page image with the Tesseract OCR
// engine, compiled to WebAssembly and run in the same process without any
// program to install. The module has no access to files, network or clock; it
// sees the pixels that it is given and the language data that this package
// carries or finds in one folder.
//
// A page that breaks the module breaks one Reader's instance, never the
// caller. Work cannot be interrupted at any instant: cancellation is noticed
// at the progress reports of the module, so a caller that needs a hard
// deadline runs this package in a process that it can kill.
package tesseract

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"image"
	"io"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"navidocs/internal/fault"
)

//go:generate go run ./gen

// memoryPages bounds the memory of one instance: 512 MiB in pages of 64 KiB.
// A page at 200 dpi takes about 50 MiB.
const memoryPages = 8192

//go:embed data/module.wasm.gz
var modulePacked []byte

// Options say where the engine keeps and finds its files.
type Options struct {
	// CacheDir keeps the compiled module between starts; empty compiles it
	// anew each time, which costs about two seconds.
	CacheDir string
	// TessdataDir may hold more languages as <name>.traineddata; a language
	// found there is used instead of the one carried in the binary.
	TessdataDir string
}

// Engine holds the compiled module. It is safe for concurrent use; the
// Readers that it opens are not.
type Engine struct {
	runtime  wazero.Runtime
	cache    wazero.CompilationCache
	compiled wazero.CompiledModule
	data     *tessdata
}

// New checks and compiles the module. The context is kept by the runtime and
// must live as long as the engine.
func New(ctx context.Context, o Options) (_ *Engine, err error) {
	defer fault.Wrap(&err, "tesseract.New")
	module, err := unpackModule()
	if err != nil {
		return nil, err
	}
	e := &Engine{data: newTessdata(o.TessdataDir)}
	defer func() {
		if err != nil {
			err = errors.Join(err, e.Close(ctx))
		}
	}()
	// The interrupting mode of the runtime is left off: it makes the module
	// six times slower.
	config := wazero.NewRuntimeConfig().WithMemoryLimitPages(memoryPages)
	if o.CacheDir != "" {
		if e.cache, err = wazero.NewCompilationCacheWithDir(o.CacheDir); err != nil {
			return nil, err
		}
		config = config.WithCompilationCache(e.cache)
	}
	e.runtime = wazero.NewRuntimeWithConfig(ctx, config)
	if err := addHost(ctx, e.runtime); err != nil {
		return nil, err
	}
	if e.compiled, err = e.runtime.CompileModule(ctx, module); err != nil {
		return nil, err
	}
	return e, nil
}

// unpackModule gives the module when it is the one that the name table was
// made for.
func unpackModule() ([]byte, error) {
	module, err := unpack(modulePacked)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(module)
	if got := hex.EncodeToString(sum[:]); got != moduleSum {
		return nil, fmt.Errorf("module has SHA-256 %s, not %s: run go generate", got, moduleSum)
	}
	return module, nil
}

func unpack(packed []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

// Languages lists what the engine can read, sorted: the languages in the
// binary and those of the folder.
func (e *Engine) Languages() ([]string, error) { return e.data.languages() }

// Recognize reads one image with an instance of its own. Use a Reader for
// several pages of one document.
func (e *Engine) Recognize(ctx context.Context, img *image.Gray, langs []string, dpi int) (string, error) {
	r, err := e.Open(ctx, langs)
	if err != nil {
		return "", err
	}
	page, err := r.Recognize(ctx, img, dpi)
	return page.Text, errors.Join(err, r.Close(ctx))
}

// Close lets go of the module and of its compiled form in memory. No Reader
// may be in use.
func (e *Engine) Close(ctx context.Context) error {
	var errs []error
	if e.runtime != nil {
		errs = append(errs, e.runtime.Close(ctx))
	}
	if e.cache != nil {
		errs = append(errs, e.cache.Close(ctx))
	}
	return errors.Join(errs...)
}

// params repeats the type i32.
func params(n int) []api.ValueType {
	types := make([]api.ValueType, n)
	for i := range types {
		types[i] = api.ValueTypeI32
	}
	return types
}
