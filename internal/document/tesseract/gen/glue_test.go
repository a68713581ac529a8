package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// glue is the shape of the JavaScript, with three of its imports.
func glue() string {
	var b strings.Builder
	b.WriteString(`var dc={},Xh={N:()=>r(""),L:()=>Date.now(),` + "\n" + `a:(a,b)=>r(` + "`Assertion failed: ${a?\"\":v(b)}`" + `),c:Mh};`)
	b.WriteString(`function Mh(a,b){var c=Lh();try{return cc(a)(b)}catch(d){Kh(c);if(d!==d+0)throw d;Jh(1,0)}}`)
	b.WriteString(`e.noFSInit||x.rg||x.hg();Zh.U();a(c){Zh=c.exports;qa=Zh.T;wa();bc=Zh.da;c=Zh;`)
	for name, published := range wantedExports {
		b.WriteString(`e._` + published + `=v` + name + `=c.x` + name + `;`)
	}
	b.WriteString(`Jh=c.Af;Kh=c.Bf;Lh=c.Cf;return Zh}var b={a:Xh};if(e.instantiateWasm)return 1`)
	return b.String()
}

func TestParseGlue(t *testing.T) {
	t.Parallel()
	n, err := parseGlue(glue())
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"abort": "N", "date_now": "L", "assert_fail": "a", "invoke_ii": "c"}
	if diff := cmp.Diff(want, n.imports); diff != "" {
		t.Error(diff)
	}
	for name, letters := range map[string]string{
		"memory": "T", "constructors": "U", "stack_get": "Cf", "stack_restore": "Bf", "set_threw": "Af", "init": "xinit",
	} {
		if n.exports[name] != letters {
			t.Errorf("export %s is %q, not %q", name, n.exports[name], letters)
		}
	}
	source, err := n.source("00ff")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(source), `"invoke_ii":   "c"`) || !strings.Contains(string(source), `moduleSum = "00ff"`) {
		t.Errorf("source:\n%s", source)
	}
}

func TestParseGlueRefusesOtherGlue(t *testing.T) {
	t.Parallel()
	for name, change := range map[string][2]string{
		"no import object":  {"instantiateWasm", "other"},
		"unknown import":    {"Date.now()", "Date.then()"},
		"two of a kind":     {"Date.now()", `Date.now(),M:()=>Date.now()`},
		"no invoke":         {"function Mh", "function Nh"},
		"another invoke":    {"try{return", "try{throw"},
		"no wiring":         {"c.exports", "c.others"},
		"no constructors":   {"Zh.U()", "Zh"},
		"a missing export":  {"=c.xmalloc", "=1"},
		"an unclosed quote": {`r("")`, `r(")`},
	} {
		source := strings.Replace(glue(), change[0], change[1], 1)
		if source == glue() {
			t.Fatalf("%s: nothing changed", name)
		}
		if _, err := parseGlue(source); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

func TestAccepted(t *testing.T) {
	t.Parallel()
	for language := range strings.SplitSeq("eng deu fra ita spa", " ") {
		if !strings.Contains(sums, "tesseract-ocr-"+language+"_") {
			t.Errorf("no sum for %s", language)
		}
	}
	const list = "aa  one.tgz\nbb  two.tgz\n"
	if err := accepted(list, "one*.tgz", "aa"); err != nil {
		t.Error(err)
	}
	if accepted(list, "one*.tgz", "bb") == nil {
		t.Error("the sum of another archive was accepted")
	}
}
