package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"domicile/chaincode/record"
	"domicile/erasure"
	"domicile/erasure/attest"
	"domicile/erasure/certificate"
	"domicile/gateway"
	"domicile/network"
)

// attestFlags say what purge attest works on.
type attestFlags struct {
	region, org       string
	out, genesis      string
	peers             []string
	state             string
	certificate, key  string
	canaries, publish string
	register          string
	reports           []string
	settle            bool
}

func (a *app) purgeAttest() *cobra.Command {
	var o attestFlags
	c := &cobra.Command{
		Use: "attest --region REGION", Short: "Look for bytes of purged records and sign what was found",
		Long: `Takes the prints that purges have left in the holder's log, looks for what they are of in every
file of the organisation's nodes (as it is, in decompressed database tables, in journals, logs and
snapshots) and, on the local network, in the memory of peers and chaincode servers, and signs what
was found as the organisation's administrator. Ends with status 1 when it found anything; domicile
purge scrub removes it. The attestation goes to -o FILE and can be verified with the genesis block
alone.

Without --org, on the local network, it works on all organisations of the region. Elsewhere an
operator searches the own peers: --peer NAME=DIRECTORY for each directory that a peer writes to,
named as in the settings, and --certificate and --key of an administrator or operator.

What the attestation says is registered on the ledger, in the holder's log, by a transaction of the
certificate that signed it; without -o there is no file to register. --register FILE does it later.

With --report it searches nothing: it joins attestations into the report of the region and names
who is missing. --settle then ends the evidence of what every holder has attested clean and
registered; the contract checks the registrations.

With --canaries it looks for the canary records that another region published with --publish:
none of their bytes may ever have been here.`,
		Example: `  domicile purge attest --region eu -o eu.json
  domicile purge attest --region eu --report eu.json/EuHospital.json --report eu.json/EuSponsor.json --settle
  domicile purge attest --region eu --register eu.json/EuHospital.json
  domicile purge attest --region us --publish canaries.json
  domicile purge attest --region au --canaries canaries.json
  domicile purge attest --settings s.yaml --region eu --peer peer0.EuHospital=/var/hyperledger/production \
      --certificate admin.pem --key admin.key -o eu.json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			switch {
			case o.register != "":
				return a.registerFile(c.Context(), o)
			case len(o.reports) > 0:
				return a.attestReport(c.Context(), o)
			case o.settle:
				return usagef("--settle goes with --report")
			case o.publish != "":
				return a.publishCanaries(c.Context(), o)
			}
			return a.attest(c.Context(), o)
		},
	}
	regionFlag(c, &o.region, true)
	f := c.Flags()
	f.StringVar(&o.org, "org", "", "`organisation` whose nodes are searched")
	f.StringVarP(&o.out, "out", "o", "", "`file` for the attestation; with several organisations a folder")
	f.StringVar(&o.genesis, "genesis", "", "genesis block, `file` (default: the local network's, or as the peers have it)")
	f.StringArrayVar(&o.peers, "peer", nil, "a peer and a directory it writes to, `NAME=DIR`, with --settings")
	f.StringVar(&o.state, "state", "", "the `file` of purge scrub --state, which says when each peer was compacted")
	f.StringVar(&o.certificate, "certificate", "", "certificate that signs, `file` (default: the local network's administrator)")
	f.StringVar(&o.key, "key", "", "its private key, `file`")
	f.StringVar(&o.canaries, "canaries", "", "look for the canaries in this `file` of another region")
	f.StringVar(&o.publish, "publish", "", "write the region's canaries to this `file`, for other regions")
	f.StringVar(&o.register, "register", "", "register the attestation in this `file`, and search nothing")
	f.StringSliceVar(&o.reports, "report", nil, "join the attestations in these `files`")
	f.BoolVar(&o.settle, "settle", false, "with --report: purge the evidence that everybody attested clean")
	return c
}

// attest searches the nodes of each organisation and signs what was found.
func (a *app) attest(ctx context.Context, o attestFlags) error {
	ops, err := a.operators(o)
	if err != nil {
		return err
	}
	var residue []attest.Residue
	hint := "domicile purge scrub removes it from the peers' disks and memory"
	for _, op := range ops {
		w, err := a.wanted(ctx, o, op.org)
		if err != nil {
			return err
		}
		if len(w.Records) == 0 {
			a.say("%s: no purged record waits to be attested", op.org)
			continue
		}
		signed, found, err := a.attestOne(ctx, o, op, w)
		if err != nil {
			return err
		}
		residue = append(residue, found...)
		if attest.Refused(&signed.Statement) {
			hint = failedHint
		}
		file, err := a.putOut(o, signed, len(ops) > 1)
		if err != nil {
			return err
		}
		a.sayAttested(signed, w.about)
		if err := a.registerOut(ctx, o, op, file, w); err != nil {
			return err
		}
	}
	if len(residue) == 0 {
		return nil
	}
	for _, r := range residue {
		a.say("residue: %s", r)
	}
	return refused{fmt.Sprintf("residue of purged records in %d stores, named above", len(residue)), hint}
}

// failedHint is for residue that a scrub has left.
const failedHint = "a private data store that was compacted still has it: domicile purge failed --execute purges what refused transactions left, such as those of two purges at once; " +
	"then scrub and search again"

// search is what an attestation is made of.
type wantedAt struct {
	attest.Wanted
	height  uint64             // that every node must have reached
	pending []gateway.Evidence // that the records were found in; none of canaries of other regions
	about   tally              // what is looked for
}

// wanted collects what is to be looked for: the evidence in the logs that an
// organisation holds, or canaries of another region.
func (a *app) wanted(ctx context.Context, o attestFlags, org string) (*wantedAt, error) {
	client, err := a.connect(ctx, where{o.region, org, record.RolePurger})
	if err != nil {
		return nil, err
	}
	defer client.Close()
	w := &wantedAt{}
	if o.canaries != "" {
		err = addCanaries(&w.Wanted, o.canaries)
		w.about.canaries = len(w.Records)
	} else {
		err = a.addEvidence(ctx, client, w)
	}
	for _, h := range client.Heights(ctx) {
		w.height = max(w.height, h.Height)
	}
	return w, err
}

func (a *app) addEvidence(ctx context.Context, client *gateway.Client, w *wantedAt) error {
	pending, err := a.pending(ctx, client)
	if err != nil {
		return err
	}
	unreadable := len(pending)
	pending = slices.DeleteFunc(pending, func(e gateway.Evidence) bool { return e.Prints == nil })
	unreadable -= len(pending)
	chosen := mostInNeed(pending, client.Org(), certificate.MaxRecords)
	if n := len(pending) - len(chosen); n > 0 {
		a.say("warning: %d more records wait to be attested than one attestation can name: search again, into another file, after this", n)
	}
	for _, e := range chosen {
		w.about.add(e.Canary != nil)
		if err := w.Add(e.Ref, e.Prints); err != nil {
			return err
		}
	}
	w.pending = chosen
	if unreadable > 0 {
		a.say("warning: the evidence of %d records was made with another index key and cannot be read; they are not attested: search once more with settings that name that key", unreadable)
	}
	return nil
}

// mostInNeed chooses records for one search: those first for which the organisation has
// registered no clean one yet, so that searches one after another come to all.
func mostInNeed(pending []gateway.Evidence, org string, most int) []gateway.Evidence {
	clean := func(e gateway.Evidence) int {
		if slices.ContainsFunc(e.Attested, func(r record.Registration) bool { return r.Org == org && r.Clean() }) {
			return 1
		}
		return 0
	}
	out := slices.Clone(pending)
	slices.SortStableFunc(out, func(a, b gateway.Evidence) int { return clean(a) - clean(b) })
	return out[:min(most, len(out))]
}

// pending is all evidence that the client may read, of records that are gone whole:
// where the body went and the rest waits, the rest would be found.
func (a *app) pending(ctx context.Context, client *gateway.Client) ([]gateway.Evidence, error) {
	names, err := client.Collections(ctx)
	if err != nil {
		return nil, err
	}
	var out []gateway.Evidence
	allowed := false
	var forbidden error
	for _, name := range names {
		list, err := client.Evidence(ctx, name)
		if errors.Is(err, gateway.ErrForbidden) {
			forbidden = err
			continue
		}
		if err != nil {
			return nil, err
		}
		allowed = true
		ids := make([]string, len(list))
		for i, e := range list {
			ids[i] = e.ID
		}
		states, err := client.Inspect(ctx, name, ids)
		if err != nil {
			return nil, err
		}
		for i, s := range states {
			if s.State == record.InsideGone {
				out = append(out, list[i])
			}
		}
	}
	if !allowed {
		return nil, forbidden
	}
	return out, nil
}

// attestOne searches the nodes of one organisation.
func (a *app) attestOne(ctx context.Context, o attestFlags, op operator, w *wantedAt) (*certificate.Attestation, []attest.Residue, error) {
	nodes, missing, err := reached(ctx, op, w.height)
	if err != nil {
		return nil, nil, err
	}
	genesis, err := a.genesisFor(ctx, o, op.org)
	if err != nil {
		return nil, nil, err
	}
	s := certificate.Statement{Org: op.org, Records: w.Records, Missing: missing, NotCovered: attest.Never(), Nodes: []certificate.Node{}}
	if s.Channel, s.Genesis, err = certificate.Identify(genesis); err != nil {
		return nil, nil, err
	}
	if !op.memory {
		s.NotCovered = append(s.NotCovered, attest.NoMemory)
	}
	scrubbed := map[string]erasure.Scrubbed{}
	if op.scrubbed != "" {
		if scrubbed, err = erasure.LastScrubs(op.scrubbed); err != nil {
			return nil, nil, err
		}
	}
	results := make([]certificate.Node, len(nodes))
	found := make([][]attest.Residue, len(nodes))
	g, searching := errgroup.WithContext(ctx)
	g.SetLimit(max(1, runtime.GOMAXPROCS(0))) // a search keeps one core busy
	for i, n := range nodes {
		n.ScrubbedAt, n.ScrubbedHeight = scrubbed[n.Name].At, scrubbed[n.Name].From
		g.Go(func() (err error) {
			results[i], found[i], err = attest.Search(searching, n, &w.Wanted, time.Now)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, nil, err
	}
	s.Nodes = append(s.Nodes, results...)
	residue := slices.Concat(found...)
	s.StatedAt = time.Now().UTC().Format(time.RFC3339)
	signed, err := sign(s, op)
	return signed, residue, err
}

// genesisFor is the genesis block that a statement is bound to.
func (a *app) genesisFor(ctx context.Context, o attestFlags, org string) ([]byte, error) {
	path := o.genesis
	if path == "" && a.settings == "" {
		n, err := network.Open(a.dir)
		if err != nil {
			return nil, err
		}
		path = n.GenesisPath()
	}
	if path != "" {
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, openError(err)
		}
		return b, nil
	}
	client, err := a.connect(ctx, where{o.region, org, record.RolePurger})
	if err != nil {
		return nil, err
	}
	defer client.Close()
	return client.Genesis(ctx)
}
