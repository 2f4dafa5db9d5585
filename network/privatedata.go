package network

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"domicile/erasure"
)

// privateState is what is known of a peer's private data: what is missing by its private
// data store, which it keeps over starts and which no rotation of logs shortens, and
// whether fetching fails by its log, where alone it says that. While it fails it says so
// every few seconds.
type privateState struct {
	gaps    erasure.Gaps
	failing bool
	err     error // the store cannot be read; then gaps says nothing
}

// stuck: it lacks private data, and fetching failed.
func (p privateState) stuck() bool { return p.failing && (p.err != nil || p.gaps.Wanted > 0) }

// readPrivate reads store and log of a peer. collections are those that its organization
// holds.
func readPrivate(ctx context.Context, s spec, collections []string) privateState {
	p := privateState{failing: fetchFails(s)}
	p.gaps, p.err = erasure.ReadGaps(ctx, s.dataDir(), Channel, Chaincode, collections)
	return p
}

// heldBy lists the collections that an organization holds by the committed definition.
func (n *Network) heldBy(ctx context.Context, org string) ([]string, error) {
	if !n.state.Deployed {
		return nil, nil
	}
	c, err := n.CommittedDefinition(ctx)
	if errors.Is(err, ErrNotCommitted) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return c.heldBy(org)
}

func (c *Committed) heldBy(org string) ([]string, error) {
	all, err := parseCollections(c.CollectionsConfig)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, config := range all.GetConfig() {
		members, err := membersOf(config.GetStaticCollectionConfig())
		if err != nil {
			return nil, err
		}
		if slices.Contains(members, org) {
			out = append(out, config.GetStaticCollectionConfig().GetName())
		}
	}
	return out, nil
}

// privateData is the doctor's finding about a peer's private data.
func privateData(peer string, p privateState) Finding {
	f := Finding{peer, OK, CheckPrivateData, "no private data is missing, by the peer's private data store"}
	switch {
	case p.stuck():
		f.Severity = Error
		f.Message = fmt.Sprintf("cannot fetch private data that it misses (%d write sets); are the other members' peers there? "+
			"`network doctor --heal` lets it join again when another peer has everything", p.gaps.Wanted)
	case p.err != nil:
		f.Severity = Warn
		f.Message = "its private data store cannot be read, so nobody knows what is missing: " + p.err.Error()
	case p.gaps.Late > 0:
		f.Severity = Warn
		f.Message = fmt.Sprintf("misses %d private write sets and did not find %d of them with the members that answered; it asks again every few minutes, "+
			"and until it has them reads fail with MISSING_DATA", p.gaps.Wanted, p.gaps.Late)
	case p.gaps.Wanted > 0:
		f.Severity = Warn
		f.Message = fmt.Sprintf("misses %d private write sets and has not fetched them yet; until then reads of them fail with MISSING_DATA", p.gaps.Wanted)
	case len(p.gaps.Ignored) > 0 && p.gaps.Changing:
		f.Severity = Warn
		f.Message = "the organization has become a member of collections, and the peer has not begun to fetch what they hold"
	case len(p.gaps.Ignored) > 0:
		f.Severity = Warn
		f.Message = ignored(p.gaps.Ignored)
	}
	return f
}

// ignored says in words what a peer will never fetch by itself.
func ignored(sets map[string]int) string {
	var of []string
	for name, n := range sets {
		of = append(of, fmt.Sprintf("%d of %s", n, name))
	}
	slices.Sort(of)
	return "misses private write sets and WILL NOT FETCH THEM: " + strings.Join(of, ", ") +
		". It noted them as not its own, because the block that made the organization a member of the collection carried them, too (a race in Fabric). " +
		"Reads of what they hold fail with MISSING_DATA on this peer, unless it was refused or is purged. " +
		"It fetches them once the organization is taken out of the collection and put back, by two changes of the policy with nothing put in between; joining the channel again may meet the same race"
}

// fetchFails reports whether the peer said since its last start that it cannot fetch
// private data that it misses (Fabric, gossip/privdata/reconcile.go).
func fetchFails(s spec) bool {
	failing := false
	eachLogLine(s, func(line string) { failing = failsFetch(line, failing) })
	return failing
}

func failsFetch(line string, failing bool) bool {
	switch {
	case strings.Contains(line, "Starting peer:"),
		strings.Contains(line, "Reconciliation cycle finished successfully. reconciled"):
		return false
	case strings.Contains(line, "Failed to reconcile missing private info"),
		strings.Contains(line, "failed to reconcile pvtdata"):
		return true
	}
	return failing
}

// maxLogLine is how many bytes of a line of a log are looked at.
const maxLogLine = 64 << 10

// eachLogLine calls visit for each line of a node's log, of which the beginning counts. A
// log that cannot be read has no lines.
func eachLogLine(s spec, visit func(string)) {
	f, err := os.Open(s.logFile())
	if err != nil {
		return
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, maxLogLine)
	for {
		line, err := r.ReadSlice('\n')
		if len(line) > 0 {
			visit(strings.TrimRight(string(line), "\r\n"))
		}
		for errors.Is(err, bufio.ErrBufferFull) { // the rest of a long one
			_, err = r.ReadSlice('\n')
		}
		if err != nil {
			return
		}
	}
}
