package ops

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"navidocs/internal/backup"
	"navidocs/internal/config"
	"navidocs/internal/db"
)

// faultsOf are the mistakes in secrets, or those in all else.
func (p *Preflight) faultsOf(secret bool) (some config.Faults) {
	options := config.Options()
	for _, f := range p.Faults {
		is := slices.ContainsFunc(options, func(o config.Option) bool {
			return o.Secrecy == config.Secret && (f.Name == o.Name || f.Name == o.FileName())
		})
		if is == secret {
			some = append(some, f)
		}
	}
	return some
}

// mistaken says every mistake with what to do about it.
func mistaken(faults config.Faults) (Finding, error) {
	var texts, remedies []string
	for _, f := range faults {
		remedy := f.Remedy
		if remedy == "" {
			remedy = "put it right, or remove the line"
		}
		f.Remedy = ""
		texts, remedies = append(texts, f.String()), append(remedies, f.Name+": "+remedy)
	}
	return fail(strings.Join(remedies, "; "), "%s: %s", plural(len(faults), "mistake"), strings.Join(texts, "; "))
}

func (p *Preflight) config(context.Context) (Finding, error) {
	if faults := p.faultsOf(false); len(faults) > 0 {
		return mistaken(faults)
	}
	c := p.Config
	switch {
	case p.Without != "":
		return warn("use a binary that can, or remove the setting", "%s", p.Without)
	case !c.Production():
		return pass("it is whole; APP_ENV=%s", c.App.Env)
	case c.App.URL == "":
		return warn("set APP_BASE_URL to the address that people use", "APP_BASE_URL is not set: links in mails lead nowhere")
	case !strings.HasPrefix(c.App.URL, "https://"):
		return warn("serve it by HTTPS, and set APP_BASE_URL to https://...", "APP_BASE_URL is %s: passwords travel in the clear", c.App.URL)
	case !p.mayCall():
		return warn("add "+origin(c.App.URL)+" to CORS_ORIGIN", "API_BASE_URL is another origin than APP_BASE_URL, and CORS_ORIGIN does not let its pages call the API")
	}
	return pass("it is whole; people use %s", c.App.URL)
}

// mayCall tells whether the pages of the application may call the API.
func (p *Preflight) mayCall() bool {
	c := p.Config
	app := origin(c.App.URL)
	return c.App.APIURL == "" || origin(c.App.APIURL) == app || slices.ContainsFunc(c.Server.CORSOrigins, func(o string) bool { return origin(o) == app })
}

func origin(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	return strings.ToLower(u.Scheme + "://" + u.Host)
}

// jwtFile is the key of sessions below data/keys.
const jwtFile = "jwt"

// secrets: each key is there, and nobody else reads what it stands in. That a
// given one is long enough the configuration has seen to.
func (p *Preflight) secrets(ctx context.Context) (Finding, error) {
	if faults := p.faultsOf(true); len(faults) > 0 {
		return mistaken(faults)
	}
	if runtime.GOOS != "windows" {
		if open := p.open(); len(open) > 0 {
			return fail("chmod o= "+strings.Join(open, " "), "everybody on this machine may read %s", strings.Join(open, ", "))
		}
	}
	used, err := p.used(ctx)
	if err != nil {
		return Finding{}, err
	}
	var told []string
	for _, key := range []struct{ name, file string }{{"JWT_SECRET", jwtFile}, {"WEBHOOK_SIGNATURE_SECRET", backup.SealFile}} {
		file := filepath.Join(p.Config.KeyDir(), key.file)
		_, err := os.Stat(file)
		source := p.sourceOf(key.name)
		switch {
		case source != "":
		case err == nil:
			source = file
		case used:
			return fail("set "+key.name+", or bring data/keys back from a backup: navidocs backup restore ID --to DIR --identity FILE",
				"%s is missing: it is neither set nor in %s, and what was sealed or signed with it is lost without it", key.name, file)
		default:
			source = "made at the first start"
		}
		told = append(told, fmt.Sprintf("%s (%s)", key.name, source))
	}
	return pass("%s", strings.Join(told, ", "))
}

// used tells whether somebody has an account: keys have sealed and signed then.
func (p *Preflight) used(ctx context.Context) (bool, error) {
	if p.Doctor == nil {
		return false, nil
	}
	n, err := db.One(ctx, p.Doctor.DB, db.Scalar[int], "SELECT count(*) FROM users")
	return n > 0, err
}

// sourceOf is where a secret that is set came from.
func (p *Preflight) sourceOf(name string) string {
	for _, s := range config.Redacted(p.Config) {
		if s.Name == name && s.Value != "" {
			return s.Source
		}
	}
	return ""
}

// open are the files with secrets that everybody may read.
func (p *Preflight) open() (open []string) {
	files := slices.Clone(p.EnvFiles)
	for _, s := range config.Redacted(p.Config) {
		if s.Source != "environment" && s.Source != "default" {
			files = append(files, s.Source)
		}
	}
	keys, err := filepath.Glob(filepath.Join(p.Config.KeyDir(), "*"))
	if err == nil {
		files = append(files, keys...)
	}
	slices.Sort(files)
	for _, file := range slices.Compact(files) {
		if strings.HasSuffix(file, ".pub") {
			continue
		}
		if !filepath.IsAbs(file) {
			file = filepath.Join(p.Config.Home, file)
		}
		if info, err := os.Stat(file); err == nil && info.Mode().Perm()&0o004 != 0 {
			open = append(open, file)
		}
	}
	return open
}
