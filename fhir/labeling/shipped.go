package labeling

import (
	"embed"
	"io/fs"
	"sync"
)

//go:embed rules/*.json
var shippedRules embed.FS

// ShippedFiles returns the rule files of this project. They are written from public
// knowledge of the code systems, for a holder to start from: read them, take away
// what labels too much, add the code lists of your own laboratory and formulary.
func ShippedFiles() []File {
	names, err := fs.Glob(shippedRules, "rules/*.json")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	var files []File
	for _, name := range names {
		b, err := shippedRules.ReadFile(name)
		if err != nil {
			panic("labeling: an embedded file is not there: " + err.Error())
		}
		files = append(files, File{name[len("rules/"):], b})
	}
	return files
}

// Shipped returns the rule set made of [ShippedFiles].
func Shipped() *RuleSet { return shipped() }

var shipped = sync.OnceValue(func() *RuleSet {
	rs, err := Parse(ShippedFiles())
	if err != nil {
		panic("labeling: a shipped rule is broken: " + err.Error())
	}
	return rs
})
