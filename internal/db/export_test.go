package db

// OnStep sets what is called before each change on disk of a replacement.
func OnStep(f func()) { step = f }
