package ops_test

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// query is what a PromQL expression asks for. The parser of Prometheus is too
// large a dependency for this; these tests need no more than names and form.
type query struct {
	metrics   []string
	matchers  []matcher
	by        []string // labels that are kept or joined on
	functions []string
}

type matcher struct{ metric, label, op, value string }

// token is a word of an expression and what kind of word it is.
type token struct{ kind, text string }

var lexer = regexp.MustCompile(`^(?:(\s+)|("(?:[^"\\]|\\.)*")|(\[\w+\])|(\d+(?:\.\d+)?(?:e\d+)?\b)|([a-zA-Z_:][\w:]*)|(=~|!~|!=|==|>=|<=|[-+*/^%<>=])|([(){},]))`)

func tokens(expr string) ([]token, error) {
	var all []token
	for expr != "" {
		m := lexer.FindStringSubmatch(expr)
		if m == nil {
			return nil, fmt.Errorf("cannot read %q", expr)
		}
		for i, kind := range []string{"", "string", "range", "number", "word", "operator", "bracket"} {
			if m[i+1] != "" && kind != "" {
				all = append(all, token{kind, m[i+1]})
			}
		}
		expr = expr[len(m[0]):]
	}
	return all, nil
}

var (
	functions = []string{
		"sum", "min", "max", "avg", "count", "topk", "rate", "increase", "delta", "absent", "histogram_quantile",
	}
	joiners  = []string{"and", "or", "unless"}
	groupers = []string{"by", "without", "on", "ignoring"}
	duration = regexp.MustCompile(`^\[\d+[smhdw]\]$`)
)

// analyse reads an expression.
func analyse(expr string) (q query, err error) {
	all, err := tokens(expr)
	if err != nil {
		return q, err
	}
	if err := balanced(all); err != nil {
		return q, err
	}
	operand := false // whether the last thing read is a value
	for i := 0; i < len(all); i++ {
		t, next := all[i], ""
		if i+1 < len(all) {
			next = all[i+1].text
		}
		switch {
		case t.kind == "range":
			if !duration.MatchString(t.text) {
				return q, fmt.Errorf("%s is no duration", t.text)
			}
		case t.kind == "word" && slices.Contains(groupers, t.text):
			var labels []string
			i, labels = list(all, i+2)
			q.by = append(q.by, labels...)
		case t.kind == "word" && slices.Contains(joiners, t.text), t.kind == "operator", t.text == ",":
			if !operand {
				return q, fmt.Errorf("%s after no value", t.text)
			}
			operand = false
		case t.kind == "word" && (next == "(" || i+1 < len(all) && slices.Contains(groupers, next)):
			q.functions = append(q.functions, t.text)
			operand = false
		case t.text == "(":
		case t.text == ")":
		case t.text == "{":
			i = q.match(all, i+1)
		default: // a value
			if operand {
				return q, fmt.Errorf("%s after a value", t.text)
			}
			if operand = true; t.kind == "word" {
				q.metrics = append(q.metrics, t.text)
			}
		}
	}
	if !operand {
		return q, errors.New("it ends without a value")
	}
	return q, nil
}

func balanced(all []token) error {
	var open []string
	for _, t := range all {
		if t.kind != "bracket" || t.text == "," {
			continue
		}
		if t.text == "(" || t.text == "{" {
			open = append(open, t.text)
			continue
		}
		if len(open) == 0 || (open[len(open)-1] == "(") != (t.text == ")") {
			return fmt.Errorf("bracket %s closes nothing", t.text)
		}
		open = open[:len(open)-1]
	}
	if len(open) > 0 {
		return fmt.Errorf("bracket %s is not closed", open[0])
	}
	return nil
}

// list reads words up to the next bracket and says where that is.
func list(all []token, i int) (end int, words []string) {
	for ; i < len(all) && all[i].text != ")"; i++ {
		if all[i].kind == "word" {
			words = append(words, all[i].text)
		}
	}
	return i, words
}

// match reads what stands in braces behind a metric and says where it ends.
func (q *query) match(all []token, i int) int {
	for ; i < len(all) && all[i].text != "}"; i++ {
		if all[i].kind == "word" && i+2 < len(all) && len(q.metrics) > 0 {
			q.matchers = append(q.matchers, matcher{q.metrics[len(q.metrics)-1], all[i].text, all[i+1].text, strings.Trim(all[i+2].text, `"`)})
			i += 2
		}
	}
	return i
}

// faults compares a query with what is exported and notes the families it uses.
func (q query) faults(seen exported, used map[string]bool) (all []string) {
	known := func(label string) bool { return label == "job" || label == "instance" } // added by the scrape
	for _, f := range q.functions {
		if !slices.Contains(functions, f) {
			all = append(all, "function "+f+" is not known here")
		}
	}
	for _, name := range q.metrics {
		if used[family(name)] = true; seen[name] == nil {
			all = append(all, name+" is not exported")
		}
	}
	for _, m := range q.matchers {
		values, ok := seen[m.metric][m.label]
		switch {
		case known(m.label) || seen[m.metric] == nil:
		case !ok:
			all = append(all, m.metric+" has no label "+m.label)
		case m.op == "=" && !slices.Contains(values, m.value):
			all = append(all, fmt.Sprintf("%s has no %s=%q", m.metric, m.label, m.value))
		}
	}
	for _, label := range q.by {
		if !known(label) && !slices.ContainsFunc(q.metrics, func(name string) bool { return seen[name][label] != nil }) {
			all = append(all, "no metric has the label "+label)
		}
	}
	return all
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
