package main

import (
	"bytes"
	"fmt"
	"go/format"
	"regexp"
	"sort"
	"strings"
)

// names is what the minified glue calls the things that the host needs:
// from the host's own name to the letters of one exact module.
type names struct {
	imports map[string]string
	exports map[string]string
}

// fingerprint recognises one import by a piece of JavaScript that only its
// body contains.
type fingerprint struct {
	name string
	has  string
}

// fingerprints lists every import of the module save the invoke_ family, which
// is recognised by its shape.
var fingerprints = []fingerprint{
	{"missing_get_osd_text", "TessBaseAPI10GetOsdText"},
	{"missing_clear_adaptive_classifier", "TessBaseAPI23ClearAdaptiveClassifier"},
	{"missing_detect_os", "TessBaseAPI8DetectOS"},
	{"missing_print_scores", "OSResults12print_scores"},
	{"assert_fail", "Assertion failed: "},
	{"cxa_throw", "(b,c);La=a;"},
	{"syscall_fcntl64", "case 13:case 14:return 0"},
	{"syscall_fstat64", ".fstat(a)"},
	{"syscall_getcwd", "return-68"},
	{"syscall_ioctl", "case 21509:"},
	{"syscall_newfstatat", ".lstat(b)"},
	{"syscall_openat", ".open(b,c,f).fd"},
	{"syscall_rmdir", ".rmdir(a),0"},
	{"syscall_unlinkat", "512===c"},
	{"abort", `()=>r("")`},
	{"load_embedded_files", ".subarray(d,d+c)"},
	{"throw_longjmp", "throw Infinity"},
	{"gmtime", ".getUTCSeconds()"},
	{"localtime", ".getFullYear()-1900"},
	{"mktime", "isNaN(a)?-1:a/1E3"},
	{"mmap", "p[k>>2]=t"},
	{"munmap", ".slice(a,a+b)"},
	{"tzset", "`UTC${"},
	{"clock_time_get", "performance.now()"},
	{"asm_const_int", "105!=d"},
	{"date_now", "()=>Date.now()"},
	{"resize_heap", ".grow(d)"},
	{"environ_get", ",Infinity)+1"},
	{"environ_sizes_get", "=c.length;a=0"},
	{"proc_exit", "onExit"},
	{"fd_close", ".close(b)"},
	{"fd_read", ".read(f,g,m,u,h)"},
	{"fd_seek", "isNaN(b)"},
	{"fd_write", ".write(f,g,m,u,h)"},
}

// wantedExports are the functions of the module that the host calls, by the
// name that the glue publishes them under.
var wantedExports = map[string]string{
	"malloc":     "malloc",
	"free":       "free",
	"new":        "emscripten_bind_TessBaseAPI_TessBaseAPI_0",
	"init":       "emscripten_bind_TessBaseAPI_Init_3",
	"set":        "emscripten_bind_TessBaseAPI_SetVariable_2",
	"set_image":  "emscripten_bind_TessBaseAPI_SetImage_5",
	"resolution": "emscripten_bind_TessBaseAPI_SetSourceResolution_1",
	"recognize":  "emscripten_bind_TessBaseAPI_Recognize_1",
	"text":       "emscripten_bind_TessBaseAPI_GetUTF8Text_0",
	"confidence": "emscripten_bind_TessBaseAPI_MeanTextConf_0",
	"clear":      "emscripten_bind_TessBaseAPI_Clear_0",
}

var (
	importObject = regexp.MustCompile(`\{a:(\w+)\};if\(\w+\.instantiateWasm`)
	plainName    = regexp.MustCompile(`^\w+$`)
	wiring       = regexp.MustCompile(`(\w+)=\w+\.exports;\w+=\w+\.([\w$]+);\w+\(\);\w+=\w+\.([\w$]+);`)
	invokeBody   = regexp.MustCompile(`^var \w=(\w+)\(\);try\{(return )?\w+\(a\)\(([\w,]*)\)\}catch\(\w\)\{(\w+)\(\w\);if\(.*?\)throw \w;(\w+)\(1,0\)$`)
)

// parseGlue finds the names in the JavaScript that comes with the module.
func parseGlue(source string) (names, error) {
	js := strings.NewReplacer("\n", "", "\r", "").Replace(source)
	n := names{imports: map[string]string{}, exports: map[string]string{}}
	object := importObject.FindStringSubmatch(js)
	if object == nil {
		return n, fmt.Errorf("no import object in the glue")
	}
	entries, err := objectEntries(js, object[1]+"={")
	if err != nil {
		return n, err
	}
	for _, e := range entries {
		name, err := importName(js, e.body, n.exports)
		if err != nil {
			return n, fmt.Errorf("import %q: %w", e.key, err)
		}
		if other, taken := n.imports[name]; taken {
			return n, fmt.Errorf("imports %q and %q both look like %s", other, e.key, name)
		}
		n.imports[name] = e.key
	}
	return n, n.findExports(js)
}

// findExports adds the memory, the constructors and the wanted functions.
func (n names) findExports(js string) error {
	w := wiring.FindStringSubmatch(js)
	if w == nil {
		return fmt.Errorf("no wiring of memory and table in the glue")
	}
	n.exports["memory"] = w[2]
	start := regexp.MustCompile(`noFSInit\|\|.*?` + regexp.QuoteMeta(w[1]) + `\.([\w$]+)\(\)`).FindStringSubmatch(js)
	if start == nil {
		return fmt.Errorf("no call of the constructors in the glue")
	}
	n.exports["constructors"] = start[1]
	for name, published := range wantedExports {
		m := regexp.MustCompile(`\._` + published + `=\w+=\w+\.([\w$]+)`).FindStringSubmatch(js)
		if m == nil {
			return fmt.Errorf("no export %s in the glue", published)
		}
		n.exports[name] = m[1]
	}
	return nil
}

// importName recognises one import; the functions that the invoke_ family
// relies on are added to exports on the way.
func importName(js, body string, exports map[string]string) (string, error) {
	if plainName.MatchString(body) {
		return invokeName(js, body, exports)
	}
	found := ""
	for _, f := range fingerprints {
		if !strings.Contains(body, f.has) {
			continue
		}
		if found != "" {
			return "", fmt.Errorf("looks like %s and like %s", found, f.name)
		}
		found = f.name
	}
	if found == "" {
		return "", fmt.Errorf("unknown body %.80q", body)
	}
	return found, nil
}

// invokeName gives the emscripten name of a function that calls an entry of
// the table, such as invoke_vii, from its arguments and its return.
func invokeName(js, function string, exports map[string]string) (string, error) {
	m := regexp.MustCompile(`function ` + function + `\([\w,]*\)\{(.*?Jh\(1,0\))\}`).FindStringSubmatch(js)
	if m == nil {
		return "", fmt.Errorf("no function %s", function)
	}
	b := invokeBody.FindStringSubmatch(m[1])
	if b == nil {
		return "", fmt.Errorf("function %s does not look like an invoke", function)
	}
	for role, local := range map[string]string{"stack_get": b[1], "stack_restore": b[4], "set_threw": b[5]} {
		e := regexp.MustCompile(`[;,}]` + local + `=c\.([\w$]+)`).FindStringSubmatch(js)
		if e == nil {
			return "", fmt.Errorf("no export behind %s", local)
		}
		exports[role] = e[1]
	}
	result := "v"
	if b[2] != "" {
		result = "i"
	}
	return "invoke_" + result + strings.Repeat("i", strings.Count(b[3], ",")+1), nil
}

// entry is one member of a JavaScript object literal.
type entry struct{ key, body string }

// objectEntries splits the object literal that starts at the opening text.
func objectEntries(js, opening string) ([]entry, error) {
	at := strings.Index(js, opening)
	if at < 0 {
		return nil, fmt.Errorf("no %q in the glue", opening)
	}
	var entries []entry
	rest := js[at+len(opening):]
	for {
		end := memberEnd(rest)
		if end < 0 {
			return nil, fmt.Errorf("object %q does not end", opening)
		}
		key, body, ok := strings.Cut(rest[:end], ":")
		if !ok {
			return nil, fmt.Errorf("member %.40q has no key", rest[:end])
		}
		entries = append(entries, entry{key, body})
		if rest[end] == '}' {
			return entries, nil
		}
		rest = rest[end+1:]
	}
}

// memberEnd gives the place of the comma or brace that ends a member.
func memberEnd(js string) int {
	depth := 0
	for i := 0; i < len(js); i++ {
		switch c := js[i]; c {
		case '"', '\'', '`':
			length := strings.IndexByte(js[i+1:], c)
			if length < 0 {
				return -1
			}
			i += length + 1
		case '{', '(', '[':
			depth++
		case '}', ')', ']':
			if depth == 0 {
				return i
			}
			depth--
		case ',':
			if depth == 0 {
				return i
			}
		}
	}
	return -1
}

// source writes the names as a Go file.
func (n names) source(moduleSum string) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("// Code generated by gen; DO NOT EDIT.\n\npackage tesseract\n\n")
	fmt.Fprintf(&b, "// moduleSum is the SHA-256 of the one module that these names belong to.\nconst moduleSum = %q\n\n", moduleSum)
	b.WriteString("// importNames gives the module's letters for what it asks of its host.\n")
	writeMap(&b, "importNames", n.imports)
	b.WriteString("// exportNames gives the module's letters for what the host calls.\n")
	writeMap(&b, "exportNames", n.exports)
	return format.Source(b.Bytes())
}

func writeMap(b *bytes.Buffer, name string, m map[string]string) {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	fmt.Fprintf(b, "var %s = map[string]string{\n", name)
	for _, k := range keys {
		fmt.Fprintf(b, "%q: %q,\n", k, m[k])
	}
	b.WriteString("}\n\n")
}
