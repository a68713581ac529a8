package extract

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFramesGoThere(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	want := []reply{
		{Opened: &opened{Pages: 3}},
		{Page: &Page{Number: 1, Text: "Größe", Thumb: []byte{0, 1, 255}}},
		{Refuse: &Refused{Reason: ReasonBroken, Detail: "x"}},
	}
	for _, m := range want {
		if err := writeFrame(&b, m); err != nil {
			t.Fatal(err)
		}
	}
	var got []reply
	for {
		var m reply
		err := readFrame(&b, &m)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, m)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if err := writeFrame(io.Discard, strings.Repeat("x", maxFrame)); !errors.Is(err, errFrame) {
		t.Errorf("a frame too large: %v", err)
	}
	if err := writeFrame(io.Discard, func() {}); err == nil {
		t.Error("a function was sent")
	}
}

func TestFramesOfLiarsAreRefused(t *testing.T) {
	t.Parallel()
	for name, data := range map[string]string{
		"announces too much": "\xff\xff\xff\xff",
		"ends early":         "\x00\x00\x00\x09{}",
		"no length":          "\x00\x00",
		"no message":         "\x00\x00\x00\x02[]",
		"garbage":            "\x00\x00\x00\x02{{",
	} {
		var m reply
		if err := readFrame(strings.NewReader(data), &m); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func FuzzReadFrame(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x0d{\"done\":true}"))
	f.Add([]byte("\x00\x00\x00\x02{}\x00\x00\x00\x02[]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bytes.NewReader(data)
		for {
			var m reply
			if err := readFrame(r, &m); err != nil {
				return
			}
		}
	})
}
