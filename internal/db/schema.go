package db

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// schema is the tables of a database by name, without those of the ledger of
// migrations, of River and of the search engine's inside.
type schema map[string]*table

// table is what both engines know of a table. What only one of them says (its
// own text of checks, triggers, index expressions) is in lines alone.
type table struct {
	name       string
	columns    []column
	references []reference
	virtual    bool // its rows are another table's
	lines      []string
}

type column struct {
	table, name, kind string
	standard          string // its DEFAULT, "" when it has none
	notNull           bool
	key               int  // its place in the primary key, from 1
	given             bool // the database gives its value
}

// reference is one column of a foreign key; those with the same id belong together.
type reference struct {
	table, id                    string
	column, target, targetColumn string
	onDelete, onUpdate           string
}

// indexColumn is one column of an index; origin is c for CREATE INDEX, u for a
// UNIQUE constraint, p for a primary key.
type indexColumn struct {
	table, index, origin, column, order string
	unique, partial                     bool
}

// detail is what one engine says in words of its own.
type detail struct{ owner, kind, name, text string }

// SchemaPrint describes a database's schema, a line for each column, key, index
// and foreign key in words that are the same for both engines, and lines with
// ": sqlite: " or ": postgres: " for what each says in its own.
func SchemaPrint(ctx context.Context, d *DB) (string, error) {
	s, err := schemaOf(ctx, d)
	if err != nil {
		return "", err
	}
	return strings.Join(s.lines(), "\n"), nil
}

func (s schema) lines() []string {
	var all []string
	for _, t := range s {
		all = append(all, t.lines...)
	}
	slices.Sort(all)
	return all
}

func schemaOf(ctx context.Context, d *DB) (schema, error) {
	read := readSQLite
	if d.Engine == Postgres {
		read = readPostgres
	}
	r, err := read(ctx, d)
	if err != nil {
		return nil, err
	}
	s := schema{}
	for _, c := range r.columns {
		t := s.table(c.table)
		t.columns = append(t.columns, c)
	}
	for _, ref := range r.references {
		t := s.table(ref.table)
		t.references = append(t.references, ref)
	}
	for _, t := range s {
		t.describe()
	}
	for index := range groups(r.indexes, func(c indexColumn) string { return c.index }) {
		t := s.table(index[0].table)
		t.lines = append(t.lines, describeIndex(index))
	}
	for _, v := range r.details {
		t := s.table(v.owner)
		t.virtual = t.virtual || v.kind == "virtual table"
		t.lines = append(t.lines, fmt.Sprintf("%s: %s: %s %s: %s", v.owner, d.Engine, v.kind, v.name, v.text))
	}
	for name := range s {
		if !isOurs(name) {
			delete(s, name)
		}
	}
	return s, nil
}

// reading is what the queries of an engine return.
type reading struct {
	columns    []column
	references []reference
	indexes    []indexColumn
	details    []detail
}

func (s schema) table(name string) *table {
	if s[name] == nil {
		s[name] = &table{name: name}
	}
	return s[name]
}

func isOurs(table string) bool {
	return !strings.HasPrefix(table, "river_") && !strings.HasPrefix(table, "sqlite_") && table != "schema_files"
}

// describe adds the lines of columns, primary key and foreign keys.
func (t *table) describe() {
	for _, c := range t.columns {
		line := fmt.Sprintf("%s: column %s %s", t.name, c.name, c.kind)
		if c.notNull || c.key > 0 {
			line += " not null"
		}
		if c.standard != "" && !c.given {
			line += " default " + c.standard
		}
		t.lines = append(t.lines, line)
	}
	if key := t.key(); len(key) > 0 {
		t.lines = append(t.lines, fmt.Sprintf("%s: primary key (%s)", t.name, strings.Join(key, ", ")))
	}
	for fk := range groups(t.references, func(r reference) string { return r.id }) {
		var from, to []string
		for _, r := range fk {
			from, to = append(from, r.column), append(to, r.targetColumn)
		}
		line := fmt.Sprintf("%s: foreign key (%s) references %s (%s)", t.name, strings.Join(from, ", "), fk[0].target, strings.Join(to, ", "))
		if fk[0].onDelete != "no action" {
			line += " on delete " + fk[0].onDelete
		}
		if fk[0].onUpdate != "no action" {
			line += " on update " + fk[0].onUpdate
		}
		t.lines = append(t.lines, line)
	}
}

// key is the columns of the primary key in its order.
func (t *table) key() []string {
	columns := slices.DeleteFunc(slices.Clone(t.columns), func(c column) bool { return c.key == 0 })
	slices.SortFunc(columns, func(a, b column) int { return cmp.Compare(a.key, b.key) })
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.name
	}
	return names
}

func describeIndex(columns []indexColumn) string {
	first := columns[0]
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.column + c.order
	}
	line := first.table + ": index " + first.index
	if first.origin == "u" { // engines name it differently
		line = first.table + ": constraint"
	}
	if first.unique {
		line += " unique"
	}
	line += " (" + strings.Join(names, ", ") + ")"
	if first.partial {
		line += " where ..."
	}
	return line
}

// groups yields the runs of neighbours that have the same key.
func groups[T any](all []T, key func(T) string) func(func([]T) bool) {
	return func(yield func([]T) bool) {
		for len(all) > 0 {
			n := 1
			for n < len(all) && key(all[n]) == key(all[0]) {
				n++
			}
			if !yield(all[:n]) {
				return
			}
			all = all[n:]
		}
	}
}

// sqliteTables are the tables that can be seen; the shadow tables behind a
// full-text index are its own affair.
const sqliteTables = `pragma_table_list l WHERE l.schema = 'main' AND l.type IN ('table', 'virtual')`

func readSQLite(ctx context.Context, d *DB) (r reading, err error) {
	r.columns, err = Collect(ctx, d, func(r Row) (c column, err error) {
		var hidden int
		err = r.Scan(&c.table, &c.name, &c.kind, &c.standard, &c.notNull, &c.key, &hidden)
		c.kind, c.standard, c.given = strings.ToLower(c.kind), plainDefault(c.standard), hidden != 0
		return c, err
	}, `SELECT l.name, c.name, c.type, coalesce(c.dflt_value, ''), c."notnull", c.pk, c.hidden
		FROM (SELECT name FROM `+sqliteTables+`) l, pragma_table_xinfo(l.name) c ORDER BY l.name, c.cid`)
	if err != nil {
		return r, err
	}
	r.references, err = Collect(ctx, d, scanReference,
		`SELECT l.name, l.name || k.id, k."from", k."table", coalesce(k."to", p.name), lower(k.on_delete), lower(k.on_update)
		FROM (SELECT name FROM `+sqliteTables+`) l, pragma_foreign_key_list(l.name) k
		LEFT JOIN pragma_table_info(k."table") p ON p.pk = k.seq + 1 ORDER BY l.name, k.id, k.seq`)
	if err != nil {
		return r, err
	}
	r.indexes, err = Collect(ctx, d, scanIndexColumn,
		`SELECT l.name, i.name, i.origin, coalesce(x.name, 'expression'), CASE x.desc WHEN 1 THEN ' desc' ELSE '' END, i."unique", i.partial
		FROM (SELECT name FROM `+sqliteTables+`) l, pragma_index_list(l.name) i, pragma_index_xinfo(i.name) x
		WHERE x.key = 1 AND i.origin <> 'pk' ORDER BY l.name, i.name, x.seqno`)
	if err != nil {
		return r, err
	}
	r.details, err = Collect(ctx, d, func(r Row) (v detail, err error) {
		err = r.Scan(&v.owner, &v.kind, &v.name, &v.text)
		if v.text = plainDDL(v.text); strings.HasPrefix(v.text, "CREATE VIRTUAL") {
			v.kind = "virtual table"
		}
		return v, err
	}, `SELECT tbl_name, type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL
		AND name NOT IN (SELECT name FROM pragma_table_list WHERE type = 'shadow') ORDER BY tbl_name, type, name`)
	return r, err
}

func scanReference(r Row) (ref reference, err error) {
	err = r.Scan(&ref.table, &ref.id, &ref.column, &ref.target, &ref.targetColumn, &ref.onDelete, &ref.onUpdate)
	return ref, err
}

func scanIndexColumn(r Row) (c indexColumn, err error) {
	err = r.Scan(&c.table, &c.index, &c.origin, &c.column, &c.order, &c.unique, &c.partial)
	return c, err
}

// postgresTables are the tables of the schema that we use, with their number.
const postgresTables = `(SELECT oid, relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = current_schema()::regnamespace) l`

func readPostgres(ctx context.Context, d *DB) (r reading, err error) {
	r.columns, err = Collect(ctx, d, func(r Row) (c column, err error) {
		var generated bool
		err = r.Scan(&c.table, &c.name, &c.kind, &c.standard, &c.notNull, &c.key, &generated)
		c.given = generated || strings.HasPrefix(c.standard, "nextval(")
		c.standard = plainDefault(c.standard)
		return c, err
	}, `SELECT l.relname, a.attname, format_type(a.atttypid, a.atttypmod), coalesce(pg_get_expr(v.adbin, v.adrelid), ''), a.attnotnull,
			coalesce(array_position(k.conkey, a.attnum), 0), a.attgenerated <> '' OR a.attidentity <> ''
		FROM `+postgresTables+` JOIN pg_attribute a ON a.attrelid = l.oid AND a.attnum > 0 AND NOT a.attisdropped
		LEFT JOIN pg_attrdef v ON v.adrelid = l.oid AND v.adnum = a.attnum
		LEFT JOIN pg_constraint k ON k.conrelid = l.oid AND k.contype = 'p' ORDER BY l.relname, a.attnum`)
	if err != nil {
		return r, err
	}
	const rule = ` WHEN 'a' THEN 'no action' WHEN 'r' THEN 'restrict' WHEN 'c' THEN 'cascade' WHEN 'n' THEN 'set null' ELSE 'set default' END`
	r.references, err = Collect(ctx, d, scanReference,
		`SELECT l.relname, k.oid::text, a.attname, k.confrelid::regclass::text, b.attname, CASE k.confdeltype`+rule+`, CASE k.confupdtype`+rule+`
		FROM `+postgresTables+` JOIN pg_constraint k ON k.conrelid = l.oid AND k.contype = 'f', generate_subscripts(k.conkey, 1) n
		JOIN pg_attribute a ON TRUE JOIN pg_attribute b ON TRUE
		WHERE a.attrelid = l.oid AND a.attnum = k.conkey[n] AND b.attrelid = k.confrelid AND b.attnum = k.confkey[n] ORDER BY l.relname, k.oid, n`)
	if err != nil {
		return r, err
	}
	r.indexes, err = Collect(ctx, d, scanIndexColumn,
		`SELECT l.relname, c.relname, coalesce(k.contype::text, 'c'),
			CASE i.indkey[n] WHEN 0 THEN 'expression' ELSE pg_get_indexdef(i.indexrelid, n + 1, TRUE) END,
			CASE i.indoption[n] & 1 WHEN 1 THEN ' desc' ELSE '' END, i.indisunique, i.indpred IS NOT NULL
		FROM `+postgresTables+` JOIN pg_index i ON i.indrelid = l.oid AND NOT i.indisprimary JOIN pg_class c ON c.oid = i.indexrelid
		LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.contype = 'u', generate_series(0, i.indnkeyatts - 1) n
		ORDER BY l.relname, c.relname, n`)
	if err != nil {
		return r, err
	}
	r.details, err = Collect(ctx, d, func(r Row) (v detail, err error) {
		err = r.Scan(&v.owner, &v.kind, &v.name, &v.text)
		return v, err
	}, postgresDetails)
	return r, err
}

const postgresDetails = `
	SELECT l.relname, 'constraint', k.conname, pg_get_constraintdef(k.oid) FROM ` + postgresTables + ` JOIN pg_constraint k ON k.conrelid = l.oid
	UNION ALL
	SELECT l.relname, 'index', i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) FROM ` + postgresTables + ` JOIN pg_index i ON i.indrelid = l.oid
	UNION ALL
	SELECT l.relname, 'trigger', t.tgname, pg_get_triggerdef(t.oid) FROM ` + postgresTables + ` JOIN pg_trigger t ON t.tgrelid = l.oid AND NOT t.tgisinternal
	UNION ALL
	SELECT l.relname, 'column', a.attname, concat('generated ', a.attgenerated, ' identity ', a.attidentity, ' ', pg_get_expr(v.adbin, v.adrelid))
	FROM ` + postgresTables + ` JOIN pg_attribute a ON a.attrelid = l.oid AND NOT a.attisdropped JOIN pg_attrdef v ON v.adrelid = l.oid AND v.adnum = a.attnum
	UNION ALL
	SELECT v.viewname, 'view', v.viewname, v.definition FROM pg_views v WHERE v.schemaname = current_schema()
	UNION ALL
	SELECT f.proname, 'function', f.proname, pg_get_functiondef(f.oid) FROM pg_proc f
	WHERE f.pronamespace = current_schema()::regnamespace AND f.prokind IN ('f', 'p')
		AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.objid = f.oid AND e.deptype = 'e')
	UNION ALL
	SELECT c.relname, 'sequence', c.relname, s.seqtypid::regtype::text FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid
	WHERE c.relnamespace = current_schema()::regnamespace
	UNION ALL
	SELECT y.typname, 'type', y.typname, coalesce((SELECT string_agg(e.enumlabel, ',' ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = y.oid), 'domain')
	FROM pg_type y WHERE y.typnamespace = current_schema()::regnamespace AND y.typtype IN ('e', 'd')
	ORDER BY 1, 2, 3`

var (
	postgresCast = regexp.MustCompile(`^('.*')::[a-z ]+$`)
	ddlTokens    = regexp.MustCompile(`'(?:[^']|'')*'|--[^\n]*|/\*(?s:.*?)\*/|"[A-Za-z_][A-Za-z0-9_]*"|\s+|[A-Za-z0-9_$.]+|.`)
)

// plainDefault writes a default as both engines would.
func plainDefault(s string) string {
	if m := postgresCast.FindStringSubmatch(s); m != nil {
		return m[1]
	}
	if !strings.HasPrefix(s, "'") {
		return strings.ToLower(s)
	}
	return s
}

// plainDDL takes out of a CREATE statement what says nothing: comments, spaces,
// quotes round plain names, and the order of a table's columns.
func plainDDL(text string) string {
	var parts []string
	var part strings.Builder
	depth, word := 0, false
	for _, token := range ddlTokens.FindAllString(text, -1) {
		token = plainToken(token)
		if token == "" {
			continue
		}
		words := isWord(token)
		if word && words {
			part.WriteByte(' ')
		}
		word = words
		depth += strings.Count(token[:1], "(") - strings.Count(token[:1], ")")
		if depth == 1 && (token == "(" || token == ",") || depth == 0 && token == ")" {
			parts = append(parts, part.String())
			part.Reset()
			word = false
			continue
		}
		part.WriteString(token)
	}
	parts = append(parts, part.String())
	if strings.HasPrefix(parts[0], "CREATE TABLE ") {
		slices.Sort(parts[1 : len(parts)-1])
	}
	return strings.Join(parts, "|")
}

func plainToken(token string) string {
	switch {
	case strings.TrimSpace(token) == "", strings.HasPrefix(token, "--"), strings.HasPrefix(token, "/*"):
		return ""
	case strings.HasPrefix(token, `"`) && len(token) > 2:
		return strings.Trim(token, `"`)
	}
	return token
}

func isWord(token string) bool {
	return token[0] == '\'' || token[0] == '_' || token[0] >= '0' && token[0] <= '9' || token[0]|0x20 >= 'a' && token[0]|0x20 <= 'z'
}
