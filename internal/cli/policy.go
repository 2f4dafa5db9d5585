package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"domicile/chaincode/record"
	"domicile/collections"
	"domicile/fhir/labeling"
	"domicile/network"
)

func (a *app) policyCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "policy", Short: "Check, compare, agree and put into force the residency policy",
		Long: `The policy says which organisation holds what, who may do what, and how long records
are kept. Its public part is one file that all organisations agree on; the private part of
each log collection lies beside it in private/LOG.yaml. The word demo stands for the policy
that ships for trying things out.`,
		Example: `  domicile policy check policy.yaml
  domicile policy diff old.yaml new.yaml
  domicile policy apply policy.yaml                  # approve, commit, private parts: local network
  domicile policy approve --org UsHospital policy.yaml
  domicile policy commit policy.yaml
  domicile policy status`,
	}
	c.AddCommand(a.policyCheck(), a.policyCompile(), a.policyDiff(),
		a.policyApprove(), a.policyCommit(), a.policyApply(), a.policyStatus(), a.policyDPIA())
	return c
}

// demoName stands for the shipped policy where a file is asked for.
const demoName = "demo"

// bundle is a policy with the private parts that go with it.
type bundle struct {
	policy  *collections.Policy
	private map[string]*collections.Private // by log collection
}

// bundle reads a policy file and the private parts beside it. "" is the shipped
// policy that fits the topology.
func (a *app) bundle(file string, t network.Topology) (*bundle, error) {
	p, err := policyFor(file, t)
	if err != nil {
		return nil, err
	}
	b := &bundle{policy: p, private: map[string]*collections.Private{}}
	for i := range p.Regions {
		r := &p.Regions[i]
		for _, log := range r.Logs("") {
			part, err := privateFor(file, privateDir(file), log.Name)
			if err != nil {
				return nil, err
			}
			if err := part.Check(r); err != nil {
				return nil, err
			}
			b.private[log.Name] = part
		}
	}
	return b, nil
}

// policyFor reads the public part.
func policyFor(file string, t network.Topology) (*collections.Policy, error) {
	switch {
	case file == "" && len(t.Regions) == len(collections.Small().Regions):
		return collections.Small(), nil
	case file == "", file == demoName:
		return collections.Demo(), nil
	}
	return readPolicy(file)
}

// readPolicy reads the public part from a file.
func readPolicy(file string) (*collections.Policy, error) {
	if file == demoName {
		return collections.Demo(), nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, openError(err)
	}
	return collections.Parse(b, file)
}

// privateDir is where the private parts of a policy lie.
func privateDir(file string) string { return filepath.Join(filepath.Dir(file), "private") }

// labelled puts the shipped labelling rules into force in a private part of the shipped
// policy, as who tries the product expects.
func labelled(p *collections.Private) *collections.Private {
	p.Labels.Rules = labeling.Shipped().SHA256()
	p.Labels.Local = []collections.LocalSystem{shippedSystem()}
	return p
}

// unlabelled takes the rules out again.
func unlabelled(b *bundle) {
	for _, p := range b.private {
		p.Labels.Rules, p.Labels.Local = "", nil
	}
}

// privateFor reads the private part of a log collection from a directory, or takes
// that of the shipped policy, with the shipped labelling rules.
func privateFor(file, dir, log string) (*collections.Private, error) {
	if file == "" || file == demoName {
		if p := collections.DemoPrivate(log); p != nil {
			return labelled(p), nil
		}
		return nil, usagef("the shipped policy has no private part for %s", log)
	}
	path := filepath.Join(dir, log+".yaml")
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, hinted{openError(err), "each log collection needs its private part in private/LOG.yaml beside the policy"}
	}
	part, err := collections.ParsePrivateYAML(b, path)
	if err == nil && part.Log != log {
		return nil, refused{fmt.Sprintf("%s: log: is %s, and the file is that of %s", path, part.Log, log), "name each file after the log collection whose private part it is"}
	}
	return part, err
}

// lint checks one collections_config.json, or the step from one to another.
func (a *app) lint(old, updated string) error {
	var before []byte
	if old != "" {
		b, err := os.ReadFile(old)
		if err != nil {
			return openError(err)
		}
		before = b
	}
	after, err := os.ReadFile(updated)
	if err != nil {
		return openError(err)
	}
	problems := collections.LintFabric(before, after)
	if a.json {
		if err := a.printJSON(problems); err != nil {
			return err
		}
	} else {
		for _, p := range problems {
			p.File = updated
			fmt.Fprintln(a.out, p.Error())
		}
	}
	if len(problems) > 0 {
		return refused{fmt.Sprintf("%d problems in %s", len(problems), updated), "correct them and check again"}
	}
	if !a.json {
		fmt.Fprintln(a.out, "ok")
	}
	return nil
}

func (a *app) policyCompile() *cobra.Command {
	var public, endorsement bool
	c := &cobra.Command{
		Use: "compile FILE", Short: "Print the collection configuration for Fabric",
		Long: `Prints the policy as Fabric's collections_config.json, for peer lifecycle chaincode
approveformyorg --collections-config.`,
		Example: `  domicile policy compile policy.yaml > collections_config.json
  domicile policy compile --public policy.yaml | sha256sum     # what organisations approve
  domicile policy compile --endorsement policy.yaml            # --signature-policy of the chaincode`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			p, err := readPolicy(args[0])
			if err != nil {
				return err
			}
			out := p.Fabric()
			switch {
			case public && endorsement:
				return usagef("--public and --endorsement exclude each other")
			case public:
				_, err = a.out.Write(p.Public())
				return err
			case endorsement:
				out = []byte(p.EndorsementPolicy())
			}
			_, err = a.out.Write(append(bytes.TrimRight(out, "\n"), '\n'))
			return err
		},
	}
	c.Flags().BoolVar(&public, "public", false, "print the canonical public JSON instead, without a newline at its end")
	c.Flags().BoolVar(&endorsement, "endorsement", false, "print the endorsement policy of the chaincode instead")
	return c
}

func (a *app) policyDiff() *cobra.Command {
	return &cobra.Command{
		Use: "diff [OLD] NEW", Short: "Show what changes from one policy to another, and what cannot",
		Long: `Compares two policy files, two collections_config.json, or, with one file, the policy
in force with it. Exit status 1 when a change cannot be made.`,
		Example: "  domicile policy diff old.yaml new.yaml\n  domicile policy diff new.yaml   # against the ledger",
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			updatedFile := args[len(args)-1]
			if filepath.Ext(updatedFile) == ".json" && len(args) == 2 {
				return a.lint(args[0], updatedFile)
			}
			updated, err := readPolicy(updatedFile)
			if err != nil {
				return err
			}
			var old *collections.Policy
			if len(args) == 2 {
				old, err = readPolicy(args[0])
			} else {
				old, err = a.policyInForce(c.Context())
			}
			if err != nil {
				return err
			}
			return a.printDiff(old, updated)
		},
	}
}

func (a *app) printDiff(old, updated *collections.Policy) error {
	changes := collections.Diff(old, updated)
	if a.json {
		type change struct {
			Path    string `json:"path"`
			What    string `json:"what"`
			Refused string `json:"refused,omitempty"`
		}
		out := []change{}
		for _, c := range changes {
			out = append(out, change(c))
		}
		if err := a.printJSON(out); err != nil {
			return err
		}
	} else {
		for _, c := range changes {
			fmt.Fprintln(a.out, c.String())
		}
		if len(changes) == 0 {
			fmt.Fprintln(a.out, "no change")
		}
	}
	return refuseChanges(changes)
}

// refuseChanges is an error when a change cannot be made.
func refuseChanges(changes []collections.Change) error {
	n := 0
	for _, c := range changes {
		if c.Refused != "" {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return refused{fmt.Sprintf("%d of %d changes cannot be made", n, len(changes)), "undo the changes marked REFUSED; domicile policy diff shows why each is"}
}

// rolesInto fills the role codes of the network's users into a private part.
func rolesInto(p *collections.Private, log collections.Collection, n *network.Network) (json.RawMessage, error) {
	if p.Version == 0 {
		p.Version = record.Version
	}
	if p.Roles == nil {
		p.Roles = map[string]map[string]string{}
	}
	for _, org := range log.Members {
		codes, err := n.RoleCodes(org)
		if err != nil {
			return nil, err
		}
		if p.Roles[org] == nil {
			p.Roles[org] = map[string]string{}
		}
		for code, role := range codes {
			p.Roles[org][code] = role
		}
	}
	return p.JSON(), nil
}
