package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"domicile/chaincode/record"
	"domicile/collections"
	"domicile/erasure"
	"domicile/gateway"
	"domicile/network"
)

func TestEveryCommandHasAnExampleAndItsFlagsAreDescribed(t *testing.T) {
	a := &app{in: strings.NewReader(""), out: io.Discard, err: io.Discard}
	for _, c := range allCommands(a.root()) {
		if c.Example == "" || c.Short == "" {
			t.Errorf("%s has no example or no short text", c.CommandPath())
		}
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" {
				t.Errorf("%s: flag --%s is not described", c.CommandPath(), f.Name)
			}
		})
	}
}

func TestFlagsThatTheEnvironmentSetsExist(t *testing.T) {
	a := &app{out: io.Discard, err: io.Discard}
	known := map[string]bool{}
	for _, c := range allCommands(a.root()) {
		for _, set := range []*pflag.FlagSet{c.LocalFlags(), c.PersistentFlags()} {
			set.VisitAll(func(f *pflag.Flag) { known[f.Name] = true })
		}
	}
	for name := range environmental {
		if !known[name] {
			t.Errorf("no command has the flag --%s", name)
		}
	}
}

func TestExitStatusTellsRefusalsFromUsageAndInfrastructure(t *testing.T) {
	for _, x := range []struct {
		err  error
		want int
	}{
		{usagef("wrong flag"), ExitUsage},
		{record.Fail(record.CodeSettings, "file"), ExitUsage},
		{fmt.Errorf("put: %w", record.Fail(record.CodeForbidden, "role")), ExitRefused},
		{record.Fail(record.CodeGone, "id"), ExitRefused},
		{record.Fail(record.CodeMismatch, "id"), ExitRefused},
		{record.Fail(record.CodeInput, "line 3"), ExitRefused},
		{collections.Problem{What: "unknown key"}, ExitRefused},
		{refused{"no", ""}, ExitRefused},
		{record.Fail(record.CodeUnavailable, "no peer"), ExitInfrastructure},
		{record.Fail(record.CodeTimeout, "endorse"), ExitInfrastructure},
		{record.Fail(record.CodeInternal, "?"), ExitInfrastructure},
		{errors.New("disk full"), ExitInfrastructure},
		{context.Canceled, ExitInfrastructure},
		{fmt.Errorf("here: %w", network.ErrNoNetwork), ExitInfrastructure},
	} {
		if got := status(x.err); got != x.want {
			t.Errorf("status of %q is %d, want %d", x.err, got, x.want)
		}
	}
}

func TestEveryCodeHasAHint(t *testing.T) {
	for _, i := range record.Codes() {
		if hintFor(record.Fail(i.Code, "x")) == "" {
			t.Errorf("%s has no hint", i.Code)
		}
	}
}

func TestWithoutAsTheRegionsFirstOrganisationActsInARoleThatFits(t *testing.T) {
	top := network.DefaultTopology()
	for _, x := range []struct {
		as        string
		w         where
		org, role string
		fails     bool
	}{
		{"", where{"us", "", "writer"}, "UsHospital", "writer", false},
		{"", where{"us", "UsPayer", "writer"}, "UsPayer", "writer", false},
		{"", where{"", "", "reader"}, "UsHospital", "reader", false},
		{"", where{"uk", "", "purger"}, "UkTrust", "purger", false},
		{"auditor@EuSponsor", where{"eu", "", "reader"}, "EuSponsor", "auditor", false},
		{"auditor", where{"eu", "", "reader"}, "EuHospital", "auditor", false},
		{"writer@UsPayer", where{"us", "UsHospital", "writer"}, "", "", true},
		{"writer@EuHospital", where{"us", "", "writer"}, "", "", true},
		{"nurse@UsPayer", where{"us", "", "writer"}, "", "", true},
		{"@UsPayer", where{"us", "", "writer"}, "", "", true},
		{"", where{"mars", "", "writer"}, "", "", true},
	} {
		a := &app{as: x.as}
		org, role, err := a.actor(top, x.w)
		if (err != nil) != x.fails || org != x.org || role != x.role && !x.fails {
			t.Errorf("--as %q %+v: %s@%s, %v", x.as, x.w, role, org, err)
		}
		if err != nil && status(err) != ExitUsage {
			t.Errorf("--as %q: status %d", x.as, status(err))
		}
	}
}

func TestSettingsThatAreWrittenCanBeRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "UsHospital.reader.yaml")
	want := &gateway.Settings{
		Version: gateway.SettingsVersion, Region: "us", Org: "UsHospital", Role: "reader",
		Identity: gateway.IdentityFiles{Certificate: "/c.pem", Key: "/k.pem"},
		Peers:    []gateway.Peer{{Name: "peer0", Region: "us", Org: "UsHospital", Address: "127.10.1.1:7051", TLSCA: "/ca.pem"}},
	}
	if err := writeYAML(path, want); err != nil {
		t.Fatal(err)
	}
	got, err := gateway.LoadSettings(path)
	if err != nil {
		t.Fatal(err)
	}
	if got.Org != want.Org || got.Peers[0].Address != want.Peers[0].Address {
		t.Errorf("read %+v", got)
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
}

func TestDefinitionsAreComparedByMeaning(t *testing.T) {
	p := collections.Demo()
	x := network.Definition{EndorsementPolicy: "OR('A.peer','B.peer')", CollectionsConfig: p.Fabric()}
	y := network.Definition{EndorsementPolicy: "OutOf(1, 'A.peer', 'B.peer')", CollectionsConfig: []byte(strings.Join(strings.Fields(string(p.Fabric())), " "))}
	if same, err := sameDefinition(x, y); err != nil || !same {
		t.Errorf("two spellings of one definition differ (%v)", err)
	}
	y.CollectionsConfig = collections.Small().Fabric()
	if same, err := sameDefinition(x, y); err != nil || same {
		t.Errorf("two definitions are the same (%v)", err)
	}
	y = x
	y.EndorsementPolicy = "AND('A.peer','B.peer')"
	if same, err := sameDefinition(x, y); err != nil || same {
		t.Errorf("two endorsement policies are the same (%v)", err)
	}
}

func TestStandardInputCanBeReadTwiceWhateverItsSize(t *testing.T) {
	for _, n := range []int{0, 10, maxMemory + 10} {
		text := strings.Repeat("x", n)
		a := &app{in: strings.NewReader(text)}
		r, done, err := a.input("-")
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			b, err := io.ReadAll(r)
			if err != nil || len(b) != n {
				t.Errorf("%d of %d bytes, %v", len(b), n, err)
			}
			if _, err := r.Seek(0, io.SeekStart); err != nil {
				t.Fatal(err)
			}
		}
		done()
	}
}

func TestReceiptsTellRecordsThatAreDueFromThoseThatAreGone(t *testing.T) {
	due := gateway.Receipt{ID: "a", Warnings: []string{"already past its retention; due at once"}}
	gone := gateway.Receipt{ID: "b", Gone: true, Warnings: []string{"purged; not put back"}}
	if !pastRetention(due) || pastRetention(gone) || pastRetention(gateway.Receipt{}) {
		t.Error("wrong")
	}
	var n putCount
	a := &app{out: io.Discard, err: io.Discard}
	for _, r := range []gateway.Receipt{due, gone, {ID: "c", Already: true}} {
		if err := n.add(a, r, nil); err != nil {
			t.Fatal(err)
		}
	}
	if n.put != 1 || n.gone != 1 || n.already != 1 || n.due != 1 || status(n.report(a)) != ExitRefused {
		t.Errorf("%+v", n)
	}
	if err := n.add(a, gateway.Receipt{}, record.Fail(record.CodeUnavailable, "x")); err == nil {
		t.Error("an error without a record does not end the import")
	}
}

func TestTheDemonstrationFollowsSomeOfEachKind(t *testing.T) {
	var all []gateway.Receipt
	for i := range 40 {
		r := gateway.Receipt{ID: fmt.Sprint(i), Collection: []string{"us-a", "us-a", "us-a2"}[i%3]}
		if i%2 == 0 {
			r.Warnings = []string{"already past its retention; due at once"}
		}
		all = append(all, r)
	}
	got := choose(all, 8)
	kinds := map[string]int{}
	for _, r := range got {
		kinds[fmt.Sprint(r.Collection, pastRetention(r))]++
	}
	if len(got) != 8 || len(kinds) != 4 {
		t.Errorf("%d records of kinds %v", len(got), kinds)
	}
	if got := choose(all[:3], 8); len(got) != 3 {
		t.Errorf("%d of 3 records", len(got))
	}
}

func TestASingleSampleIsOldOrRecentAsAsked(t *testing.T) {
	for _, old := range []bool{true, false} {
		if b, err := single(5, old); err != nil || len(b) == 0 {
			t.Errorf("old %t: %d bytes, %v", old, len(b), err)
		}
	}
}

func TestNodesAreListedByOrganisation(t *testing.T) {
	got := nodeList([]string{"peer0.UsHospital", "peer1.UsHospital", "peer0.UsPayer", "odd"})
	if want := "UsHospital peer0, 1; UsPayer peer0; odd"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestFindingsAreSortedByRecordAndLeaksAreErrors(t *testing.T) {
	d := &demo{app: &app{out: io.Discard, err: io.Discard}, followed: []*followed{{ID: "a", Region: "us"}, {ID: "b", Region: "eu"}}}
	owner := map[string]node{"/us": {"peer0.UsHospital", "us"}, "/eu": {"orderer0.EuOrderer", "eu"}}
	got, err := d.holders([]erasure.Finding{
		{Root: "/us", Pattern: "0v"}, {Root: "/us", Pattern: "0v"}, {Root: "/us", Pattern: "0r"}, {Root: "/eu", Pattern: "1r"},
	}, owner)
	if err != nil || len(got[0]) != 1 || len(got[1]) != 0 {
		t.Errorf("%v, %v", got, err)
	}
	for _, pattern := range []string{"0v", "0r"} {
		if _, err := d.holders([]erasure.Finding{{Root: "/eu", Pattern: pattern}}, owner); status(err) != ExitRefused {
			t.Errorf("a leak of %s is no error: %v", pattern, err)
		}
	}
}

func TestPatternsNameTheRecordAndNeverWhatTheyHold(t *testing.T) {
	salt := make([]byte, record.SaltLen)
	d := &demo{followed: []*followed{
		{salt: salt, body: []byte(`{"resourceType":"Basic","id":"0123456789abcdef-unique"}`)},
		{salt: salt, body: []byte(`{"resourceType":"Basic","text":"` + strings.Repeat("one two three ", 20) + `"}`)},
		{salt: salt, body: []byte(`{}`)},
	}}
	for _, p := range d.patterns() {
		if len(p.Name) != 2 || len(p.Bytes) < erasure.MinPattern {
			t.Errorf("pattern %q of %d bytes", p.Name, len(p.Bytes))
		}
	}
}

func TestADemonstrationThatProvesTooLittleFails(t *testing.T) {
	good := func() *followed {
		return &followed{ID: "a", Region: "us", Due: true, State: record.StatePurged, VerifiedFrom: []string{"us", "eu"}, Before: []string{"p"}}
	}
	for name, breakIt := range map[string]func(*followed){
		"":                          func(*followed) {},
		"not verified everywhere":   func(f *followed) { f.VerifiedFrom = f.VerifiedFrom[:1] },
		"due and still there":       func(f *followed) { f.State = record.StateActive },
		"held and purged":           func(f *followed) { f.Held = true },
		"not due and purged":        func(f *followed) { f.Due = false },
		"the search found no bytes": func(f *followed) { f.Before = nil },
	} {
		f := good()
		breakIt(f)
		d := &demo{app: &app{}, regions: []string{"us", "eu"}, followed: []*followed{f}}
		if err := d.verdictOfDemo(); (err != nil) != (name != "") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestRegionIsAskedForBeforeAnythingElse(t *testing.T) {
	var region string
	ran := false
	c := &cobra.Command{Use: "x", SilenceErrors: true, SilenceUsage: true, RunE: func(*cobra.Command, []string) error { ran = true; return nil }}
	regionFlag(c, &region, true)
	c.SetArgs(nil)
	if err := c.Execute(); status(err) != ExitUsage || ran {
		t.Errorf("%v, ran %t", err, ran)
	}
}

func TestTheLedgerNamesEveryRecordWhoseTombstoneFailed(t *testing.T) {
	failed := errors.Join(
		&gateway.IDError{ID: "aaaaaaaaaaaaaaaaaaaaaaaaaa", Err: record.Fail(record.CodeLive, "aaaaaaaaaaaaaaaaaaaaaaaaaa")},
		&gateway.IDError{ID: "baaaaaaaaaaaaaaaaaaaaaaaae", Err: record.Fail(record.CodeLive, "baaaaaaaaaaaaaaaaaaaaaaaae")},
	)
	err := oneError(failed)
	if record.CodeOf(err) != record.CodeLive || len(gateway.IDs(err)) != 2 {
		t.Errorf("%v", err)
	}
	if err := oneError(gateway.ErrTimeout); !errors.Is(err, gateway.ErrTimeout) {
		t.Errorf("%v", err)
	}
	if oneError(nil) != nil {
		t.Error("an error out of nothing")
	}
}
