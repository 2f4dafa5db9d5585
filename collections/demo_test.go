package collections

import "testing"

func TestTheDemoPoliciesAreValid(t *testing.T) {
	for _, p := range []*Policy{Demo(), Small()} {
		if !p.IsDemo() {
			t.Errorf("%s does not say that it is a demo", p.Name)
		}
		for _, r := range p.Regions {
			for _, log := range r.Logs("") {
				priv := DemoPrivate(log.Name)
				if priv == nil {
					t.Fatalf("no private part for %s", log.Name)
				}
				if err := priv.Check(&r); err != nil {
					t.Errorf("%s: %v", log.Name, err)
				}
			}
		}
	}
}
