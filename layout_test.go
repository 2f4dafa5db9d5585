package main_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// mayImport is the architecture: what a folder's production code may import
// from this module. Tests may import more; a folder missing here may import
// nothing. docs/architecture.md draws the same arrows.
var mayImport = map[string][]string{
	"":                        {"internal/cli"},
	"fhir":                    {},
	"fhir/ds4p":               {"fhir"},
	"fhir/labeling":           {"fhir", "fhir/ds4p"},
	"collections":             {"fhir", "fhir/ds4p", "fhir/labeling"},
	"chaincode":               {"fhir", "fhir/ds4p", "fhir/labeling", "collections", "chaincode/record", "chaincode/record/atrest"},
	"chaincode/record":        {},
	"chaincode/record/atrest": {"chaincode/record", "fhir", "fhir/ds4p"},
	"chaincode/ccaas":         {"chaincode", "chaincode/record"},
	"chaincode/chaincodetest": {"fhir", "fhir/ds4p", "fhir/labeling", "collections", "chaincode", "chaincode/record"},
	"gateway":                 {"fhir", "fhir/ds4p", "fhir/labeling", "collections", "chaincode/record", "chaincode/record/atrest", "erasure/certificate"},
	"gateway/gatewaytest":     {"gateway", "collections", "chaincode/record", "chaincode/chaincodetest"},
	"purge":                   {"chaincode/record"},
	"purge/purgetest":         {"chaincode/chaincodetest", "chaincode/record", "purge"},
	"erasure":                 {"chaincode/record"},
	"erasure/certificate":     {"chaincode/record"},
	"erasure/attest":          {"chaincode/record", "erasure", "erasure/certificate"},
	"network":                 {"collections", "gateway", "erasure", "chaincode/record"},
	"network/ccaasbuilder":    {},
	"internal/sample":         {},
	"internal/cli":            {"fhir", "fhir/ds4p", "fhir/labeling", "collections", "chaincode/record", "gateway", "purge", "purge/serve", "erasure", "erasure/attest", "erasure/certificate", "network", "internal/sample"},
}

func TestFoldersImportOnlyWhatTheArchitectureAllows(t *testing.T) {
	t.Parallel()
	for folder, imports := range importsByFolder(t) {
		allowed, rule := ruleFor(folder)
		if rule == "integration" {
			continue // tests on a real network may use everything
		}
		for _, imp := range imports {
			if !within(imp, rule) && !anyWithin(imp, allowed) {
				t.Errorf("%s imports domicile/%s, which the architecture does not allow; see mayImport", orRoot(folder), imp)
			}
		}
	}
}

// ruleFor returns the rule of the longest prefix of folder that has one.
func ruleFor(folder string) (allowed []string, rule string) {
	if within(folder, "integration") {
		return nil, "integration"
	}
	for f := folder; ; f = filepath.ToSlash(filepath.Dir(f)) {
		if f == "." {
			return nil, folder
		}
		if a, ok := mayImport[f]; ok {
			return a, f
		}
	}
}

func within(folder, parent string) bool {
	return folder == parent || strings.HasPrefix(folder, parent+"/")
}

func anyWithin(folder string, parents []string) bool {
	for _, p := range parents {
		// A public package's own name only: allowing chaincode does not
		// allow chaincode/chaincodetest.
		if folder == p {
			return true
		}
	}
	return false
}

func orRoot(folder string) string {
	if folder == "" {
		return "the root package"
	}
	return folder
}

// importsByFolder lists, by folder, the packages of this module that its
// production files import.
func importsByFolder(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && skipped(path, d.Name()) {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		folder := filepath.ToSlash(filepath.Dir(path))
		if folder == "." {
			folder = ""
		}
		for _, spec := range f.Imports {
			p, _ := strconv.Unquote(spec.Path.Value)
			if rest, ok := strings.CutPrefix(p, "domicile/"); ok {
				found[folder] = append(found[folder], rest)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func skipped(path, name string) bool {
	return path != "." && (strings.HasPrefix(name, ".") || name == "bin" || name == "testdata" || name == "node_modules")
}
