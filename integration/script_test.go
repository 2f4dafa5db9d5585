package integration

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"
)

var idField = regexp.MustCompile(`"id":\s*"([a-z0-9]+)"`)

// setID is `id NAME`: $NAME becomes the first record id of the last output.
func setID(s *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		s.Fatalf("usage: id NAME")
	}
	m := idField.FindStringSubmatch(s.ReadFile("stdout"))
	if m == nil {
		s.Fatalf("no id in the last output")
	}
	s.Setenv(args[0], m[1])
}

// subst is `subst FILE…`: variables in the files become their values.
func subst(s *testscript.TestScript, neg bool, args []string) {
	for _, name := range args {
		text := os.Expand(s.ReadFile(name), s.Getenv)
		s.Check(os.WriteFile(s.MkAbs(name), []byte(text), 0o600))
	}
}

// wantStatus is `status N program args…`: the program ends with this exit status.
func wantStatus(s *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		s.Fatalf("usage: status N program args")
	}
	want, err := strconv.Atoi(args[0])
	if err != nil {
		s.Fatalf("%v", err)
	}
	got := 0
	if err := s.Exec(args[1], args[2:]...); err != nil {
		exit, ok := err.(*exec.ExitError)
		if !ok {
			s.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		s.Fatalf("exit status %d, want %d", got, want)
	}
}
