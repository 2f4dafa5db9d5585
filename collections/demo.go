package collections

import (
	"embed"
	"sync"
)

//go:embed policies/*.yaml policies/private/*.yaml
var policies embed.FS

// DemoYAML returns the demo policy: four regions, made to try the product. Every
// authority in it begins "DEMO, not law".
func DemoYAML() []byte { return embedded("policies/demo.yaml") }

// SmallYAML returns the demo policy of two regions with one organisation each.
func SmallYAML() []byte { return embedded("policies/small.yaml") }

// ReferenceYAML returns a policy with rows of law on keeping health records in
// several countries, each with its authority and how sure its author was. None is
// confirmed.
func ReferenceYAML() []byte { return embedded("policies/reference.yaml") }

// Reference returns the policy of [ReferenceYAML]. It is shared: do not change it.
func Reference() *Policy { return referencePolicy() }

// Demo returns the policy of [DemoYAML]. It is shared: do not change it.
func Demo() *Policy { return demo() }

// Small returns the policy of [SmallYAML]. It is shared: do not change it.
func Small() *Policy { return small() }

var (
	demo            = sync.OnceValue(func() *Policy { return mustParse("policies/demo.yaml") })
	small           = sync.OnceValue(func() *Policy { return mustParse("policies/small.yaml") })
	referencePolicy = sync.OnceValue(func() *Policy { return mustParse("policies/reference.yaml") })
)

// DemoPrivate returns the private part that goes with [Demo] and [Small] for a log
// collection, without roles, as a fresh copy; nil for an unknown log.
func DemoPrivate(log string) *Private {
	name := "policies/private/" + log + ".yaml"
	b, err := policies.ReadFile(name)
	if err != nil {
		return nil
	}
	p, err := ParsePrivateYAML(b, name)
	if err != nil {
		panic(err) // tests parse every embedded file
	}
	return p
}

func mustParse(name string) *Policy {
	p, err := Parse(embedded(name), name)
	if err != nil {
		panic(err) // tests parse every embedded file
	}
	return p
}

func embedded(name string) []byte {
	b, err := policies.ReadFile(name)
	if err != nil {
		panic(err) // the names are constants
	}
	return b
}
