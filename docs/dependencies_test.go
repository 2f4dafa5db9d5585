package docs_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestEveryDirectModuleIsExplained compares the page with go.mod, versions included.
func TestEveryDirectModuleIsExplained(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	mod, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	rows := strings.Split(string(page), "\n")
	direct := regexp.MustCompile(`(?m)^\t(\S+) (v\S+)$`).FindAllStringSubmatch(string(mod), -1)
	if len(direct) == 0 {
		t.Fatal("go.mod requires nothing")
	}
	for _, m := range direct {
		want := "| " + m[1] + " | " + m[2] + " | "
		if !strings.Contains(string(page), want) {
			t.Errorf("dependencies.md has no row %s…", want)
		}
		for _, row := range rows {
			if strings.HasPrefix(row, want) && len(row) < len(want)+10 {
				t.Errorf("dependencies.md does not say why %s", m[1])
			}
		}
	}
}
