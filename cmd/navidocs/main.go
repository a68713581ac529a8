// Command navidocs keeps a boat's papers. See README.md.
package main

import (
	"os"

	"navidocs/internal/cli"
)

func main() { os.Exit(cli.Main()) }
