package certificate

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestTheVerifiersImportGraphReachesNoNetwork walks all packages that the verifier is linked from. The standard library's
// crypto/x509 parses addresses and URLs with package net; besides it nobody may import anything that dials, listens, resolves
// names or starts programs, and nothing outside the standard library may import package net at all.
func TestTheVerifiersImportGraphReachesNoNetwork(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-json=ImportPath,Standard,Imports", ".").Output()
	if err != nil {
		t.Skip("no go command: ", err)
	}
	seen := 0
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			ImportPath string
			Standard   bool
			Imports    []string
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		seen++
		for _, i := range p.Imports {
			net := i == "net" || strings.HasPrefix(i, "net/") && i != "net/netip"
			switch {
			case net && !p.Standard:
				t.Errorf("%s imports %s", p.ImportPath, i)
			case net && !strings.HasPrefix(p.ImportPath, "net") && !slices.Contains([]string{"crypto/x509", "vendor/golang.org/x/net/dns/dnsmessage"}, p.ImportPath):
				t.Errorf("%s of the standard library imports %s, and is not known to", p.ImportPath, i)
			case slices.Contains([]string{"net/http", "net/rpc", "net/smtp", "crypto/tls", "os/exec", "plugin", "log/syslog"}, i):
				t.Errorf("%s imports %s", p.ImportPath, i)
			case p.ImportPath == "domicile/erasure/certificate" && slices.Contains([]string{"os", "io/ioutil", "io/fs", "syscall", "unsafe"}, i):
				t.Errorf("the verifier imports %s", i)
			}
		}
	}
	if seen < 50 {
		t.Errorf("only %d packages", seen)
	}
}
