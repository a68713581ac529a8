package account

import (
	"context"
	"strings"
	"testing"
)

func TestHashIsAPHCStringThatVerifies(t *testing.T) {
	t.Parallel()
	h := newHasher(2, dear())
	first, err := h.hash(t.Context(), password)
	if err != nil {
		t.Fatal(err)
	}
	second, err := h.hash(t.Context(), password)
	if err != nil || first == second {
		t.Error("the salt is not new", err)
	}
	if !strings.HasPrefix(first, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Error(first)
	}
	for name, test := range map[string]struct {
		password, stored string
		want, broken     bool
	}{
		"the password":     {password, first, true, false},
		"another":          {password + " ", first, false, false},
		"no such user":     {password, "", false, false},
		"another kind":     {password, "$2b$10$abcdefghijklmnopqrstuv", false, false},
		"lower parameters": {"password", "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$tXTLXtJsmZE", false, false},
		"bad parameters":   {password, "$argon2id$v=19$m=x$c2FsdA$a2V5", false, true},
		"bad salt":         {password, "$argon2id$v=19$m=64,t=1,p=1$*$a2V5", false, true},
		"bad key":          {password, "$argon2id$v=19$m=64,t=1,p=1$c2FsdA$*", false, true},
	} {
		got, err := h.matches(t.Context(), test.password, test.stored)
		if got != test.want || (err != nil) != test.broken {
			t.Errorf("%s: %t, %v", name, got, err)
		}
	}
}

// How many hashes are computed at once is bounded; who waits may give up.
func TestHashingWaitsForItsTurn(t *testing.T) {
	t.Parallel()
	h := newHasher(1, dear())
	h.slots <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.hash(ctx, password); err == nil {
		t.Error("a hash was computed beyond the bound")
	}
	// Whoever is unknown waits like whoever is known.
	if _, err := h.matches(ctx, password, ""); err == nil {
		t.Error("an unknown address costs nothing")
	}
}

func TestCommonPasswordsAreRefused(t *testing.T) {
	t.Parallel()
	list := strings.Fields(commonPasswords)
	if len(list) < 1000 {
		t.Errorf("%d passwords are listed", len(list))
	}
	for _, p := range list {
		if f := checkPassword(p, "ada@example.org"); f == nil {
			t.Errorf("%s is accepted", p)
		}
		if f := checkPassword(strings.ToUpper(p), "ada@example.org"); f == nil {
			t.Errorf("%s is accepted", strings.ToUpper(p))
		}
	}
	for _, p := range []string{"0123456789\n0987654321", "seaworthy kettle", "äöüßäöüßäö"} {
		if f := checkPassword(p, "ada@example.org"); f != nil {
			t.Errorf("%q: %s", p, f.Message)
		}
	}
}
