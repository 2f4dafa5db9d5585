package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"domicile/chaincode/record"
	"domicile/gateway"
	"domicile/network"
)

// where says on whose behalf a command talks to the ledger.
type where struct {
	region string // required, or "" for the first
	org    string // "" for the region's first organisation
	role   string // that fits the command
}

// connect opens a gateway client: from --settings if given, else as a user of the
// local network.
func (a *app) connect(ctx context.Context, w where, opts ...gateway.Option) (*gateway.Client, error) {
	log, err := a.logger()
	if err != nil {
		return nil, err
	}
	s, err := a.loadSettings(w)
	if err != nil {
		return nil, err
	}
	return gateway.Open(ctx, s, append([]gateway.Option{gateway.WithLogger(log)}, opts...)...)
}

// beside opens a second client for an act that takes another role: with the settings
// file given, or as a user of the local network. It is nil when the command acts with
// one identity that the user named.
func (a *app) beside(ctx context.Context, w where, file string, opts ...gateway.Option) (*gateway.Client, error) {
	if file == "" && (a.settings != "" || a.as != "") {
		return nil, nil
	}
	other := *a
	other.settings, other.as = file, ""
	return other.connect(ctx, w, opts...)
}

func (a *app) loadSettings(w where) (*gateway.Settings, error) {
	if a.settings != "" {
		s, err := gateway.LoadSettings(a.settings)
		if err != nil {
			return nil, err
		}
		if w.region != "" && s.Region != w.region {
			return nil, usagef("--region %s, but the settings file is for region %s", w.region, s.Region)
		}
		if w.org != "" && s.Org != w.org {
			return nil, usagef("--org %s, but the settings file is for %s", w.org, s.Org)
		}
		return s, nil
	}
	n, err := network.Open(a.dir)
	if err != nil {
		return nil, hinted{err, "start a network with domicile network up, name its directory with --dir, or give --settings FILE"}
	}
	org, role, err := a.actor(n.Topology(), w)
	if err != nil {
		return nil, err
	}
	path := settingsPath(n, org, role)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return nil, hinted{record.Fail(record.CodeSettings, path+" is missing"), "domicile network up writes it"}
	}
	return gateway.LoadSettings(path)
}

// actor decides who acts on a local network: --as, else a user of the region's
// first (or the asked) organisation whose role fits.
func (a *app) actor(t network.Topology, w where) (org, role string, err error) {
	org, role = w.org, w.role
	if a.as != "" {
		asRole, asOrg, _ := strings.Cut(a.as, "@")
		if asRole == "" {
			return "", "", usagef("--as is ROLE@ORG, such as %s@%s", w.role, t.Regions[0].Organizations[0].Name)
		}
		if asOrg != "" && org != "" && asOrg != org {
			return "", "", usagef("--as %s, but --org %s", a.as, org)
		}
		role = asRole
		if asOrg != "" {
			org = asOrg
		}
	}
	if role != network.RoleAdmin && !slices.Contains(network.ClientUsers(), role) {
		return "", "", usagef("no user %q: users are %s and %s", role, strings.Join(network.ClientUsers(), ", "), network.RoleAdmin)
	}
	var regions []string
	for _, r := range t.Regions {
		regions = append(regions, r.Name)
		if w.region != "" && r.Name != w.region {
			continue
		}
		for _, o := range r.Organizations {
			if org == "" || o.Name == org {
				return o.Name, role, nil
			}
		}
	}
	if w.region != "" && !slices.Contains(regions, w.region) {
		return "", "", usagef("no region %q: this network has %s", w.region, strings.Join(regions, ", "))
	}
	return "", "", usagef("no organisation %q in region %q", org, w.region)
}

// settingsPath is where network up keeps the settings of one user.
func settingsPath(n *network.Network, org, role string) string {
	return filepath.Join(n.Dir(), "settings", org+"."+role+".yaml")
}

// writeSettings writes one settings file for each user of the local network.
func writeSettings(n *network.Network) error {
	dir := filepath.Join(n.Dir(), "settings")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the settings directory: %w", err)
	}
	for _, r := range n.Topology().Regions {
		for _, o := range r.Organizations {
			for _, user := range append(network.ClientUsers(), network.RoleAdmin) {
				s, err := userSettings(n, r.Name, o.Name, user)
				if err != nil {
					return err
				}
				if err := writeYAML(settingsPath(n, o.Name, user), s); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func userSettings(n *network.Network, region, org, user string) (*gateway.Settings, error) {
	cert, key, err := n.Identity(org, user)
	if err != nil {
		return nil, err
	}
	role := user
	if user == network.SecondOfficer {
		role = network.RoleOfficer
	}
	index, err := n.IndexKeyPath(region)
	if err != nil {
		return nil, err
	}
	s := &gateway.Settings{
		Version: gateway.SettingsVersion, Region: region, Org: org, Role: role,
		Channel: network.Channel, Chaincode: network.Chaincode,
		Identity: gateway.IdentityFiles{Certificate: cert, Key: key}, IndexKey: index,
	}
	for _, p := range n.Peers() {
		peer := gateway.Peer{Name: p.Name, Region: p.Region, Org: p.Org, Address: p.Address, TLSCA: p.TLSCAPath}
		if p.Region == region {
			s.Peers = append(s.Peers, peer)
		} else {
			s.ProofPeers = append(s.ProofPeers, peer)
		}
	}
	slices.SortStableFunc(s.Peers, func(x, y gateway.Peer) int {
		return boolOrder(x.Org != org) - boolOrder(y.Org != org)
	})
	return s, nil
}

func boolOrder(b bool) int {
	if b {
		return 1
	}
	return 0
}

// writeYAML replaces a file in one step, readable by its owner only.
func writeYAML(path string, v any) error {
	b, err := yaml.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode %s: %w", path, err)
	}
	if err := os.WriteFile(path+".tmp", b, 0o600); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return os.Rename(path+".tmp", path)
}

// maxMemory is how much of standard input is kept in memory, in bytes, before it
// goes to a file.
const maxMemory = 8 << 20

// input opens a file, or standard input for "-", for reading twice. The caller
// calls done. Standard input that does not fit in memory goes through a file that
// has no name any more and vanishes with the process.
func (a *app) input(path string) (r io.ReadSeeker, done func(), err error) {
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, nil, openError(err)
		}
		return f, func() { f.Close() }, nil
	}
	head, err := io.ReadAll(io.LimitReader(a.in, maxMemory+1))
	if err != nil {
		return nil, nil, fmt.Errorf("read standard input: %w", err)
	}
	if len(head) <= maxMemory {
		return strings.NewReader(string(head)), func() {}, nil
	}
	f, err := os.CreateTemp("", "domicile-")
	if err != nil {
		return nil, nil, fmt.Errorf("keep standard input: %w", err)
	}
	os.Remove(f.Name())
	if _, err = f.Write(head); err == nil {
		_, err = io.Copy(f, a.in)
	}
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		f.Close()
		return nil, nil, fmt.Errorf("keep standard input: %w", err)
	}
	return f, func() { f.Close() }, nil
}

// readAll reads a small input whole.
func (a *app) readAll(path string, limit int64) ([]byte, error) {
	r, done, err := a.input(path)
	if err != nil {
		return nil, err
	}
	defer done()
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read the input: %w", openError(err))
	}
	if int64(len(b)) > limit {
		return nil, record.Fail(record.CodeTooLarge, fmt.Sprintf("the input is over %d bytes", limit))
	}
	return b, nil
}

// regionFlag adds --region.
func regionFlag(c *cobra.Command, region *string, required bool) {
	c.Flags().StringVar(region, "region", "", "`region` of the records")
	if !required {
		return
	}
	pre := c.PreRunE
	c.PreRunE = func(c *cobra.Command, args []string) error {
		if *region == "" {
			return usage{errors.New("--region is missing"), "name the region of the records, such as --region us"}
		}
		if pre != nil {
			return pre(c, args)
		}
		return nil
	}
}

// checkID refuses what is no record id, without repeating it.
func checkID(id string) error {
	if err := record.CheckID(id); err != nil {
		return usage{err, "record put prints ids; patient identifiers are given in a file, never as an argument"}
	}
	return nil
}
