package tesseract

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
)

const (
	trained = ".traineddata"
	// dataLimit bounds one language file; the largest official one is under
	// 30 MiB.
	dataLimit = 64 << 20
)

//go:embed data/*.traineddata.gz
var carried embed.FS

// languageName is what may become part of a file name and of the "+" list.
var languageName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{1,31}$`)

// tessdata finds language data in a folder, then in the binary.
type tessdata struct {
	dir string

	mu     sync.Mutex
	loaded map[string][]byte // guarded by mu
}

func newTessdata(dir string) *tessdata {
	return &tessdata{dir: dir, loaded: map[string][]byte{}}
}

// languages lists the names of all data, sorted.
func (t *tessdata) languages() ([]string, error) {
	found := map[string]bool{}
	files, err := carried.ReadDir("data")
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		found[strings.TrimSuffix(f.Name(), trained+".gz")] = true
	}
	if t.dir != "" {
		files, err = os.ReadDir(t.dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		for _, f := range files {
			if name, ok := strings.CutSuffix(f.Name(), trained); ok && readable(name) {
				found[name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found)), nil
}

// readable tells languages from the data for layout alone.
func readable(name string) bool {
	return languageName.MatchString(name) && name != "osd" && name != "equ"
}

// load gives the data of one language; it stays in memory for the next one
// who asks.
func (t *tessdata) load(language string) ([]byte, error) {
	if !languageName.MatchString(language) {
		return nil, fmt.Errorf("%q is not a language name", language)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if data := t.loaded[language]; data != nil {
		return data, nil
	}
	data, err := t.read(language)
	if err != nil {
		return nil, fmt.Errorf("language %s: %w", language, err)
	}
	t.loaded[language] = data
	return data, nil
}

func (t *tessdata) read(language string) ([]byte, error) {
	if t.dir != "" {
		data, err := readLimited(filepath.Join(t.dir, language+trained))
		if !errors.Is(err, fs.ErrNotExist) {
			return data, err
		}
	}
	packed, err := carried.ReadFile("data/" + language + trained + ".gz")
	if err != nil {
		return nil, err
	}
	return unpack(packed)
}

func readLimited(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, dataLimit+1))
	if err != nil {
		return nil, err
	}
	if len(data) > dataLimit {
		return nil, fmt.Errorf("%s is larger than %d MiB", filepath.Base(name), dataLimit>>20)
	}
	return data, nil
}
