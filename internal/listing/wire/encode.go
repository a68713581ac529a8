package wire

import (
	"encoding/xml"
	"io"
)

// El is an element with its text or its children; nil children are left out.
func El(name, text string, kids ...*Node) *Node {
	n := &Node{Name: name, Text: Clean(text)}
	for _, k := range kids {
		if k != nil {
			n.Kids = append(n.Kids, k)
		}
	}
	return n
}

// Opt is an element with a text of one line, nil when there is none.
func Opt(name, text string) *Node {
	if text = Line(text); text == "" {
		return nil
	}
	return El(name, text)
}

// Group is an element of its children, nil when all of them are nil.
func Group(name string, kids ...*Node) *Node {
	if n := El(name, "", kids...); len(n.Kids) > 0 {
		return n
	}
	return nil
}

// With adds an attribute; nil stays nil.
func (n *Node) With(name, value string) *Node {
	if n != nil {
		n.Attr = append(n.Attr, xml.Attr{Name: xml.Name{Local: name}, Value: Line(value)})
	}
	return n
}

// Encode writes a document: the same tree is the same bytes.
func Encode(w io.Writer, root *Node) error {
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", " ")
	if err := encode(e, root); err != nil {
		return err
	}
	if err := e.Flush(); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func encode(e *xml.Encoder, n *Node) error {
	start := xml.StartElement{Name: xml.Name{Local: n.Name}, Attr: n.Attr}
	if err := e.EncodeToken(start); err != nil {
		return err
	}
	if n.Text != "" {
		if err := e.EncodeToken(xml.CharData(n.Text)); err != nil {
			return err
		}
	}
	for _, k := range n.Kids {
		if err := encode(e, k); err != nil {
			return err
		}
	}
	return e.EncodeToken(start.End())
}
