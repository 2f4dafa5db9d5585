package cli

import (
	"testing"

	"domicile/fhir/labeling"
	"domicile/network"
)

func TestTheShippedPolicyComesWithTheShippedLabellingRules(t *testing.T) {
	for _, name := range []string{"default", "small"} {
		topology, _ := network.NamedTopology(name)
		b, err := new(app).bundle("", topology)
		if err != nil {
			t.Fatal(err)
		}
		for log, part := range b.private {
			if part.Labels.Rules != labeling.Shipped().SHA256() || len(part.Labels.Local) == 0 {
				t.Errorf("%s: %s names the rules %q", name, log, part.Labels.Rules)
			}
		}
		unlabelled(b)
		for log, part := range b.private {
			if part.Labels.Rules != "" || len(part.Labels.Local) != 0 {
				t.Errorf("%s: %s names rules after all", name, log)
			}
		}
	}
}
