package labeling

import "fmt"

// RuleError says where a rule file breaks the format. Rule files hold no data about
// people, so their values may be named.
type RuleError struct {
	File string // name of the file as given, "" if it is about the set as a whole
	Path string // FHIR path inside it, such as compose.include[0].filter[1].op
	Text string // what is wrong, and the fix
}

func (e *RuleError) Error() string {
	switch {
	case e.File == "":
		return "labelling rules: " + e.Text
	case e.Path == "":
		return fmt.Sprintf("labelling rule %s: %s", e.File, e.Text)
	}
	return fmt.Sprintf("labelling rule %s: %s: %s", e.File, e.Path, e.Text)
}
