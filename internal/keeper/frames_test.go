package keeper

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"golang.org/x/net/http2"
)

// Wherever what a server writes is cut, a frame is put in between two others and
// nowhere else: by the account of who reads them.
func FuzzFrames(f *testing.F) {
	f.Add([]byte{}, uint64(1))
	f.Add(written(f, func(fr *http2.Framer) error { return fr.WriteSettings() }), uint64(2))
	f.Add(written(f, func(fr *http2.Framer) error { return fr.WriteData(1, true, make([]byte, 20_000)) }), uint64(3))
	f.Add(written(f, func(fr *http2.Framer) error {
		return fr.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: []byte{0x82}})
	}), uint64(4))
	f.Add(written(f, func(fr *http2.Framer) error { return fr.WriteContinuation(1, true, []byte{0x82}) }), uint64(5))
	f.Add(written(f, func(fr *http2.Framer) error { return fr.WriteGoAway(7, http2.ErrCodeNo, nil) }), uint64(6))
	f.Fuzz(func(t *testing.T, all []byte, seed uint64) {
		ends, goneAway := read(all)
		dice := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // where to cut
		var at frames
		for done := 0; done < len(all); {
			n := 1 + dice.IntN(len(all)-done)
			at.follow(all[done : done+n])
			done += n
			if at.between() != ends[done] {
				t.Fatalf("after %d of %d bytes: %t", done, len(all), at.between())
			}
		}
		if at.goneAway != goneAway {
			t.Error(at.goneAway)
		}
	})
}

func written(t testing.TB, write func(*http2.Framer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	fr := http2.NewFramer(&b, nil)
	fr.AllowIllegalWrites = true // a whole header block is not wanted
	if err := fr.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	if err := write(fr); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// read returns after how many bytes a frame may be put in, and whether one was a
// GOAWAY.
func read(all []byte) (ends map[int]bool, goneAway bool) {
	ends = map[int]bool{}
	for at, block := 0, false; ; {
		h, err := http2.ReadFrameHeader(bytes.NewReader(all[at:]))
		if err != nil {
			return ends, goneAway
		}
		goneAway = goneAway || h.Type == http2.FrameGoAway
		if slices.Contains([]http2.FrameType{http2.FrameHeaders, http2.FramePushPromise, http2.FrameContinuation}, h.Type) {
			block = !h.Flags.Has(http2.FlagHeadersEndHeaders)
		}
		if at += 9 + int(h.Length); at > len(all) {
			return ends, goneAway
		}
		ends[at] = !block
	}
}
