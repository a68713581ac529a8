package star

// Lists are the lists of codes.
func Lists() map[string][]string { return lists }
