package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"domicile/collections"
)

func (a *app) policyCheck() *cobra.Command {
	var private string
	c := &cobra.Command{
		Use: "check FILE", Short: "Check a policy, and its private parts if they are there",
		Long: `Checks a policy in YAML with the private parts beside it, or a collections_config.json
of Fabric. Every problem is printed with its line. Exit status 1 when there is one.

A holder in the United States must have decided whether it is a programme under 42 CFR
Part 2 (custodian.part2 of its private part); nothing can guess it.`,
		Example: "  domicile policy check policy.yaml\n  domicile policy check policy.yaml --private /safe/private\n  domicile policy check collections_config.json",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if filepath.Ext(args[0]) == ".json" {
				return a.lint("", args[0])
			}
			return a.checkPolicy(args[0], private)
		},
	}
	c.Flags().StringVar(&private, "private", "", "`directory` of the private parts, LOG.yaml each (default: private beside FILE, if it is there)")
	return c
}

func (a *app) checkPolicy(file, private string) error {
	p, err := readPolicy(file)
	if err != nil {
		return err
	}
	parts, err := a.privateParts(p, file, private)
	if err != nil {
		return err
	}
	remarks := collections.PrivateCheck(p, parts)
	remarks = append(remarks, unknownZones(p, parts)...)
	if p.IsDemo() {
		a.say("warning: this is a demonstration policy: its authorities are invented, not law")
	}
	if len(parts) == 0 {
		a.say("warning: no private parts were given: nothing is known of the holders' postures under 42 CFR Part 2, zones, labels and confirmations; see --private")
	}
	failed := 0
	for _, r := range remarks {
		if r.Error {
			failed++
		}
		if r.Error || !a.json {
			a.say("%s", r)
		}
	}
	if a.json {
		summary := map[string]any{
			"name": p.Name, "digest": p.Digest(), "regions": len(p.Regions), "organizations": len(p.Organizations()),
			"privateParts": len(parts), "demo": p.IsDemo(), "remarks": append([]collections.Remark{}, remarks...),
		}
		if err := a.printJSON(summary); err != nil {
			return err
		}
	}
	switch {
	case failed > 0:
		return refused{fmt.Sprintf("decisions missing in the private parts: %d", failed), "take them, write them down where each line says, and check again"}
	case a.json:
		return nil
	}
	_, err = fmt.Fprintf(a.out, "ok: policy %s, %d regions, %d organisations, %d private parts, digest %s\n",
		p.Name, len(p.Regions), len(p.Organizations()), len(parts), p.Digest())
	return err
}

// decided refuses a policy while a decision that nobody can guess is missing in its
// private parts: the errors of policy check.
func (a *app) decided(p *collections.Policy, parts map[string]*collections.Private) error {
	failed := 0
	for _, r := range append(collections.PrivateCheck(p, parts), unknownZones(p, parts)...) {
		if r.Error {
			failed++
			a.say("%s", r)
		}
	}
	if failed == 0 {
		return nil
	}
	return refused{fmt.Sprintf("decisions missing in the private parts: %d", failed), "take them, write them down where each line says, and see domicile policy check"}
}

// privateParts reads the private parts of a policy from a directory, or, with none
// named, from the one beside the policy if there is one. A holder has no other holder's:
// those that are not there are named.
func (a *app) privateParts(p *collections.Policy, file, dir string) (map[string]*collections.Private, error) {
	parts := map[string]*collections.Private{}
	if dir == "" && file != demoName {
		dir = privateDir(file)
		if _, err := os.Stat(dir); err != nil {
			return parts, nil
		}
	}
	var errs, absent []error
	var missing []string
	for i := range p.Regions {
		r := &p.Regions[i]
		for _, log := range r.Logs("") {
			part, err := privateFor(file, dir, log.Name)
			if errors.Is(err, fs.ErrNotExist) {
				absent, missing = append(absent, err), append(missing, log.Name)
				continue
			}
			if err == nil {
				err = part.Check(r)
			}
			if err != nil {
				errs = append(errs, err)
				continue
			}
			parts[log.Name] = part
		}
	}
	switch {
	case len(parts)+len(errs) == 0:
		errs = absent
	case len(missing) > 0:
		a.say("warning: not checked, as the private part is not in %s: %s", dir, strings.Join(missing, ", "))
	}
	return parts, errors.Join(errs...)
}

// unknownZones looks the custodians' time zones up.
func unknownZones(p *collections.Policy, parts map[string]*collections.Private) []collections.Remark {
	var out []collections.Remark
	for _, r := range p.Regions {
		for _, log := range r.Logs("") {
			part := parts[log.Name]
			if part == nil {
				continue
			}
			if _, err := time.LoadLocation(part.Custodian.Zone); err != nil {
				out = append(out, collections.Remark{
					Log: log.Name, Key: "custodian.zone", Error: true,
					Text: "is not a time zone of the IANA database; write it like America/Phoenix",
				})
			}
		}
	}
	return out
}
