package document

import (
	_ "embed"
	"encoding/csv"
	"strconv"
	"strings"
	"sync"

	"navidocs/internal/account"
)

//go:embed seed/document_types.csv
var typesCSV string

// Type is a kind of paper, from the trade's seed table.
type Type struct {
	Code     string        `json:"code"`
	Category string        `json:"category"`
	Name     string        `json:"name"`
	Hints    []string      `json:"hints" doc:"other names, as they stand on such papers"`
	Class    account.Class `json:"class" enum:"open,money,personal"`
	Rule     string        `json:"rule" doc:"how it expires"`
	Months   *int          `json:"months" doc:"how long it holds, where that is fixed"`
	// RemindDays is how long before its expiry people are told, 0 for never.
	RemindDays   int    `json:"remind_days"`
	Jurisdiction string `json:"jurisdiction"`
	Buyer        string `json:"buyer" enum:"Y,N,O,R" doc:"whether a buyer gets it: yes, no, the original, or ask"`
}

// Types lists the kinds of papers.
var Types = sync.OnceValue(func() []Type {
	rows, err := csv.NewReader(strings.NewReader(typesCSV)).ReadAll()
	if err != nil {
		panic(err) // the table is embedded and tested
	}
	types := make([]Type, 0, len(rows)-1)
	for _, r := range rows[1:] {
		t := Type{Code: r[0], Category: r[1], Name: r[2], Hints: []string{}, Rule: r[4], Jurisdiction: r[8], Buyer: r[9], Class: classOf(r[0], r[1])}
		for hint := range strings.SplitSeq(r[3], ";") {
			if hint = strings.TrimSpace(hint); hint != "" {
				t.Hints = append(t.Hints, hint)
			}
		}
		if months, err := strconv.Atoi(r[5]); err == nil {
			t.Months = &months
		}
		t.RemindDays, _ = strconv.Atoi(r[7]) // empty means never
		types = append(types, t)
	}
	return types
})

// classOf says who may see a kind of paper: what shows prices is money, what
// shows people is personal.
func classOf(code, category string) account.Class {
	switch {
	case code == "OWN-ID", code == "OWN-CORP", category == "Crew", category == "Insurance":
		return account.Personal
	case code == "OWN-BOS", category == "Invoices", category == "Sale", category == "Tax and customs":
		return account.Money
	}
	return account.Open
}

// typeByCode finds a kind of paper.
func typeByCode(code string) (Type, bool) {
	for _, t := range Types() {
		if t.Code == code {
			return t, true
		}
	}
	return Type{}, false
}

// defaultClass is a document's class by its type; an unsorted paper might be
// anything, so it is personal until somebody sorts it.
func defaultClass(code string) account.Class {
	if t, ok := typeByCode(code); ok {
		return t.Class
	}
	return account.Personal
}
