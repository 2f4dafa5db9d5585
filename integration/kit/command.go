package kit

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"

	"domicile/gateway"
	"domicile/internal/cli"
)

// Answer is what the command printed and how it ended.
type Answer struct {
	Out, Words string // on stdout and on stderr
	Status     int
}

// Domicile runs the command in this process, on the network in a directory.
func Domicile(ctx context.Context, dir string, stdin []byte, args ...string) Answer {
	var out, words bytes.Buffer
	status := cli.Run(ctx, append([]string{"--dir", dir}, args...), bytes.NewReader(stdin), &out, &words)
	return Answer{out.String(), words.String(), status}
}

// Receipts decodes what record put printed.
func Receipts(t *testing.T, a Answer) []gateway.Receipt {
	t.Helper()
	var out []gateway.Receipt
	d := json.NewDecoder(strings.NewReader(a.Out))
	for d.More() {
		var r gateway.Receipt
		if err := d.Decode(&r); err != nil {
			t.Fatalf("%v in %s", err, a.Out)
		}
		out = append(out, r)
	}
	return out
}
