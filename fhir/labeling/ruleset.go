package labeling

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"domicile/fhir"
)

// File is one rule file.
type File struct {
	// Name says in errors which file is meant; it does not count for the digest.
	Name string
	// Data is a FHIR R4 ValueSet in JSON.
	Data []byte
}

// RuleSet is what [Parse] made of rule files. The nil RuleSet has no rules.
type RuleSet struct {
	rules   []rule
	index   index
	loose   map[string]struct{} // every exact code, as [looseCode] spells it
	sha256  string
	version string
}

// rule is a ValueSet that gives labels.
type rule struct {
	name     string // url|version
	title    string
	labels   []fhir.Coding
	forTests bool
}

// Parse reads rule files and links those that refer to each other. It refuses what
// it does not understand, because half a rule labels less than its author meant:
// unknown elements, filters that need a terminology server, intersections,
// references to files that are not given or that go in circles, two files with one
// url, a file that neither gives a label nor is referred to, and a rule that would
// give a Part 2 label, which only a source fact can (see [Source]).
//
// Every error is a [*RuleError].
func Parse(files []File) (*RuleSet, error) {
	l := linker{sets: map[string]*valueSet{}, used: map[string]bool{}}
	var sums []string
	for _, f := range files {
		vs, err := readValueSet(f)
		if err != nil {
			return nil, err
		}
		if old := l.sets[vs.url]; old != nil {
			return nil, vs.errorf("url", "%s is also the url of %s", vs.url, old.file)
		}
		l.sets[vs.url] = vs
		sum := sha256.Sum256(f.Data)
		sums = append(sums, hex.EncodeToString(sum[:]))
	}
	slices.Sort(sums)
	all := sha256.Sum256([]byte(strings.Join(sums, "\n")))
	rs := &RuleSet{index: index{}, loose: map[string]struct{}{}, sha256: hex.EncodeToString(all[:])}
	for _, url := range sortedKeys(l.sets) {
		if err := rs.add(&l, l.sets[url]); err != nil {
			return nil, err
		}
	}
	for _, url := range sortedKeys(l.sets) {
		if vs := l.sets[url]; len(vs.labels) == 0 && !l.used[url] {
			return nil, vs.errorf("useContext", "names no label (code focus) and no other rule refers to this one")
		}
	}
	rs.index.seal()
	return rs, nil
}

func (rs *RuleSet) add(l *linker, vs *valueSet) error {
	rs.version = max(rs.version, vs.date)
	target := rs.index
	if len(vs.labels) == 0 {
		target = index{} // read for its errors only
	} else {
		rs.rules = append(rs.rules, rule{vs.url + "|" + vs.version, vs.title, vs.labels, vs.forTests})
	}
	before := l.count
	if err := l.flatten(vs, target, entry{rule: int32(len(rs.rules) - 1)}); err != nil {
		return err
	}
	if l.count == before {
		return vs.errorf("compose", "holds no code")
	}
	if len(vs.labels) > 0 {
		for _, i := range target {
			for code := range i.exact {
				rs.loose[code] = struct{}{}
			}
		}
	}
	return nil
}

// SHA256 names the rule set: the digest, in hex, of the sorted digests of its files
// (each in hex, joined by a newline), whatever their names and order. "" for nil.
func (rs *RuleSet) SHA256() string {
	if rs == nil {
		return ""
	}
	return rs.sha256
}

// Version is the newest date of the files, as written there; "" if none has one.
// People read it; what tells rule sets apart is [RuleSet.SHA256].
func (rs *RuleSet) Version() string {
	if rs == nil {
		return ""
	}
	return rs.version
}

// Names lists the rules that give labels, each as url|version, sorted.
func (rs *RuleSet) Names() []string {
	if rs == nil {
		return nil
	}
	var names []string
	for _, r := range rs.rules {
		names = append(names, r.name)
	}
	return names
}

// Labels lists the labels that the rules can give, sorted, each once. A policy check
// compares them with the vocabulary of the holder.
func (rs *RuleSet) Labels() []fhir.Coding {
	if rs == nil {
		return nil
	}
	var labels []fhir.Coding
	for _, r := range rs.rules {
		labels = append(labels, r.labels...)
	}
	slices.SortFunc(labels, compareCodings)
	return slices.Compact(labels)
}

// Title returns the title of the rule of that name (url|version), "" if it has none.
func (rs *RuleSet) Title(name string) string {
	if rs != nil {
		for _, r := range rs.rules {
			if r.name == name {
				return r.title
			}
		}
	}
	return ""
}

// ForTests tells whether the rule of that name is marked experimental, as R4 says of
// "testing purposes".
func (rs *RuleSet) ForTests(name string) bool {
	return rs != nil && slices.ContainsFunc(rs.rules, func(r rule) bool { return r.name == name && r.forTests })
}

func compareCodings(a, b fhir.Coding) int {
	if c := strings.Compare(a.System, b.System); c != 0 {
		return c
	}
	return strings.Compare(a.Code, b.Code)
}
