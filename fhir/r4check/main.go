// Command fhir-r4check judges FHIR R4 resources by the definitions of their types:
// unknown elements, wrong JSON types, malformed primitives, codes outside required
// bindings, missing required elements, references to the wrong type. It wraps
// google/fhir's jsonformat and is a program and a module of its own because that
// takes a minute to compile and 30 MB to link.
//
// It reads requests from standard input until it ends: the length of a resource in
// bytes as four bytes, big-endian, and the resource, at most 16 MiB. For each it
// writes one line to standard output, in order, as soon as it is judged:
//
//	{"valid":false,"issues":[{"path":"Patient.gender","rule":"r4:code"}]}
//
// Before the first it writes {"program":"fhir-r4check","protocol":1} once it is
// ready. A line {"failed":"…"} says that the checker, not the resource, is at fault.
// Issues name paths and rules, never a value. Nothing is written to standard error
// and nothing is kept.
package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// maxBytes is the greatest size of a resource.
const maxBytes = 16 << 20

// hello is the first line.
type hello struct {
	Program  string `json:"program"`
	Protocol int    `json:"protocol"`
}

func main() {
	if err := serve(os.Stdin, os.Stdout); err != nil {
		os.Exit(1)
	}
}

// serve answers requests until the input ends.
func serve(in io.Reader, out io.Writer) error {
	c, err := newChecker()
	if err != nil {
		return err
	}
	answers := json.NewEncoder(out)
	if err := answers.Encode(hello{"fhir-r4check", 1}); err != nil {
		return err
	}
	r := bufio.NewReader(in)
	for {
		b, err := request(r)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return errors.Join(err, answers.Encode(verdict{Failed: "a request that cannot be read"}))
		}
		if err := answers.Encode(c.check(b)); err != nil {
			return err
		}
	}
}

// request reads the next resource, io.EOF if there is none.
func request(r io.Reader) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > maxBytes {
		return nil, fmt.Errorf("a request of %d bytes; the limit is %d", n, maxBytes)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, fmt.Errorf("a request cut short: %w", io.ErrUnexpectedEOF)
	}
	return b, nil
}
