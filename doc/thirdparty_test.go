package doc_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// dependency is a module that is linked or tested with.
type dependency struct {
	Path, Dir string
	Indirect  bool
}

func TestThirdParty(t *testing.T) {
	t.Parallel()
	shipped, direct := shippedModules(t), directModules(t)
	var b strings.Builder
	b.WriteString(thirdPartyHead)
	table := func(modules map[string]dependency) {
		b.WriteString("\n| module | licence |\n| --- | --- |\n")
		for _, path := range slices.Sorted(maps.Keys(modules)) {
			fmt.Fprintf(&b, "| %s | %s |\n", path, licence(t, modules[path].Dir))
		}
	}
	b.WriteString("\n## Linked into the binary, required directly\n")
	table(keep(shipped, func(d dependency) bool { return !d.Indirect }))
	b.WriteString("\n## Linked into the binary through others\n")
	table(keep(shipped, func(d dependency) bool { return d.Indirect }))
	b.WriteString("\n## Not shipped: for tests and for drawing the papers of the demo\n")
	table(keep(direct, func(d dependency) bool { _, linked := shipped[d.Path]; return !linked }))
	b.WriteString(embedded)
	golden(t, "../THIRD_PARTY.md", b.String())
}

const thirdPartyHead = `# Third-party software

NaviDocs itself is under the Apache License 2.0 (LICENSE). It is built with the
modules below; their versions stand in go.mod. This page is generated
(` + "`go test ./doc -run TestThirdParty -update`" + `).
`

const embedded = `
## Embedded in the binary as data

| what | where | licence |
| --- | --- | --- |
| Tesseract compiled to WebAssembly (tesseract.js-core 7.0.0; contains Leptonica, BSD-2-Clause) | internal/document/tesseract/data/module.wasm.gz | Apache-2.0: data/LICENSE.tesseract.js-core |
| recognition data for English (tessdata_fast) | internal/document/tesseract/data/eng.traineddata.gz | Apache-2.0: data/LICENSE.tesseract-ocr-eng |
| recognition data for German (tessdata_fast) | internal/document/tesseract/data/deu.traineddata.gz | Apache-2.0: data/LICENSE.tesseract-ocr-deu |
| recognition data for French (tessdata_fast) | internal/document/tesseract/data/fra.traineddata.gz | Apache-2.0: data/LICENSE.tesseract-ocr-fra |
| recognition data for Italian (tessdata_fast) | internal/document/tesseract/data/ita.traineddata.gz | Apache-2.0: data/LICENSE.tesseract-ocr-ita |
| recognition data for Spanish (tessdata_fast) | internal/document/tesseract/data/spa.traineddata.gz | Apache-2.0: data/LICENSE.tesseract-ocr-spa |
| DejaVu Sans, regular, bold and mono (Debian's fonts-dejavu-core 2.37) | internal/sheet/fonts/DejaVuSans.ttf.gz, DejaVuSans-Bold.ttf.gz, DejaVuSansMono.ttf.gz | Bitstream Vera, Arev and public domain: fonts/LICENSE.DejaVu |
| Droid Sans Fallback (Debian's fonts-droid-fallback 6.0.1r16) | internal/sheet/fonts/DroidSansFallback.ttf.gz | Apache-2.0: fonts/LICENSE.DroidSansFallback |
| PDFium compiled to WebAssembly | inside github.com/klippa-app/go-pdfium | BSD-3-Clause and Apache-2.0 |
| SQLite, translated to Go | inside modernc.org/sqlite | public domain |
`

// TestEmbeddedLicences: whatever the recognizer and the sheets embed has its
// licence beside it and a line in THIRD_PARTY.md.
func TestEmbeddedLicences(t *testing.T) {
	t.Parallel()
	const recognizer, sheets = "../internal/document/tesseract/data/", "../internal/sheet/fonts/"
	for _, pattern := range []string{recognizer + "*.gz", recognizer + "LICENSE.*", sheets + "*.gz", sheets + "LICENSE.*"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatal(files, err)
		}
		for _, f := range files {
			if !strings.Contains(embedded, filepath.Base(f)) {
				t.Errorf("%s is not in the list of embedded data", f)
			}
		}
	}
}

// shippedModules is what is linked on any system that is released for.
func shippedModules(t *testing.T) map[string]dependency {
	t.Helper()
	all := map[string]dependency{}
	for _, system := range []string{"linux", "darwin", "windows"} {
		type pkg struct{ Module *dependency }
		for _, p := range golist[pkg](t, system, "-deps", "-json=Module", "./cmd/navidocs") {
			if p.Module != nil && p.Module.Path != "navidocs" {
				all[p.Module.Path] = *p.Module
			}
		}
	}
	return all
}

// directModules is what go.mod requires by itself.
func directModules(t *testing.T) map[string]dependency {
	t.Helper()
	download := exec.CommandContext(t.Context(), "go", "mod", "download") // those of tests may not be here yet
	download.Dir = ".."
	if out, err := download.CombinedOutput(); err != nil {
		t.Fatalf("go mod download: %v\n%s", err, out)
	}
	all := map[string]dependency{}
	type module struct {
		dependency
		Main bool
	}
	for _, m := range golist[module](t, "linux", "-m", "-json", "all") {
		if !m.Main && !m.Indirect {
			all[m.Path] = m.dependency
		}
	}
	return all
}

func golist[T any](t *testing.T, system string, args ...string) []T {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list"}, args...)...)
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+system)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %v: %v", args, err)
	}
	var all []T
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var one T
		if err := d.Decode(&one); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, one)
	}
}

func keep(all map[string]dependency, want func(dependency) bool) map[string]dependency {
	kept := maps.Clone(all)
	maps.DeleteFunc(kept, func(_ string, d dependency) bool { return !want(d) })
	return kept
}

// licence names the licences in a module's folder by their words. A text that
// nobody here has met fails the test, so that somebody reads it.
func licence(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "LICENSE*"))
	if err != nil || len(files) == 0 {
		t.Errorf("%s has no licence", dir)
		return "?"
	}
	// A folder of that name (REUSE) holds those of code taken from elsewhere.
	files = slices.DeleteFunc(files, func(f string) bool { return filepath.Base(f) == "LICENSES" })
	taken, err := filepath.Glob(filepath.Join(dir, "LICENSES", "*"))
	if err != nil {
		t.Fatal(err)
	}
	files = append(files, taken...)
	named := map[string]bool{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range licences() {
			if l.words.Match(text) && (l.not == nil || !l.not.Match(text)) {
				named[l.name] = true
			}
		}
	}
	if len(named) == 0 {
		t.Errorf("%s: nobody knows this licence; read it and add it here", dir)
	}
	return strings.Join(slices.Sorted(maps.Keys(named)), " and ")
}

// form is how a licence is known.
type form struct {
	name       string
	words, not *regexp.Regexp
}

func licences() []form {
	words := func(s string) *regexp.Regexp {
		return regexp.MustCompile(`(?i)` + strings.ReplaceAll(s, " ", `\s+`))
	}
	redistribution, endorse := words("redistribution and use in source and binary forms"), words("(endorse or promote products)")
	return []form{
		// Either of both, as the user chooses: the second is BSD-3-Clause (edl-v10).
		{"EPL-2.0 or EDL-1.0 (BSD-3-Clause)", words("Eclipse Public License v2.0 and Eclipse Distribution License v1.0"), nil},
		{"Apache-2.0", words("apache license,? (version )?2.0|apache license version 2.0|licenses/LICENSE-2.0"), nil},
		{"MPL-2.0", words("mozilla public license,? version 2.0"), nil},
		{"MIT", words("permission is hereby granted, free of charge, to any person"), nil},
		{"ISC", words("permission to use, copy, modify, and(/or)? distribute this software"), nil},
		{"BSD-3-Clause", words(`(?s:redistribution and use in source and binary forms.*endorse or promote products)`), nil},
		{"BSD-2-Clause", redistribution, endorse},
		{"public domain", words("(dedicated to|in) the public domain"), nil},
		{"CC0-1.0", words("CC0 1.0 Universal"), nil},
	}
}
