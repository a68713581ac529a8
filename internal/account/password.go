package account

import (
	"context"
	"crypto/subtle"
	_ "embed"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"navidocs/internal/fault"
	"navidocs/internal/vault"
)

//go:embed common_passwords.txt
var commonPasswords string

// Cost is what the hash of a password takes, by argon2id.
type Cost struct {
	Memory uint32 // KiB
	Time   uint32 // passes
}

// dear is what OWASP's password storage asks for: m=19 MiB, t=2, p=1.
func dear() Cost { return Cost{Memory: 19 * 1024, Time: 2} }

const (
	argonLanes = 1
	argonKey   = 32
)

// hasher bounds how many hashes are computed at once: each takes 19 MiB.
type hasher struct {
	cost  Cost
	slots chan struct{}
	key   func(password, salt []byte, time, memory uint32, lanes uint8, size uint32) []byte
}

func newHasher(n int, cost Cost) *hasher { return &hasher{cost, make(chan struct{}, n), argon2.IDKey} }

func (h *hasher) derive(ctx context.Context, password string, salt []byte, time, memory uint32, lanes uint8, size uint32) ([]byte, error) {
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
		return h.key([]byte(password), salt, time, memory, lanes, size), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// hash makes the PHC string of a password.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	salt := vault.Random(16)
	key, err := h.derive(ctx, password, salt, h.cost.Time, h.cost.Memory, argonLanes, argonKey)
	if err != nil {
		return "", err
	}
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=%d$%s$%s", h.cost.Memory, h.cost.Time, argonLanes,
		b64.EncodeToString(salt), b64.EncodeToString(key)), nil
}

// matches compares a password with a PHC string in constant time. An empty
// string (no such user) costs as much as a real one and never matches.
func (h *hasher) matches(ctx context.Context, password, phc string) (bool, error) {
	var memory, time uint32
	var lanes uint8
	parts := strings.Split(phc, "$")
	if len(parts) != 6 || parts[1] != "argon2id" {
		_, err := h.derive(ctx, password, make([]byte, 16), h.cost.Time, h.cost.Memory, argonLanes, argonKey)
		return false, err
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &time, &lanes); err != nil {
		return false, fmt.Errorf("stored password hash: %w", err)
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return false, fmt.Errorf("stored password salt: %w", err)
	}
	want, err := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil {
		return false, fmt.Errorf("stored password key: %w", err)
	}
	got, err := h.derive(ctx, password, salt, time, memory, lanes, uint32(len(want)))
	return err == nil && subtle.ConstantTimeCompare(got, want) == 1, err
}

// checkPassword applies the rule: 10 to 200 characters, not a common one, not
// the address itself.
func checkPassword(password, email string) *fault.Field {
	n := utf8.RuneCountInString(password)
	lower := strings.ToLower(password)
	switch {
	case n < 10 || n > 200:
		return &fault.Field{Location: "body.password", Message: "must have 10 to 200 characters"}
	case slices.Contains(strings.Fields(commonPasswords), lower):
		return &fault.Field{Location: "body.password", Message: "is one of the most common passwords: choose another"}
	case lower == strings.ToLower(email):
		return &fault.Field{Location: "body.password", Message: "must differ from the e-mail address"}
	}
	return nil
}
