// Command gen fetches the OCR module and its language data by package name,
// checks every archive against the committed list of SHA-256 sums, and writes
// the data files and the name table of package tesseract. It needs npm,
// apt-get and dpkg-deb; the build itself needs none of them.
package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

const (
	modulePackage = "tesseract.js-core@7.0.0"
	moduleStem    = "tesseract-core-simd-lstm"
)

// languages are the Debian packages whose data the binary carries.
var languages = []string{"eng", "deu", "fra", "ita", "spa"}

// sums lists the accepted archives as sha256sum prints them.
//
//go:embed sums.txt
var sums string

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "tesseract-gen-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := fetchModule(ctx, dir); err != nil {
		return fmt.Errorf("module: %w", err)
	}
	for _, language := range languages {
		if err := fetchLanguage(ctx, dir, language); err != nil {
			return fmt.Errorf("language %s: %w", language, err)
		}
	}
	return nil
}

// fetchModule writes the module, its licence and the name table.
func fetchModule(ctx context.Context, dir string) error {
	if err := command(ctx, dir, "npm", "pack", "--silent", modulePackage); err != nil {
		return err
	}
	archive, err := checked(dir, "tesseract.js-core-*.tgz")
	if err != nil {
		return err
	}
	files, err := untar(archive, moduleStem+".wasm", moduleStem+".js", "LICENSE")
	if err != nil {
		return err
	}
	module := files[moduleStem+".wasm"]
	n, err := parseGlue(string(files[moduleStem+".js"]))
	if err != nil {
		return err
	}
	sum := sha256.Sum256(module)
	source, err := n.source(hex.EncodeToString(sum[:]))
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile("names.go", source, 0o644),
		os.WriteFile("data/LICENSE.tesseract.js-core", files["LICENSE"], 0o644),
		writeGzip("data/module.wasm.gz", module),
	)
}

// fetchLanguage writes the data of one language and its licence.
func fetchLanguage(ctx context.Context, dir, language string) error {
	name := "tesseract-ocr-" + language
	if err := command(ctx, dir, "apt-get", "download", name); err != nil {
		return err
	}
	if _, err := checked(dir, name+"_*.deb"); err != nil {
		return err
	}
	archives, err := filepath.Glob(filepath.Join(dir, name+"_*.deb"))
	if err != nil {
		return err
	}
	if err := command(ctx, dir, "dpkg-deb", "-x", archives[0], name); err != nil {
		return err
	}
	data, err := readOne(filepath.Join(dir, name, "usr/share/tesseract-ocr/*/tessdata", language+".traineddata"))
	if err != nil {
		return err
	}
	licence, err := readOne(filepath.Join(dir, name, "usr/share/doc", name, "copyright"))
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile("data/LICENSE."+name, licence, 0o644),
		writeGzip("data/"+language+".traineddata.gz", data),
	)
}

func command(ctx context.Context, dir, name string, args ...string) error {
	c := exec.CommandContext(ctx, name, args...)
	c.Dir, c.Stderr = dir, os.Stderr
	if err := c.Run(); err != nil {
		return fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return nil
}

// checked reads the one archive that matches and compares it with the list.
func checked(dir, pattern string) ([]byte, error) {
	data, err := readOne(filepath.Join(dir, pattern))
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(data)
	return data, accepted(sums, pattern, hex.EncodeToString(sum[:]))
}

// accepted looks the sum up among the lines whose file name matches.
func accepted(list, pattern, sum string) error {
	for line := range strings.Lines(list) {
		want, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		if ok, _ := path.Match(pattern, name); ok && want == sum {
			return nil
		}
	}
	return fmt.Errorf("%s: SHA-256 %s is not in sums.txt", pattern, sum)
}

func readOne(pattern string) ([]byte, error) {
	found, err := filepath.Glob(pattern)
	if err != nil {
		return nil, err
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("%s: found %d files, not one", filepath.Base(pattern), len(found))
	}
	return os.ReadFile(found[0])
}

// untar reads the wanted files of a compressed archive, by base name.
func untar(archive []byte, wanted ...string) (map[string][]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for t := tar.NewReader(z); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		data, err := io.ReadAll(t)
		if err != nil {
			return nil, err
		}
		files[path.Base(h.Name)] = data
	}
	for _, name := range wanted {
		if files[name] == nil {
			return nil, fmt.Errorf("no %s in the archive", name)
		}
	}
	return files, nil
}

// writeGzip writes data compressed, without name or time, so that the same
// data gives the same file.
func writeGzip(name string, data []byte) error {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := z.Write(data); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return os.WriteFile(name, b.Bytes(), 0o644)
}
