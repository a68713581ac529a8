package wire

import (
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"golang.org/x/net/html/charset"

	"navidocs/internal/fault"
)

// The bounds of XML that others wrote.
const (
	MaxXML   = 64 << 20
	maxDepth = 64
	maxNodes = 50_000 // elements and pieces of text of one boat
)

// Node is an element with all that is in it.
type Node struct {
	Name string
	Attr []xml.Attr
	Text string // all of its own text, as written
	Kids []*Node
}

// A is an attribute's text, empty when it has none; a name with any prefix.
func (n *Node) A(name string) string {
	if n != nil {
		for _, a := range n.Attr {
			if strings.EqualFold(a.Name.Local, name) {
				return strings.TrimSpace(a.Value)
			}
		}
	}
	return ""
}

// T is the text, on one line.
func (n *Node) T() string {
	if n == nil {
		return ""
	}
	return Line(n.Text)
}

// At is the first element by a path of names below n, nil when there is none.
func (n *Node) At(path ...string) *Node {
	for _, name := range path {
		if n == nil {
			return nil
		}
		i := slices.IndexFunc(n.Kids, func(k *Node) bool { return strings.EqualFold(k.Name, name) })
		if i < 0 {
			return nil
		}
		n = n.Kids[i]
	}
	return n
}

// All are the elements of a name directly below n.
func (n *Node) All(name string) (found []*Node) {
	if n != nil {
		for _, k := range n.Kids {
			if strings.EqualFold(k.Name, name) {
				found = append(found, k)
			}
		}
	}
	return found
}

// Walker reads a long document element by element.
type Walker struct {
	// Enter is called where an element begins that is not Whole.
	Enter func(n *Node) error
	// Leave is called where such an element ends.
	Leave func(name string) error
	// Whole says of a name whether Take wants the element with all that is in it.
	Whole func(name string) bool
	Take  func(n *Node) error
	// Max is how many bytes may be read; MaxXML when 0.
	Max int64
	// Label names a whole element in errors: its name and its number.
	Label func(n *Node) string

	d     *xml.Decoder
	depth int
	nodes int
	open  []*Node  // of the whole element that is being read
	texts [][]byte // of each of them
}

// limited ends with TooLarge in place of io.EOF.
type limited struct {
	r         io.Reader
	max, left int64
}

func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, fault.New(fault.TooLarge, "the document is longer than the %d MB allowed", l.max>>20)
	}
	n, err := l.r.Read(p[:min(int64(len(p)), l.left)])
	l.left -= int64(n)
	return n, err
}

// Walk reads to the end. No entity but those of HTML is known, and no document type
// is read. Errors are Invalid or TooLarge and name the element.
func (w *Walker) Walk(r io.Reader) error {
	most := cmp.Or(w.Max, MaxXML)
	w.d = xml.NewDecoder(&limited{r, most, most + 1})
	w.d.Entity = xml.HTMLEntity
	w.d.CharsetReader = charset.NewReaderLabel
	for {
		token, err := w.d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = w.step(token)
		}
		if err != nil {
			return w.explain(err)
		}
	}
}

func (w *Walker) step(token xml.Token) error {
	switch t := token.(type) {
	case xml.StartElement:
		return w.start(&Node{Name: t.Name.Local, Attr: slices.Clone(t.Attr)})
	case xml.CharData:
		if len(w.open) > 0 {
			top := len(w.texts) - 1
			w.texts[top] = append(w.texts[top], t...)
			return w.count()
		}
	case xml.EndElement:
		return w.end(t.Name.Local)
	}
	return nil
}

func (w *Walker) start(n *Node) error {
	if w.depth++; w.depth > maxDepth {
		return fault.New(fault.TooLarge, "elements are nested more than %d deep", maxDepth)
	}
	if len(w.open) == 0 {
		if !w.Whole(n.Name) {
			return w.Enter(n)
		}
		w.nodes = 0
		w.push(n)
		return nil
	}
	if err := w.count(); err != nil {
		return err
	}
	top := w.open[len(w.open)-1]
	top.Kids = append(top.Kids, n)
	w.push(n)
	return nil
}

func (w *Walker) push(n *Node) { w.open, w.texts = append(w.open, n), append(w.texts, nil) }

// count bounds what one boat may cost.
func (w *Walker) count() error {
	if w.nodes++; w.nodes > maxNodes {
		return fault.New(fault.TooLarge, "it has more than %d parts", maxNodes)
	}
	return nil
}

func (w *Walker) end(name string) error {
	w.depth--
	if len(w.open) == 0 {
		if w.Leave != nil {
			return w.Leave(name)
		}
		return nil
	}
	n, last := w.open[len(w.open)-1], len(w.texts)-1
	n.Text = string(w.texts[last])
	w.texts = w.texts[:last]
	if len(w.open) > 1 {
		w.open = w.open[:len(w.open)-1]
		return nil
	}
	err := w.Take(n)
	if err == nil {
		w.open = w.open[:0]
	}
	return err
}

// explain says where an error was met.
func (w *Walker) explain(err error) error {
	line, _ := w.d.InputPos()
	place := fmt.Sprintf("line %d", line)
	if len(w.open) > 0 {
		place = w.Label(w.open[0])
		if len(w.open) > 1 {
			place += ", element " + short(w.open[len(w.open)-1].Name)
		}
	}
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return fault.New(f.Kind, "%s: %s", place, f.Message)
	}
	if s, ok := errors.AsType[*xml.SyntaxError](err); ok {
		return fault.Because(err, fault.Invalid, "%s: the XML is broken at line %d: %s", place, s.Line, short(s.Msg))
	}
	return fault.Because(err, fault.Invalid, "%s: the document cannot be read", place)
}

// short is a text as a message may repeat it.
func short(s string) string {
	s = Line(s)
	if len(s) > 100 {
		s = strings.ToValidUTF8(s[:100], "") + "…"
	}
	return s
}

// Short is what a message may repeat of somebody else's text.
func Short(s string) string { return short(s) }
