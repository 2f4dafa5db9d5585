package docs_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"text/template"

	"go.yaml.in/yaml/v3"
)

// settingsFiles pairs each template with Fabric's sample of the same file, and
// the part of both whose settings docs/operations.md lists.
var settingsFiles = []struct{ name, template, sample, ours, theirs string }{
	{"core.yaml", "core.yaml.tmpl", "core.yaml", "", ""},
	{"orderer.yaml", "orderer.yaml.tmpl", "orderer.yaml", "", ""},
	{
		"configtx.yaml", "configtx.yaml.tmpl", "configtx.yaml",
		"Profiles.Domicile.Orderer.SmartBFT.", "Profiles.SampleAppChannelSmartBft.Orderer.SmartBFT.",
	},
}

// local is what stands for addresses, paths and names of one node.
const local = "LOCAL"

// flatten lists the leaves of a YAML document by their dotted keys, in lower
// case as Fabric reads them, under prefix only.
func flatten(t *testing.T, text []byte, prefix string) map[string]string {
	t.Helper()
	var doc any
	if err := yaml.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	var visit func(at string, v any)
	visit = func(at string, v any) {
		if m, ok := v.(map[string]any); ok {
			for k, x := range m {
				visit(strings.TrimPrefix(at+"."+k, "."), x)
			}
			return
		}
		if rest, ok := strings.CutPrefix(at, prefix); ok {
			if v == nil {
				v = ""
			}
			out[strings.ToLower(rest)] = fmt.Sprint(v)
		}
	}
	visit("", doc)
	return out
}

// filled executes a template with nothing real in it.
func filled(t *testing.T, name string) []byte {
	t.Helper()
	tmpl := template.New(name).Funcs(template.FuncMap{
		"q": func(any) string { return local }, "inc": func(i int) int { return i },
	})
	tmpl, err := tmpl.ParseFiles(filepath.Join(root, "network", "templates", name))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	data := map[string]any{"BFT": true, "OrdererType": "BFT", "Org": local, "Port": local, "BatchInterval": "200ms"}
	if err := tmpl.Execute(&b, data); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var settingRow = regexp.MustCompile("(?m)^\\| `([A-Za-z.]+)` \\| (.*?) \\| (.*?) \\| .* \\|$")

// documented are the rows of a settings table: key to [default, ours].
func documented(t *testing.T, file string) map[string][2]string {
	t.Helper()
	b, err := os.ReadFile("operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, part, ok := strings.Cut(string(b), "\n### "+file+"\n")
	if !ok {
		t.Fatalf("operations.md has no section %s", file)
	}
	part, _, _ = strings.Cut(part, "\n#")
	out := map[string][2]string{}
	for _, m := range settingRow.FindAllStringSubmatch(part, -1) {
		out[strings.ToLower(m[1])] = [2]string{unmark(m[2]), unmark(m[3])}
	}
	return out
}

func unmark(s string) string {
	if s = strings.Trim(s, "`"); s == "empty" {
		return ""
	}
	return s
}

func TestTheSettingsTablesShowWhatTheTemplatesHold(t *testing.T) {
	t.Parallel()
	for _, f := range settingsFiles {
		ours := flatten(t, filled(t, f.template), f.ours)
		for key, row := range documented(t, f.name) {
			if have, ok := ours[key]; !ok {
				t.Errorf("operations.md lists %s of %s, which the template does not set", key, f.name)
			} else if have != row[1] {
				t.Errorf("operations.md says %s of %s is %q, the template says %q", key, f.name, row[1], have)
			}
		}
	}
}

func TestEverySettingThatDiffersFromFabricIsDocumentedWithItsDefault(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/hyperledger/fabric")
	cmd.Dir = filepath.Join(root, "network", "fabric")
	out, err := cmd.Output()
	sample := filepath.Join(strings.TrimSpace(string(out)), "sampleconfig")
	if _, statErr := os.Stat(sample); err != nil || statErr != nil || !filepath.IsAbs(sample) {
		t.Skip("Fabric's sample configuration is not in the module cache: make build fetches it")
	}
	for _, f := range settingsFiles {
		b, err := os.ReadFile(filepath.Join(sample, f.sample))
		if err != nil {
			t.Fatal(err)
		}
		theirs, rows := flatten(t, b, f.theirs), documented(t, f.name)
		for key, have := range flatten(t, filled(t, f.template), f.ours) {
			was, known := theirs[key]
			row, listed := rows[key]
			switch {
			case strings.Contains(have, local) || have == "[]":
				// an address, a path or a name: another for each node
			case known && was == have && listed:
				t.Errorf("%s of %s is Fabric's default; remove it from operations.md", key, f.name)
			case was != have && !listed:
				t.Errorf("%s of %s is %q, by default %q: say so and why in operations.md", key, f.name, have, was)
			case listed && row[0] != was:
				t.Errorf("operations.md says the default of %s of %s is %q; it is %q", key, f.name, row[0], was)
			}
		}
	}
}
