package https

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"

	"navidocs/internal/fault"
)

// filesEvery is how often the files are read: a renewal comes weeks before the
// end, so that a minute does not matter.
const filesEvery = 10 * time.Second

// files are a chain and a key that somebody else renews in place.
type files struct {
	cert, key string
	log       *slog.Logger

	mu   sync.Mutex
	pair *tls.Certificate
	text [2][]byte // what the files held when they were last read
}

func newFiles(c Config) (*files, error) {
	f := &files{cert: c.CertFile, key: c.KeyFile, log: c.Log}
	_, err := f.read()
	return f, err
}

// read takes the files when they have changed. With an error the old pair stays.
func (f *files) read() (changed bool, err error) {
	var text [2][]byte
	for i, name := range []string{f.cert, f.key} {
		if text[i], err = os.ReadFile(name); err != nil { //nolint:forbidigo // TLS_CERT_FILE and TLS_KEY_FILE
			return false, fault.Because(err, fault.Invalid, "%s cannot be read: correct TLS_CERT_FILE and TLS_KEY_FILE, or who may read them", name)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if bytes.Equal(text[0], f.text[0]) && bytes.Equal(text[1], f.text[1]) {
		return false, nil
	}
	f.text = text // a bad pair is told once
	pair, err := tls.X509KeyPair(text[0], text[1])
	if err != nil {
		return false, fault.Because(err, fault.Invalid, "%s and %s are no certificate with its key: correct TLS_CERT_FILE and TLS_KEY_FILE", f.cert, f.key)
	}
	f.pair = &pair
	return true, nil
}

func (f *files) certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.pair == nil {
		return nil, errors.New("there is no certificate")
	}
	return f.pair, nil
}

func (f *files) look(ctx context.Context) {
	changed, err := f.read()
	switch {
	case err != nil:
		f.log.ErrorContext(ctx, "the certificate cannot be read again, and the old one stays", "error", err)
	case changed:
		f.log.InfoContext(ctx, "the certificate was read again", "not_after", f.leaf().NotAfter)
	}
}

func (f *files) leaf() *x509.Certificate {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.pair == nil {
		return nil
	}
	return f.pair.Leaf
}

func (f *files) protocols() []string { return nil }

func (f *files) plain(next http.Handler) http.Handler { return next }
