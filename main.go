// Command domicile keeps health records inside the jurisdiction they belong to,
// proves to everyone else that they exist unchanged, and destroys them when their
// retention ends. Run domicile help.
package main

import (
	"os"

	"domicile/internal/cli"
)

func main() { os.Exit(cli.Main()) }
