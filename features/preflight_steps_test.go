package features

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cucumber/godog"

	"navidocs/internal/ops"
)

// checking is what a scenario about preflight knows.
type checking struct {
	*deploying

	found []ops.Finding
}

func (w *world) preflightSteps(sc *godog.ScenarioContext) {
	c := &checking{deploying: &deploying{world: w}}
	sc.Step(`^an installation with a missing secret, a placeholder, a certificate that ends in a day, and a full disk$`, c.faulty)
	sc.Step(`^the operator looks before a deploy$`, c.looks)
	sc.Step(`^the look fails$`, c.fails)
	sc.Step(`^"([^"]*)" fails because "([^"]*)", with the fix "([^"]*)"$`, c.names)
}

func (c *checking) faulty() (err error) {
	c.home = c.t.TempDir()
	if c.program, err = built(); err != nil {
		return err
	}
	settings := []string{
		"SMTP_HOST=mail.example.com", "SMTP_FROM=boats@example.com", "SMTP_USER=boats", // and no password
		"APP_BASE_URL=https://boats.example.com", "OPERATOR_EMAIL=<your address>", "TLS_CERT_FILE=" + filepath.Join(c.home, "cert.pem"), "TLS_KEY_FILE=" + filepath.Join(c.home, "key.pem"),
	}
	return errors.Join(os.WriteFile(filepath.Join(c.home, "env"), []byte(strings.Join(settings, "\n")), 0o600), c.certify(24*time.Hour), c.fillDisk())
}

// certify makes a certificate of 90 days that ends soon.
func (c *checking) certify(left time.Duration) error {
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	ends := time.Now().Add(left)
	cert := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"boats.example.com"}, NotBefore: ends.AddDate(0, 0, -90), NotAfter: ends}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, secret.Public(), secret)
	if err != nil {
		return err
	}
	key, err := x509.MarshalPKCS8PrivateKey(secret)
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(c.home, "cert.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600),
		os.WriteFile(filepath.Join(c.home, "key.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), 0o600))
}

// fillDisk has a database of which no disk takes a copy: a file of holes.
func (c *checking) fillDisk() error {
	path := filepath.Join(c.home, "data", "navidocs.db")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, 15<<40))
}

func (c *checking) looks() error {
	cmd := c.command("preflight", "--json")
	out, err := cmd.Output()
	if cmd.ProcessState == nil {
		return err
	}
	c.code = cmd.ProcessState.ExitCode()
	return json.Unmarshal(out, &c.found)
}

func (c *checking) fails() error {
	if c.code != 1 {
		return fmt.Errorf("exit code %d", c.code)
	}
	return nil
}

func (c *checking) names(check, why, fix string) error {
	for _, f := range c.found {
		if f.Check != check {
			continue
		}
		if f.Verdict != ops.Fail || !strings.Contains(f.Text, why) || !strings.Contains(f.Remedy, fix) {
			return fmt.Errorf("%+v", f)
		}
		return nil
	}
	return fmt.Errorf("there is no check %s", check)
}
