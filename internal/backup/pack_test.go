package backup

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"
)

// What is compressed in frames, side by side, comes back in its order, whether
// it fills its frames or not.
func TestFramesComeBackInTheirOrder(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, frameSize - 1, frameSize, frameSize + 1, 3*frameSize + 7} {
		plain := noise(size)
		var packed bytes.Buffer
		n, err := compress(&packed, iotest.HalfReader(bytes.NewReader(plain)))
		if err != nil || n != int64(size) {
			t.Fatal(size, n, err)
		}
		r, err := unpack(&packed, false, nil)
		if err != nil {
			t.Fatal(size, err)
		}
		got, err := io.ReadAll(r)
		if err := errors.Join(err, r.Close()); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%d bytes: %d came back, %v", size, len(got), err)
		}
	}
}

// noise is half of it compressible.
func noise(size int) []byte {
	dice := rand.New(rand.NewPCG(1, uint64(size)))
	out := make([]byte, size)
	for i := range out {
		if i/1000%2 == 0 {
			out[i] = byte(dice.Uint32())
		}
	}
	return out
}

// What cannot be read or written ends the work and is told.
func TestCompressingEndsAtAnError(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for _, before := range []int{0, 10, 5 * frameSize} {
		if _, err := compress(io.Discard, io.MultiReader(bytes.NewReader(noise(before)), iotest.ErrReader(broken))); !errors.Is(err, broken) {
			t.Error(before, err)
		}
	}
	full := writerFunc(func([]byte) (int, error) { return 0, broken })
	if _, err := compress(full, bytes.NewReader(noise(9*frameSize))); !errors.Is(err, broken) {
		t.Error(err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
