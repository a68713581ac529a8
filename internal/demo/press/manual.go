package press

func manual() (File, error) { return newBook("x", day(2023, 1, 1)).file("watermaker-manual.pdf") }
