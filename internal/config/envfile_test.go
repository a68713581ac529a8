package config

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseEnvFile(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		text  string
		want  map[string]string
		flaws []string
	}{
		"plain":            {"A=1\nB = two words \n", map[string]string{"A": "1", "B": "two words"}, nil},
		"comments":         {"# A=1\n  # B=2\nC=3 # three\nD=a#b\nE=# none\nF=1\t# tab", map[string]string{"C": "3", "D": "a#b", "E": "", "F": "1"}, nil},
		"export":           {"export A=1\n", map[string]string{"A": "1"}, nil},
		"windows":          {"\ufeffA=1\r\nB=2\r\n", map[string]string{"A": "1", "B": "2"}, nil},
		"no last line end": {"A=1", map[string]string{"A": "1"}, nil},
		"single quotes":    {`A='a "b" \n $c # d' # e`, map[string]string{"A": `a "b" \n $c # d`}, nil},
		"double quotes":    {`A="a 'b' \"c\"\n\\n\$d"`, map[string]string{"A": "a 'b' \"c\"\n\\n$d"}, nil},
		"no expansion":     {"A=$HOME\nB=\"${A}\"", map[string]string{"A": "$HOME", "B": "${A}"}, nil},
		"many lines":       {"A=\"one\ntwo\"\nB=3\nB=4", map[string]string{"A": "one\ntwo", "B": "3"}, []string{"4 gives B a second time"}},
		"open quote":       {"A='x\nB=1", map[string]string{"B": "1"}, []string{"1 opens a quote that nothing closes"}},
		"after the quote":  {"A='x' y\nB=1", map[string]string{"B": "1"}, []string{"1 has text after the closing quote"}},
		"no name":          {"A=1\n=2\n\nfoo bar", map[string]string{"A": "1"}, []string{"2 is not of the form NAME=VALUE", "4 is not of the form NAME=VALUE"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			entries, flaws := parseEnvFile(test.text)
			got := map[string]string{}
			for _, e := range entries {
				got[e.name] = e.value
			}
			var problems []string
			for _, f := range flaws {
				problems = append(problems, string(rune('0'+f.line))+" "+f.problem)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(test.flaws, problems); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// FuzzParseEnvFile asks that every file is read to its end, and that a value
// in single quotes comes out as it went in.
func FuzzParseEnvFile(f *testing.F) {
	f.Add("A=1\nB='x'\n# c\nC=\"a\\n\"")
	f.Add("A=\"\\")
	f.Fuzz(func(t *testing.T, text string) {
		entries, flaws := parseEnvFile(text)
		if len(entries)+len(flaws) > strings.Count(text, "\n")+1 {
			t.Errorf("%d entries and %d flaws in %q", len(entries), len(flaws), text)
		}
		if strings.ContainsAny(text, "'\r") {
			return
		}
		entries, flaws = parseEnvFile("A='" + text + "'")
		if len(flaws) > 0 || len(entries) != 1 || entries[0].value != text {
			t.Errorf("%q came back as %v, %v", text, entries, flaws)
		}
	})
}

// FuzzLoad asks that no value of any option panics or shows a secret.
func FuzzLoad(f *testing.F) {
	for i := range Options() {
		f.Add(i, "x://:@[::1]:0/<a>")
		f.Add(i, "7d,1.2.3.4/5:6")
	}
	f.Fuzz(func(t *testing.T, i int, text string) {
		options := Options()
		if i < 0 || i >= len(options) {
			return
		}
		o := options[i]
		_, err := Load(Source{Home: "/h", Environ: []string{o.Name + "=" + text}})
		if o.Secrecy == Public || err == nil {
			return
		}
		faults, _ := errors.AsType[Faults](err)
		for _, fault := range faults {
			if fault.Value != "" {
				t.Errorf("%s shows %q", o.Name, fault.Value)
			}
		}
	})
}
