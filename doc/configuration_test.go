// Package doc_test keeps the documents true: what is generated is what would
// be generated now, and what is written as a command runs.
package doc_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"navidocs/internal/config"
)

var update = flag.Bool("update", false, "write the generated documents anew")

func TestConfiguration(t *testing.T) {
	t.Parallel()
	golden(t, "configuration.md", configuration())
}

const configurationHead = `# Configuration

Nothing has to be set: ` + "`navidocs serve`" + ` keeps everything below ` + "`./data`" + `.
Where something is, each option is a variable of the environment, or a line
` + "`NAME=value`" + ` in a file given with ` + "`--env-file`" + ` (may repeat, the last one wins; the
environment wins over files). A value that cannot be understood, or an unknown
name in a file, stops the start; all mistakes are reported together.

Relative paths start at the folder given with ` + "`--home`" + `, else at the working
folder. An option marked *secret* may also be given as ` + "`NAME_FILE`" + `, the path of
a file that holds the value; secrets are never printed.

This page is generated from the options themselves
(` + "`go test ./doc -run TestConfiguration -update`" + `).
`

// configuration is the table of options as a document.
func configuration() string {
	var b strings.Builder
	b.WriteString(configurationHead)
	group := ""
	for _, o := range config.Options() {
		if o.Group != group {
			group = o.Group
			fmt.Fprintf(&b, "\n## %s\n\n| option | default | value | meaning |\n| --- | --- | --- | --- |\n", group)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", o.Name, code(o.Default), cell(value(o)), cell(meaning(o)))
	}
	return b.String()
}

func meaning(o config.Option) string {
	text := o.Help
	if o.Alias != "" {
		text += "; also named `" + o.Alias + "`"
	}
	if o.Secrecy != config.Public {
		text += " (*secret*)"
	}
	return text
}

// value says in words what an option may be.
func value(o config.Option) string {
	switch o.Kind {
	case "choice":
		return strings.ReplaceAll(o.Of, " ", ", ")
	case "int", "megabytes":
		low, high, _ := strings.Cut(o.Of, " ")
		return low + " to " + high
	case "millis":
		return "milliseconds"
	case "duration":
		return "a duration such as 90s, 1h or 7d"
	case "interval":
		return "a duration such as 1m, or 0"
	case "list", "keys":
		return "a list, separated by commas"
	case "origins":
		return "web origins, separated by commas"
	case "targets":
		return "hosts or networks, separated by commas"
	case "networks":
		return "addresses or networks, separated by commas"
	case "emails":
		return "e-mail addresses, separated by commas"
	case "web":
		return "a web address"
	case "host":
		return "a host name or address"
	case "email":
		return "an e-mail address"
	case "contact":
		return "an e-mail or web address"
	case "path":
		return "a path"
	case "key":
		return "a key"
	case "age":
		return "an age recipient"
	case "database", "blobs", "redis":
		return "a path or an address"
	default:
		return "text"
	}
}

func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}

// cell keeps a text from ending its cell of a table.
func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

// golden compares a file with what it should hold, or writes it with -update.
func golden(t *testing.T, path, want string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil { //nolint:gosec // a document
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(have)); diff != "" {
		t.Errorf("%s is out of date (repair: go test ./doc -run %s -update):\n%s", path, t.Name(), diff)
	}
}
