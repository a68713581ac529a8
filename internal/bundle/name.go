package bundle

import (
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"navidocs/internal/fault"
)

// Limits in bytes: Windows opens paths up to 260 characters, of which the folder
// people unpack into takes its part.
const (
	nameLimit   = 120
	folderLimit = 120
	pathLimit   = 200
)

// kind is what is known of a media type.
type kind struct {
	extensions []string // the first is given to names that have none of them
	packed     bool     // compressed already
}

var kinds = map[string]kind{
	"application/pdf":  {[]string{".pdf"}, true},
	"application/zip":  {[]string{".zip"}, true},
	"application/json": {[]string{".json"}, false},
	"application/xml":  {[]string{".xml"}, false},
	"image/jpeg":       {[]string{".jpg", ".jpeg"}, true},
	"image/png":        {[]string{".png"}, true},
	"image/webp":       {[]string{".webp"}, true},
	"image/heic":       {[]string{".heic", ".heif"}, true},
	"image/gif":        {[]string{".gif"}, true},
	"image/tiff":       {[]string{".tif", ".tiff"}, false},
	"text/plain":       {[]string{".txt", ".text", ".log", ".md"}, false},
	"text/csv":         {[]string{".csv"}, false},
	"text/html":        {[]string{".html", ".htm"}, false},
	"text/calendar":    {[]string{".ics"}, false},
	"application/vnd.openxmlformats-officedocument.wordprocessingml.document": {[]string{".docx"}, true},
	"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet":       {[]string{".xlsx"}, true},
}

func known(mediaType string) kind {
	base, _, _ := strings.Cut(mediaType, ";")
	return kinds[strings.ToLower(strings.TrimSpace(base))]
}

// SafeName makes any text a file name that every system takes and shows alike:
//
//   - none of <>:"/\|?* and no controls, no dot or space at either end, and no
//     device of Windows (CON, NUL, COM1, LPT¹, with any extension), which gets an
//     underscore: Microsoft, "Naming Files, Paths, and Namespaces";
//   - composed characters (NFC), since macOS gives names decomposed and others
//     compare bytes; UTF-8, which bit 11 of ZIP's flags announces (APPNOTE 4.4.4);
//   - nothing that is unseen or turns the text around, as in "fdp.exe" for
//     "exe.pdf": format characters, fillers, private use;
//   - at most 120 bytes, cut between characters and before the extension;
//   - the extension of its media type, when that is known here: another type's
//     extension is replaced, anything else after a dot is part of the name.
//
// Without a character left it is "document". A safe name stays as it is.
func SafeName(name, mediaType string) string {
	stem, ext := split(clean(name), mediaType)
	// Once more, since cutting makes ends that were in the middle.
	stem, ext = split(join(stem, ext, nameLimit), mediaType)
	return join(stem, ext, nameLimit)
}

// clean makes the characters safe, and the ends.
func clean(name string) string {
	name = norm.NFC.String(strings.ToValidUTF8(name, "_"))
	name = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r), unicode.Is(unicode.Z, r):
			return ' '
		case unicode.Is(unicode.C, r), unseen(r):
			return -1
		case strings.ContainsRune(`<>:"/\|?*`, r):
			return '_'
		}
		return r
	}, name)
	return trim(norm.NFC.String(strings.Join(strings.Fields(name), " ")))
}

// unseen are characters without a shape that Unicode does not call format.
func unseen(r rune) bool {
	return unicode.In(r, unicode.Variation_Selector, unicode.Noncharacter_Code_Point, unicode.Other_Default_Ignorable_Code_Point)
}

func trim(s string) string { return strings.Trim(s, ". ") }

// split takes the extension off and makes it the media type's.
func split(name, mediaType string) (stem, ext string) {
	ext = path.Ext(name)
	stem = strings.TrimSuffix(name, ext)
	lower := strings.ToLower(ext)
	want := known(mediaType).extensions
	switch {
	case len(want) == 0 && plain(ext):
		return stem, ext
	case len(want) == 0:
		return name, ""
	case slices.Contains(want, lower):
		return stem, lower
	case !anyones(lower):
		return name, want[0]
	}
	if inner := path.Ext(stem); slices.Contains(want, strings.ToLower(inner)) {
		return strings.TrimSuffix(stem, inner), want[0]
	}
	return stem, want[0]
}

func anyones(ext string) bool {
	for _, k := range kinds {
		if slices.Contains(k.extensions, ext) {
			return true
		}
	}
	return false
}

// plain says whether this looks like an extension rather than a sentence's end.
func plain(ext string) bool {
	return len(ext) <= 11 && !strings.ContainsFunc(ext, func(r rune) bool { return r > unicode.MaxASCII || r == ' ' })
}

// join makes a name of at most limit bytes.
func join(stem, ext string, limit int) string {
	stem = trim(cut(trim(stem), limit-len(ext)))
	if stem == "" {
		stem = "document"
	}
	if device(stem) {
		stem = "_" + trim(cut(stem, limit-len(ext)-1))
	}
	return stem + ext
}

// cut keeps whole characters.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}

// device says whether Windows takes the name for one of its devices: it looks
// at what stands before the first dot, and reads ¹²³ as digits.
func device(name string) bool {
	name, _, _ = strings.Cut(name, ".")
	name = strings.ToUpper(strings.TrimRight(name, " "))
	switch name {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$":
		return true
	}
	port := strings.TrimPrefix(strings.TrimPrefix(name, "COM"), "LPT")
	return port != name && utf8.RuneCountInString(port) == 1 && strings.Trim(port, "0123456789¹²³") == ""
}

// Paths gives every file of an archive a path of its own.
type Paths struct {
	taken   map[string]bool   // folded paths of files and folders
	folders map[string]string // from the folded wish to the folder's path
	next    map[string]int    // numbers tried so far, by folded path
}

// NewPaths begins with no path taken but the reserved ones.
func NewPaths(reserved ...string) *Paths {
	p := &Paths{map[string]bool{}, map[string]string{"": ""}, map[string]int{}}
	for _, path := range reserved {
		p.taken[fold(path)] = true
	}
	return p
}

// Take finds the path for a file and keeps it: any folder and name are made safe,
// and a number tells the file from those that have the path already.
func (p *Paths) Take(folder, name, mediaType string) string {
	under := p.folder(folder)
	stem, ext := split(SafeName(name, mediaType), mediaType)
	return p.free(under, stem, ext, min(nameLimit, pathLimit-len(under)))
}

// Keep keeps a path as it stands, or says in plain words why it cannot be: not
// safe on every system, or the same as one before on some of them. Paths that
// Take gave out elsewhere are safe.
func (p *Paths) Keep(full string) error {
	if len(full) > pathLimit {
		return fault.New(fault.Invalid, "the path %.40q... has %d bytes, more than %d", full, len(full), pathLimit)
	}
	parts := strings.Split(full, "/")
	for _, part := range parts {
		if why := unsafe(part); why != "" {
			return fault.New(fault.Invalid, "the path %q is not safe on every system: %s", full, why)
		}
	}
	under := ""
	for _, part := range parts[:len(parts)-1] {
		key := under + "\x00" + fold(part)
		stands, known := p.folders[key]
		if want := under + part + "/"; !known && !p.taken[fold(under+part)] {
			p.folders[key], p.taken[fold(under+part)] = want, true
		} else if stands != want {
			return fault.New(fault.Invalid, "the path %q needs a folder that has another spelling, or is a file, elsewhere in the archive", full)
		}
		under += part + "/"
	}
	if p.taken[fold(full)] {
		return fault.New(fault.Invalid, "the path %q is there twice, or differs from another in ways that some systems do not see", full)
	}
	p.taken[fold(full)] = true
	return nil
}

// unsafe says what is wrong with a part of a path.
func unsafe(part string) string {
	switch {
	case part == "":
		return "it begins or ends with a slash, or has two in a row"
	case part == "." || part == "..":
		return "it leads out of its folder"
	case strings.Contains(part, `\`):
		return "it has a backslash"
	case strings.Contains(part, ":"):
		return "it has a colon, as drives have"
	case device(part):
		return "Windows takes it for a device"
	case len(part) > nameLimit:
		return "a part of it is too long"
	case part != clean(part):
		return "it has characters that are unseen or not allowed, or ends in a dot or space"
	}
	return ""
}

// folder makes each part of a folder's path safe; it ends with a slash unless
// it is the root. What is deeper than the limit allows lands above.
func (p *Paths) folder(wish string) string {
	under := ""
	for part := range strings.SplitSeq(wish, "/") {
		part = clean(part)
		room := folderLimit - len(under) - 1
		if part == "" || room < 16 {
			continue
		}
		key := under + "\x00" + fold(part)
		if _, known := p.folders[key]; !known {
			p.folders[key] = p.free(under, part, "", min(60, room)) + "/"
		}
		under = p.folders[key]
	}
	return under
}

// free numbers a name until its path is nobody's: "a.pdf", then "a (2).pdf".
func (p *Paths) free(under, stem, ext string, limit int) string {
	full := under + join(stem, ext, limit)
	first := fold(full)
	for n := max(2, p.next[first]); p.taken[fold(full)]; n++ {
		mark := " (" + strconv.Itoa(n) + ")"
		full = under + join(join(stem, "", limit-len(ext)-len(mark))+mark, ext, limit)
		p.next[first] = n + 1
	}
	p.taken[fold(full)] = true
	return full
}

// fold is the same for names that some file system takes for one: it goes
// further than any of them does.
func fold(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII }) {
		return strings.ToLower(s) // the same, sooner
	}
	return norm.NFKC.String(cases.Fold().String(strings.ToUpper(norm.NFKD.String(s))))
}
