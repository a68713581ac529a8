package sheet

import (
	"bytes"
	"fmt"
	"image/jpeg"
	"slices"

	"codeberg.org/go-pdf/fpdf"
)

// Break has the next block begin on a new page.
func (s *Sheet) Break() {
	if !s.fresh {
		s.page()
	}
}

// Picture shows a JPEG on a page of its own, as large as fits, under a caption.
// One that cannot be decoded is said to be so.
func (s *Sheet) Picture(caption string, picture []byte) {
	s.Break()
	s.Note(caption)
	size, err := jpeg.DecodeConfig(bytes.NewReader(picture))
	if err != nil || size.Width < 1 || size.Height < 1 {
		s.Paragraph("This picture cannot be shown.")
		return
	}
	name := fmt.Sprint("picture ", s.pdf.PageCount())
	options := fpdf.ImageOptions{ImageType: "jpg"}
	// fpdf keeps what it reads without copying it.
	s.pdf.RegisterImageOptionsReader(name, options, bytes.NewReader(slices.Clone(picture)))
	width, height := s.inner(), s.height-bottom-s.y
	if ratio := float64(size.Width) / float64(size.Height); width/height > ratio {
		width = height * ratio
	} else {
		height = width / ratio
	}
	s.pdf.ImageOptions(name, side+(s.inner()-width)/2, s.y, width, height, false, options, 0, "")
	s.down(height)
}
