// Command gen prints the papers of the demo into the folder it is given.
package main

import (
	"fmt"
	"os"

	"navidocs/internal/demo/press"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: gen DIRECTORY")
		os.Exit(2)
	}
	if err := press.Write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
