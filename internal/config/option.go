package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Secrecy says how much of a value may be shown.
type Secrecy string

// The grades of secrecy. Both secret ones may be given by file (NAME_FILE).
const (
	Public         Secrecy = ""
	SecretPassword Secrecy = "password" // a URL: all but its password is shown
	Secret         Secrecy = "yes"      // never shown
)

// Option is one row of the table.
type Option struct {
	Name    string
	Alias   string // an older name with the same meaning
	Default string
	Kind    string
	Of      string // the choices of a choice, the bounds of a number
	Help    string
	Group   string
	Secrecy Secrecy

	index []int // of the field in Config
}

// FileName is the variable that names a file holding the value, "" when the
// option is no secret.
func (o Option) FileName() string {
	if o.Secrecy == Public {
		return ""
	}
	return o.Name + "_FILE"
}

// Options lists every option in the order in which they are documented.
func Options() []Option {
	var options []Option
	root := reflect.TypeFor[Config]()
	for i := range root.NumField() {
		group, ok := root.Field(i).Tag.Lookup("group")
		if !ok {
			continue
		}
		fields := root.Field(i).Type
		for j := range fields.NumField() {
			tag := fields.Field(j).Tag
			options = append(options, Option{
				Name:    tag.Get("env"),
				Alias:   tag.Get("alias"),
				Default: tag.Get("default"),
				Kind:    tag.Get("kind"),
				Of:      tag.Get("of"),
				Help:    tag.Get("help"),
				Group:   group,
				Secrecy: Secrecy(tag.Get("secret")),
				index:   []int{i, j},
			})
		}
	}
	return options
}

// Setting is an option and the value in force, fit to be printed.
type Setting struct {
	Name   string
	Value  string
	Source string // "default", "environment" or the file it came from
}

// Redacted lists the configuration in force without a single secret.
func Redacted(c Config) []Setting {
	var settings []Setting
	for _, o := range Options() {
		source := c.origin[o.Name]
		if source == "" {
			source = "default"
		}
		value := show(o.Kind, reflect.ValueOf(c).FieldByIndex(o.index).Interface())
		settings = append(settings, Setting{o.Name, redact(o.Secrecy, value), source})
	}
	return settings
}

// show writes a value as it would be written in an env file.
func show(kind string, value any) string {
	switch v := value.(type) {
	case time.Duration:
		if kind == "millis" {
			return strconv.FormatInt(v.Milliseconds(), 10)
		}
		return v.String()
	case int64:
		return strconv.FormatInt(v>>20, 10) // megabytes
	case []string:
		return strings.Join(v, ",")
	case []netip.Prefix:
		texts := make([]string, len(v))
		for i, p := range v {
			texts[i] = p.String()
		}
		return strings.Join(texts, ",")
	default:
		return fmt.Sprint(v)
	}
}

func redact(secrecy Secrecy, value string) string {
	switch {
	case value == "" || secrecy == Public:
		return value
	case secrecy == SecretPassword && !isURL(value):
		return value
	case secrecy == SecretPassword:
		u, err := url.Parse(value)
		if err != nil {
			return "(set)"
		}
		u.RawQuery = ""
		return u.Redacted()
	default:
		return fmt.Sprintf("(set, %d bytes)", len(value))
	}
}
