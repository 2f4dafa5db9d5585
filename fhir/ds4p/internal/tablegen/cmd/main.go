// Command cmd writes the table of package ds4p: cmd CODES.json TABLE.go.
package main

import (
	"fmt"
	"os"

	"domicile/fhir/ds4p/internal/tablegen"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("two arguments are needed: the JSON file of codes and the Go file to write")
	}
	data, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	out, err := tablegen.Generate(data)
	if err != nil {
		return err
	}
	return os.WriteFile(args[1], out, 0o644)
}
