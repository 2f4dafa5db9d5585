// Package docs_test keeps the manual true: what it names must exist, what it
// shows must be what the programs print, and what it says of settings must be
// what the templates hold.
package docs_test

import (
	"bytes"
	"context"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"domicile/internal/cli"
)

var update = flag.Bool("update", false, "write the generated parts of the pages anew")

const root = ".."

// page is one page of the manual.
type page struct {
	path string // relative to the root, with slashes
	text string
}

// pages are the README and everything in docs/.
func pages(t *testing.T) []page {
	t.Helper()
	paths, err := filepath.Glob("*.md")
	if err != nil || len(paths) == 0 {
		t.Fatal("no pages", err)
	}
	var out []page
	for _, p := range append(paths, "../README.md") {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, page{filepath.ToSlash(filepath.Join("docs", p)), string(b)})
	}
	return out
}

var (
	span   = regexp.MustCompile("`([^`\n]+)`")
	link   = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	fence  = regexp.MustCompile("(?ms)^```[a-z]*\n(.*?)^```$")
	test   = regexp.MustCompile(`^(?:Test|Fuzz)[A-Za-z0-9_]+(/[A-Za-z0-9_]+)?$`)
	inTree = regexp.MustCompile(`^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.*-]+)*/?$`)
)

// spans are the inline code spans outside of fenced blocks.
func (p page) spans() []string {
	var out []string
	for _, m := range span.FindAllStringSubmatch(fence.ReplaceAllString(p.text, ""), -1) {
		out = append(out, m[1])
	}
	return out
}

// commands are all lines that may hold a command: fenced lines and code spans.
func (p page) commands() []string {
	out := p.spans()
	for _, m := range fence.FindAllStringSubmatch(p.text, -1) {
		out = append(out, strings.Split(m[1], "\n")...)
	}
	return out
}

// walk calls f for each file of the repository, built and foreign ones left out.
func walk(t *testing.T, f func(path string)) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if path != root && (strings.HasPrefix(name, ".") || name == "bin" || name == "node_modules") {
				return filepath.SkipDir
			}
			return nil
		}
		f(path)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestEveryTestThatThePagesNameExists(t *testing.T) {
	t.Parallel()
	known, subtests := map[string]bool{}, map[string]bool{}
	walk(t, func(path string) {
		if filepath.Ext(path) != ".go" {
			return
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if s, ok := n.(*ast.BasicLit); ok && s.Kind == token.STRING {
				subtests[strings.Trim(s.Value, "`\"")] = true
			}
			return true
		})
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasSuffix(path, "_test.go") {
				known[f.Name.Name] = true
			}
		}
	})
	named := 0
	for _, p := range pages(t) {
		for _, s := range p.spans() {
			if !test.MatchString(s) {
				continue
			}
			named++
			top, sub, isSub := strings.Cut(s, "/")
			if !known[top] {
				t.Errorf("%s names %s, which no _test.go file declares", p.path, top)
			} else if isSub && !subtests[sub] {
				t.Errorf("%s names %s, but no Go file holds the name %q", p.path, s, sub)
			}
		}
	}
	if named < 50 {
		t.Errorf("the pages name %d tests only; is the form of names still recognised?", named)
	}
}

func TestEveryRelativeLinkLeadsToAFile(t *testing.T) {
	t.Parallel()
	for _, p := range pages(t) {
		for _, m := range link.FindAllStringSubmatch(fence.ReplaceAllString(p.text, ""), -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			full := filepath.Join(root, filepath.Dir(p.path), target)
			if target == "" {
				full = filepath.Join(root, p.path)
			}
			b, err := os.ReadFile(full)
			if info, dirErr := os.Stat(full); dirErr == nil && info.IsDir() {
				continue
			}
			if err != nil {
				t.Errorf("%s links to %s: %v", p.path, m[1], err)
			} else if anchor != "" && !slices.Contains(headings(string(b)), anchor) {
				t.Errorf("%s links to %s, but that page has no such heading", p.path, m[1])
			}
		}
	}
}

var heading = regexp.MustCompile(`(?m)^#+ (.*)$`)

// headings are the anchors of a page as browsers of repositories make them.
func headings(text string) []string {
	var out []string
	for _, m := range heading.FindAllStringSubmatch(text, -1) {
		kept := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z':
				return r
			}
			return -1
		}, strings.ToLower(m[1]))
		out = append(out, kept)
	}
	return out
}

// topLevel are the folders of which paths in code spans are checked.
var topLevel = []string{
	"chaincode", "collections", "docs", "erasure", "fhir", "gateway", "integration", "internal", "network", "purge", "scripts",
}

func TestEveryPathThatThePagesNameExists(t *testing.T) {
	t.Parallel()
	base := map[string]bool{}
	walk(t, func(path string) { base[filepath.Base(path)] = true })
	for _, p := range pages(t) {
		for _, s := range p.spans() {
			if !inTree.MatchString(s) {
				continue
			}
			first, _, isPath := strings.Cut(s, "/")
			switch {
			case isPath && slices.Contains(topLevel, first):
				if found, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(s))); err != nil || len(found) == 0 {
					t.Errorf("%s names %s, which is not in the repository", p.path, s)
				}
			case !isPath && slices.Contains([]string{".go", ".md", ".tmpl"}, filepath.Ext(s)):
				if !base[s] {
					t.Errorf("%s names %s, and no file has that name", p.path, s)
				}
			}
		}
	}
}

// help is the help of every command, by its path such as "record put".
func help(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	var visit func(path []string)
	visit = func(path []string) {
		var text, errs bytes.Buffer
		args := append(slices.Clone(path), "--help")
		if status := cli.Run(context.Background(), args, strings.NewReader(""), &text, &errs); status != cli.ExitDone {
			if !strings.Contains(errs.String(), "is not available in this version") {
				t.Fatalf("domicile %v: status %d: %s", args, status, errs.String())
			}
		}
		out[strings.Join(path, " ")] = text.String()
		_, list, _ := strings.Cut(text.String(), "Available Commands:\n")
		list, _, _ = strings.Cut(list, "\n\n")
		for line := range strings.Lines(list) {
			if name := strings.Fields(line); len(name) > 0 && name[0] != "completion" {
				visit(append(slices.Clone(path), name[0]))
			}
		}
	}
	visit(nil)
	return out
}

// stop ends the part of a line that belongs to the domicile command.
var stop = regexp.MustCompile(`\s(#|\||>|<|&&|;|2>).*$`)

func TestEveryCommandLineNamesACommandAndItsFlags(t *testing.T) {
	t.Parallel()
	known := help(t)
	checked := 0
	for _, p := range pages(t) {
		for _, line := range p.commands() {
			for _, words := range calls(line) {
				checked++
				if what := wrong(known, words); what != "" {
					t.Errorf("%s: domicile %s: %s", p.path, strings.Join(words, " "), what)
				}
			}
		}
	}
	if checked < 30 {
		t.Errorf("only %d command lines were found; is their form still recognised?", checked)
	}
}

var calling = regexp.MustCompile(`(?:^|[\s(])(?:bin/)?domicile ([a-z].*)$`)

// calls are the words after the program's name, for each call in a line.
func calls(line string) [][]string {
	var out [][]string
	for _, part := range regexp.MustCompile(`&&|;|\||\$\(`).Split(line, -1) {
		if m := calling.FindStringSubmatch(" " + strings.TrimSpace(stop.ReplaceAllString(part, ""))); m != nil {
			out = append(out, strings.Fields(strings.TrimRight(m[1], ")")))
		}
	}
	return out
}

// wrong tells what is wrong with a call, "" if nothing.
func wrong(known map[string]string, words []string) string {
	path := ""
	for len(words) > 0 {
		next := strings.TrimSpace(path + " " + words[0])
		if _, ok := known[next]; !ok {
			break
		}
		path, words = next, words[1:]
	}
	if path == "" {
		return "no such command"
	}
	text := known[path]
	if strings.Contains(text, "Available Commands:") && len(words) > 0 && !strings.HasPrefix(words[0], "-") {
		return "there is no " + words[0] + " in " + path
	}
	for _, w := range words {
		name, _, _ := strings.Cut(w, "=")
		if strings.HasPrefix(name, "--") && !regexp.MustCompile(regexp.QuoteMeta(name)+`[\s,]`).MatchString(text) {
			return "no flag " + name
		}
	}
	return ""
}

func TestEveryMakeTargetExists(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	call := regexp.MustCompile(`^make ([a-z]+)(\s|$)`)
	for _, p := range pages(t) {
		for _, line := range p.commands() {
			if m := call.FindStringSubmatch(line); m != nil && !bytes.Contains(b, []byte("\n"+m[1]+":")) {
				t.Errorf("%s: make %s: no such target", p.path, m[1])
			}
		}
	}
}
