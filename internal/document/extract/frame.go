package extract

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// maxFrame bounds one message: the two images of a page and its text fit many
// times over.
const maxFrame = 16 << 20

// errFrame says that the other side does not speak the protocol.
var errFrame = errors.New("bad frame")

// request is the one thing that a parent sends: what to do with which file,
// and with which engines.
type request struct {
	Op          string   `json:"op"`
	Path        string   `json:"path"`
	MediaType   string   `json:"media_type"`
	From        int      `json:"from,omitempty"`
	To          int      `json:"to,omitempty"` // 0 is the last page
	CacheDir    string   `json:"cache_dir,omitempty"`
	TessdataDir string   `json:"tessdata_dir,omitempty"`
	Languages   []string `json:"languages"`
	Native      string   `json:"native,omitempty"`
}

// The operations of a request.
const (
	opInspect = "inspect"
	opPages   = "pages"
)

// reply is what a child sends, in this order: Opened once, then Info or one
// Page after another, then Done; or Refuse or Failed at any time, which is the
// last.
type reply struct {
	// Opened says that the file could be opened; what kills the child from
	// here on is one page's fault.
	Opened *opened  `json:"opened,omitempty"`
	Info   *Info    `json:"info,omitempty"`
	Page   *Page    `json:"page,omitempty"`
	Refuse *Refused `json:"refuse,omitempty"`
	// Failed says that the child cannot work, whatever the file.
	Failed string `json:"failed,omitempty"`
	Done   bool   `json:"done,omitempty"`
}

type opened struct {
	Pages int `json:"pages"`
}

// writeFrame sends a message as its length in four bytes and its JSON.
func writeFrame(w io.Writer, message any) error {
	body, err := json.Marshal(message)
	if err != nil {
		return err
	}
	if len(body) > maxFrame {
		return fmt.Errorf("%w: %d bytes to send", errFrame, len(body))
	}
	_, err = w.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...))
	return err
}

// readFrame fills message with the next one; io.EOF when the other side ended
// between two frames.
func readFrame(r io.Reader, message any) error {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return err
	}
	size := binary.BigEndian.Uint32(head[:])
	if size > maxFrame {
		return fmt.Errorf("%w: %d bytes announced", errFrame, size)
	}
	// The buffer grows with what arrives, not with what was announced.
	body, err := io.ReadAll(io.LimitReader(r, int64(size)))
	if err != nil {
		return err
	}
	if len(body) < int(size) {
		return io.ErrUnexpectedEOF
	}
	if err := json.Unmarshal(body, message); err != nil {
		return fmt.Errorf("%w: %w", errFrame, err)
	}
	return nil
}
