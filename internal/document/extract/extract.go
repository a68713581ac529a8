// Package extract takes documents apart: how many pages, what text stands on
// each, what each looks like. Every file is opened in a child process of its
// own, because files come from strangers: one that hangs, eats memory or
// crashes its decoder kills the child, never the server.
//
// The server side is Extractor. The child side is Main, which a hidden command
// of the same binary runs. Neither side trusts the other's file: the parent
// only ever reads bounded frames.
package extract

import (
	"fmt"
	"time"
)

// Why a file or one of its pages could not be taken apart.
const (
	ReasonBroken      = "broken"      // not what its media type says, or damaged
	ReasonEncrypted   = "encrypted"   // needs a password
	ReasonTimeout     = "timeout"     // took longer than the deadline
	ReasonMemory      = "memory"      // needed more than the limit
	ReasonUnsupported = "unsupported" // a format or a size that is not read
	ReasonCrashed     = "crashed"     // the child, or an engine in it, gave up
)

// Where the text of a page comes from.
const (
	SourceNative = "native" // the file holds it as text
	SourceOCR    = "ocr"    // it was read from the image
)

// Refused says that a whole file cannot be taken apart. Asking again gives the
// same answer.
type Refused struct {
	Reason string
	// Detail is for the log; it may quote the file.
	Detail string
}

func (r *Refused) Error() string {
	if r.Detail == "" {
		return "file refused: " + r.Reason
	}
	return "file refused: " + r.Reason + ": " + r.Detail
}

func refuse(reason, format string, args ...any) *Refused {
	return &Refused{Reason: reason, Detail: fmt.Sprintf(format, args...)}
}

// Info is what a file says about itself.
type Info struct {
	Pages   int           `json:"pages"`
	Title   string        `json:"title,omitempty"`
	Outline []OutlineItem `json:"outline,omitempty"`
}

// OutlineItem is one line of a file's table of contents.
type OutlineItem struct {
	Title string `json:"title"`
	// Page is the page it leads to, from 1; 0 when it leads nowhere.
	Page int `json:"page"`
	// Level is 1 for chapters, 2 for what stands below them.
	Level int `json:"level"`
}

// Page is one page, taken apart. Text is valid UTF-8 without NUL and at most
// 64 KiB long.
type Page struct {
	Number int    `json:"number"`
	Text   string `json:"text,omitempty"`
	// Source is SourceNative, SourceOCR or empty when there is no text.
	Source string `json:"source,omitempty"`
	// Language is a guess: en, fr, de, it, es or empty.
	Language string `json:"language,omitempty"`
	// Width and Height are those of Screen in pixels.
	Width  int `json:"width,omitempty"`
	Height int `json:"height,omitempty"`
	// Rotation is how far Thumb and Screen were turned clockwise so that the
	// text stands upright: 0, 90, 180 or 270.
	Rotation int `json:"rotation,omitempty"`
	// Thumb and Screen are JPEG images of at most 240 and 1280 pixels; both
	// are empty for text files.
	Thumb  []byte `json:"thumb,omitempty"`
	Screen []byte `json:"screen,omitempty"`
	// Reason says why this page alone failed; empty when it did not.
	Reason string `json:"reason,omitempty"`
}

// NativeOff as Options.Native never starts the installed program.
const NativeOff = "off"

// Options say how to start children and what they may use.
type Options struct {
	// Command starts the child: the program and its arguments.
	Command []string
	// CacheDir keeps compiled modules between children. Without it every
	// child spends seconds on compiling them.
	CacheDir string
	// TessdataDir may hold more languages for the embedded engine.
	TessdataDir string
	// Languages are those to read in, by Tesseract's names, the most likely
	// one first; ["eng"] when empty. One that no engine knows is left out.
	Languages []string
	// PageDeadline bounds the work on one page, and on opening a file; a
	// minute when zero.
	PageDeadline time.Duration
	// MemoryLimit bounds the child's resident memory in bytes; 1 GiB when
	// zero. It is enforced on Linux only.
	MemoryLimit int64
	// Native is the tesseract program to prefer over the embedded engine:
	// empty looks it up in PATH, NativeOff never uses one.
	Native string
}

const (
	defaultDeadline = time.Minute
	defaultMemory   = 1 << 30
)

func (o Options) withDefaults() Options {
	if len(o.Languages) == 0 {
		o.Languages = []string{"eng"}
	}
	if o.PageDeadline == 0 {
		o.PageDeadline = defaultDeadline
	}
	if o.MemoryLimit == 0 {
		o.MemoryLimit = defaultMemory
	}
	return o
}
