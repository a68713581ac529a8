package config

import (
	"fmt"
	"math"
	"net/mail"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// flaw is why a value cannot be accepted and what to write instead.
type flaw struct{ problem, remedy string }

// kinds turns the text of an option into the value of its field. The text is
// never empty and has no space around it.
var kinds = map[string]func(text string, o Option, home string) (any, *flaw){
	"text":      func(s string, _ Option, _ string) (any, *flaw) { return s, nil },
	"list":      func(s string, _ Option, _ string) (any, *flaw) { return split(s), nil },
	"path":      func(s string, _ Option, home string) (any, *flaw) { return under(home, s), nil },
	"choice":    parseChoice,
	"int":       parseInt,
	"megabytes": parseMegabytes,
	"millis":    parseMillis,
	"duration":  parseDurationOption,
	"interval":  parseInterval,
	"key":       func(s string, _ Option, _ string) (any, *flaw) { return s, nil },
	"keys":      func(s string, _ Option, _ string) (any, *flaw) { return split(s), nil },
	"host":      func(s string, _ Option, _ string) (any, *flaw) { return s, checkHost(s) },
	"web":       parseWeb,
	"origins":   each(checkOrigin),
	"targets":   each(checkTarget),
	"networks":  parseNetworks,
	"email":     func(s string, _ Option, _ string) (any, *flaw) { return s, checkEmail(s) },
	"emails":    parseEmails,
	"contact":   func(s string, _ Option, _ string) (any, *flaw) { return s, checkContact(s) },
	"minisign":  each(checkMinisign),
	"age":       func(s string, _ Option, _ string) (any, *flaw) { return s, checkAge(s) },
	"database":  parseDatabase,
	"blobs":     parseBlobs,
	"redis":     func(s string, _ Option, _ string) (any, *flaw) { return s, checkRedis(s) },
}

func split(s string) []string {
	var parts []string
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, part)
		}
	}
	return parts
}

// each makes the parser of a list from the check of one entry.
func each(check func(string) *flaw) func(string, Option, string) (any, *flaw) {
	return func(text string, _ Option, _ string) (any, *flaw) {
		parts := split(text)
		for _, part := range parts {
			if f := check(part); f != nil {
				return parts, &flaw{part + " " + f.problem, f.remedy}
			}
		}
		return parts, nil
	}
}

func under(home, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(home, path)
}

func parseChoice(text string, o Option, _ string) (any, *flaw) {
	choices := strings.Fields(o.Of)
	lower := strings.ToLower(text)
	if slices.Contains(choices, lower) {
		return lower, nil
	}
	return "", &flaw{"is not one of the choices", "use one of " + strings.Join(choices, ", ")}
}

func bounds(o Option) (low, high int) {
	if _, err := fmt.Sscanf(o.Of, "%d %d", &low, &high); err != nil {
		return 0, math.MaxInt
	}
	return low, high
}

func parseInt(text string, o Option, _ string) (any, *flaw) {
	low, high := bounds(o)
	remedy := fmt.Sprintf("use a whole number from %d to %d", low, high)
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, &flaw{"is not a whole number", remedy}
	}
	if n < low || n > high {
		return 0, &flaw{"is out of range", remedy}
	}
	return n, nil
}

func parseMegabytes(text string, o Option, home string) (any, *flaw) {
	n, f := parseInt(text, o, home)
	return int64(n.(int)) << 20, f
}

// parseMillis takes plain milliseconds, as these options always did, and
// durations with a unit.
func parseMillis(text string, o Option, home string) (any, *flaw) {
	n, err := strconv.Atoi(text)
	if err != nil {
		return parseDurationOption(text, o, home)
	}
	if n < 1 || n > math.MaxInt32 {
		return time.Duration(0), &flaw{"is out of range", "use milliseconds from 1 to 2147483647, or a duration such as 30s"}
	}
	return time.Duration(n) * time.Millisecond, nil
}

func parseDurationOption(text string, _ Option, _ string) (any, *flaw) {
	d, err := parseDuration(text)
	if err != nil {
		return d, &flaw{"is not a duration", "write a number and a unit: 30s, 15m, 24h or 7d"}
	}
	if d <= 0 {
		return d, &flaw{"is not longer than nothing", "use a duration such as 15m, 24h or 7d"}
	}
	return d, nil
}

// parseInterval is a duration, or 0 for never.
func parseInterval(text string, o Option, home string) (any, *flaw) {
	if text == "0" {
		return time.Duration(0), nil
	}
	return parseDurationOption(text, o, home)
}

var dayPart = regexp.MustCompile(`^(\d{1,6})d`)

// parseDuration is time.ParseDuration with days: 7d, 1d12h.
func parseDuration(text string) (time.Duration, error) {
	m := dayPart.FindStringSubmatch(text)
	if m == nil {
		return time.ParseDuration(text)
	}
	days, err := strconv.Atoi(m[1])
	if err != nil || days > 100_000 {
		return 0, fmt.Errorf("%q is more days than can be counted", m[1])
	}
	total := time.Duration(days) * 24 * time.Hour
	rest := text[len(m[0]):]
	if rest == "" {
		return total, nil
	}
	if !unicode.IsDigit(rune(rest[0])) {
		return 0, fmt.Errorf("%q does not follow a number of days", rest)
	}
	more, err := time.ParseDuration(rest)
	if err == nil && more > 24*time.Hour {
		err = fmt.Errorf("%q is more than a day", rest)
	}
	return total + more, err
}

// checkKey refuses what cannot be random; it holds in production alone.
func checkKey(s string) *flaw {
	if len(s) < 32 {
		return &flaw{fmt.Sprintf("has %d bytes, too few for a key", len(s)), "make one of at least 32 bytes: openssl rand -base64 48"}
	}
	if strings.Count(s, s[:1]) == len(s) {
		return &flaw{"repeats one character", "make a random one: openssl rand -base64 48"}
	}
	return nil
}

var hostName = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?$`)

func checkHost(s string) *flaw {
	if _, err := netip.ParseAddr(s); err == nil {
		return nil
	}
	if hostName.MatchString(s) && len(s) <= 253 {
		return nil
	}
	return &flaw{"is not a host name or address", "give the host alone, without scheme, port or path"}
}

func parseURL(s string, schemes ...string) (*url.URL, *flaw) {
	remedy := "write " + strings.Join(schemes, "://... or ") + "://..."
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return nil, &flaw{"is not a URL", remedy + " and percent-encode special characters"}
	case !slices.Contains(schemes, u.Scheme):
		return nil, &flaw{"does not begin with " + strings.Join(schemes, ":// or ") + "://", remedy}
	case u.Port() != "" && !validPort(u.Port()):
		return nil, &flaw{"has a port out of range", "use a port from 1 to 65535"}
	}
	return u, nil
}

func validPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}

func parseWeb(text string, _ Option, _ string) (any, *flaw) {
	u, f := parseURL(text, "https", "http")
	if f == nil && u.Hostname() == "" {
		f = &flaw{"names no host", "write https://host/path"}
	}
	return strings.TrimRight(text, "/"), f
}

func checkOrigin(s string) *flaw {
	u, f := parseURL(s, "https", "http")
	if f != nil {
		return f
	}
	if u.Hostname() == "" || u.User != nil || (u.Path != "" && u.Path != "/") || u.RawQuery != "" || s == "*" {
		return &flaw{"is not an origin", "write scheme and host alone: https://app.example.com"}
	}
	return nil
}

var portSuffix = regexp.MustCompile(`^(.*[^:]):(\d+)$`)

// checkTarget takes host, address or network, each with optional :port;
// addresses of six bytes groups with a port stand in brackets.
func checkTarget(s string) *flaw {
	rest := s
	if m := portSuffix.FindStringSubmatch(s); m != nil && (strings.Count(s, ":") == 1 || strings.HasPrefix(s, "[")) {
		if !validPort(m[2]) {
			return &flaw{"has a port out of range", "use a port from 1 to 65535"}
		}
		rest = m[1]
	}
	rest = strings.TrimSuffix(strings.TrimPrefix(rest, "["), "]")
	if _, err := netip.ParsePrefix(rest); err == nil {
		return nil
	}
	if checkHost(rest) == nil {
		return nil
	}
	return &flaw{"is not a host, address or network", "write host, 192.168.1.5, 192.168.1.0/24 or [fd00::1], each with optional :port"}
}

func parseNetworks(text string, _ Option, _ string) (any, *flaw) {
	var prefixes []netip.Prefix
	for _, part := range split(text) {
		if addr, err := netip.ParseAddr(part); err == nil {
			prefixes = append(prefixes, netip.PrefixFrom(addr, addr.BitLen()))
			continue
		}
		prefix, err := netip.ParsePrefix(part)
		if err != nil {
			return prefixes, &flaw{part + " is not an address or network", "write 10.0.0.7 or 10.0.0.0/8"}
		}
		prefixes = append(prefixes, prefix.Masked())
	}
	return prefixes, nil
}

func checkEmail(s string) *flaw {
	a, err := mail.ParseAddress(s)
	if err != nil || a.Address != s {
		return &flaw{"is not an e-mail address", "write the address alone: name@example.com"}
	}
	return nil
}

func parseEmails(text string, o Option, home string) (any, *flaw) {
	return each(checkEmail)(strings.ToLower(text), o, home)
}

func checkContact(s string) *flaw {
	if address, ok := strings.CutPrefix(s, "mailto:"); ok {
		return checkEmail(address)
	}
	if u, f := parseURL(s, "https"); f == nil && u.Hostname() != "" {
		return nil
	}
	return &flaw{"is not a contact", "write mailto:name@example.com or https://..."}
}

const secretAgeKey = "AGE-SECRET-KEY-"

var ageKey = regexp.MustCompile(`^age1[02-9ac-hj-np-z]{58,}$`)

func checkAge(s string) *flaw {
	if ageKey.MatchString(s) {
		return nil
	}
	if strings.HasPrefix(strings.ToUpper(s), secretAgeKey) {
		return &flaw{"is a secret key, which must not be here", "give the public key that belongs to it (age1...), and make a new pair"}
	}
	return &flaw{"is not an age public key", "write the line that begins with age1, from age-keygen"}
}

var minisignKey = regexp.MustCompile(`^RW[0-9A-Za-z+/]{54}$`)

func checkMinisign(s string) *flaw {
	if minisignKey.MatchString(s) {
		return nil
	}
	return &flaw{"is not a public key of minisign", "write the line of the .pub file that begins with RW"}
}

func parseDatabase(text string, _ Option, home string) (any, *flaw) {
	const remedy = "write a path, or postgres://user:password@host/name"
	scheme, _, found := strings.Cut(text, "://")
	if !found {
		path := strings.TrimPrefix(strings.TrimPrefix(text, "file:"), "sqlite:")
		return under(home, path), nil
	}
	switch scheme {
	case "sqlite", "file":
		return under(home, text[len(scheme)+len("://"):]), nil
	case "postgres", "postgresql":
		u, f := parseURL(text, "postgres", "postgresql")
		if f == nil && strings.Trim(u.Path, "/") == "" {
			f = &flaw{"names no database", remedy}
		}
		return text, f
	}
	return text, &flaw{"names a database that NaviDocs does not use", remedy}
}

func parseBlobs(text string, _ Option, home string) (any, *flaw) {
	if path, ok := strings.CutPrefix(text, "file://"); ok || !isURL(text) {
		return under(home, path), nil
	}
	const remedy = "write a folder, or s3://key:secret@host/bucket"
	u, f := parseURL(text, "s3")
	if f != nil {
		f.remedy = remedy
		return text, f
	}
	if u.Hostname() == "" || strings.Trim(u.Path, "/") == "" {
		return text, &flaw{"names no host or no bucket", remedy}
	}
	return text, nil
}

func checkRedis(s string) *flaw {
	u, f := parseURL(s, "redis", "rediss", "unix")
	if f == nil && u.Host == "" && u.Path == "" {
		return &flaw{"names no host", "write redis://host:6379/0"}
	}
	return f
}
