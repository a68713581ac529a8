// Command figures measures the code: how long functions, files and packages
// are, how much is exported and documented, how much test there is. It prints
// the figures beside their aims and fails for two of them alone: a function
// above 80 lines and a file above 800.
package main

import (
	"fmt"
	"io"
	"os"
)

func main() {
	root := "."
	if len(os.Args) > 1 {
		root = os.Args[1]
	}
	os.Exit(run(root, os.Stdout))
}

func run(root string, out io.Writer) int {
	t, err := measure(root)
	if err != nil {
		fmt.Fprintln(out, "figures:", err)
		return 2
	}
	t.print(out)
	faults := t.faults()
	for _, f := range faults {
		fmt.Fprintln(out, "figures: TOO LONG:", f)
	}
	return min(len(faults), 1)
}
