package network

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

// Severities of findings.
const (
	OK    = "ok"
	Warn  = "warn"
	Error = "error"
)

// Checks of Doctor.
const (
	CheckProcess     = "process"      // the node runs and answers
	CheckChannel     = "channel"      // it has the channel and keeps up
	CheckCertificate = "certificate"  // none of its certificates ends soon
	CheckDisk        = "disk"         // there is room where its data lies
	CheckLogging     = "logging"      // it does not log at debug
	CheckCollections = "collections"  // what is committed is what was agreed
	CheckMemberPeers = "member-peers" // enough peers hold each collection
)

// Limits of the checks.
const (
	certificateWarning = 30 * 24 * time.Hour
	diskWarning        = 2 << 30 // bytes; a sweep of purged data can write several times its size
	diskError          = 256 << 20
	heightLag          = 5 // blocks a node may be behind the highest one
)

// Finding is one result of a check. It names no private data.
type Finding struct {
	Node     string `json:"node"`     // "" for what concerns the whole network
	Severity string `json:"severity"` // OK, Warn or Error
	Check    string `json:"check"`    // one of the Check constants
	Message  string `json:"message"`  // what was found and what to do
}

// Report is what Doctor found: first the nodes in topology order, then what
// concerns the whole network.
type Report struct {
	Findings []Finding `json:"findings"`
}

// Worst is the highest severity of all findings.
func (r Report) Worst() string {
	worst := OK
	for _, f := range r.Findings {
		if f.Severity == Error {
			return Error
		}
		if f.Severity == Warn {
			worst = Warn
		}
	}
	return worst
}

// Doctor examines every node and the committed chaincode definition. With a
// collections_config.json it also says whether the committed collections
// differ from it; nil leaves that check out. What cannot be examined is a
// finding.
func (n *Network) Doctor(ctx context.Context, collectionsConfig []byte) Report {
	var committed *Committed
	var unknown error
	if n.state.Deployed {
		committed, unknown = n.CommittedDefinition(ctx)
	}
	lists := make([][]Finding, len(n.nodes))
	heights := make([]uint64, len(n.nodes))
	var g errgroup.Group
	for i, s := range n.nodes {
		g.Go(func() error {
			lists[i], heights[i] = n.examine(ctx, s, committed)
			return nil
		})
	}
	_ = g.Wait() // no function returns an error
	top := slices.Max(heights)
	var r Report
	for i, s := range n.nodes {
		if heights[i] > 0 {
			lists[i] = append(lists[i], keepsUp(s.name, heights[i], top))
		}
		r.Findings = append(r.Findings, lists[i]...)
	}
	if n.state.Deployed {
		r.Findings = append(r.Findings, n.examineDefinition(committed, unknown, collectionsConfig)...)
	}
	return r
}

// keepsUp compares a node's height with the highest.
func keepsUp(node string, height, top uint64) Finding {
	f := Finding{node, OK, CheckChannel, fmt.Sprintf("height %d", height)}
	if height+heightLag < top {
		f.Severity = Warn
		f.Message += fmt.Sprintf(", %d behind the highest node", top-height)
	}
	return f
}

// examine checks one node; height is 0 if it does not tell one. committed is the
// definition in force, nil if it is not known.
func (n *Network) examine(ctx context.Context, s spec, committed *Committed) (out []Finding, height uint64) {
	node := n.nodeStatus(ctx, s)
	f := Finding{s.name, Error, CheckProcess, ""}
	switch node.State {
	case StateRunning:
		f.Severity, f.Message = OK, fmt.Sprintf("runs as pid %d", node.PID)
	case StateNoChannel:
		f.Severity, f.Message = OK, fmt.Sprintf("runs as pid %d", node.PID)
		out = append(out, missingChannel(s))
	case StateStopped:
		f.Message = "is stopped; `network up` starts it"
	case StateDead:
		f.Message = "has ended without being stopped; read " + s.logFile() + ", then `network up` starts it again"
		if s.kind == KindPeer && ledgerBroken(s) {
			f.Message = "cannot go on with its ledger (see " + s.logFile() + ") and ends at every start; `network doctor --heal` lets it join again"
		}
	default:
		f.Message = fmt.Sprintf("runs as pid %d but does not answer at %s; read %s", node.PID, s.address(), s.logFile())
	}
	out = append([]Finding{f}, out...)
	out = append(out, n.certificates(s), diskSpace(s))
	if node.PID != 0 && s.kind != KindChaincode {
		out = append(out, n.logging(ctx, s))
	}
	if s.kind == KindPeer && node.State != StateNoChannel {
		out = append(out, examineStores(ctx, s, node.Height, committed)...)
	}
	return out, node.Height
}

// examineStores checks the private data of a peer, which need not run.
func examineStores(ctx context.Context, s spec, height uint64, committed *Committed) []Finding {
	var collections []string
	if committed != nil {
		var err error
		if collections, err = committed.heldBy(s.org); err != nil {
			return []Finding{{s.name, Error, CheckPrivateData, err.Error()}}
		}
	}
	return []Finding{privateData(s.name, readPrivate(ctx, s, collections)), transient(ctx, s, height, time.Now())}
}

func missingChannel(s spec) Finding {
	f := Finding{s.name, Error, CheckChannel, "answers but has not joined the channel; `network up` joins it"}
	if ledgerBroken(s) {
		f.Message = "cannot load its ledger (\"Failed to load ledger\" in " + s.logFile() +
			") though it calls itself healthy; `network doctor --heal`, or: stop it, run `peer node unjoin -c " + Channel +
			"`, start and join it again: it fetches everything from the orderers and from the other members' peers"
	}
	return f
}

// certificates reports the certificate of the node or its authorities that
// ends first.
func (n *Network) certificates(s spec) Finding {
	org := filepath.Join(n.dir, "orgs", s.org)
	paths := []string{s.tlsCert(), filepath.Join(org, "ca", "ca.pem"), filepath.Join(org, "tlsca", "tlsca.pem")}
	if s.kind != KindChaincode {
		paths = append(paths, filepath.Join(s.mspDir(), "signcerts", "cert.pem"))
	}
	if s.index == 0 && s.kind != KindChaincode { // once for each organization
		users, err := filepath.Glob(filepath.Join(org, "users", "*", "msp", "signcerts", "cert.pem"))
		if err == nil {
			paths = append(paths, users...)
		}
	}
	var first time.Time
	var which string
	for _, path := range paths {
		end, err := notAfter(path)
		if err != nil {
			return Finding{s.name, Error, CheckCertificate, err.Error()}
		}
		if which == "" || end.Before(first) {
			first, which = end, path
		}
	}
	return expiry(s.name, which, first, time.Now())
}

func expiry(node, path string, end, now time.Time) Finding {
	f := Finding{node, OK, CheckCertificate, "the first certificate ends on " + end.UTC().Format(time.DateOnly)}
	switch left := end.Sub(now); {
	case left <= 0:
		f.Severity, f.Message = Error, path+" ended on "+end.UTC().Format(time.DateOnly)+"; replace it"
	case left < certificateWarning:
		f.Severity, f.Message = Warn, fmt.Sprintf("%s ends in %d days; replace it", path, int(left.Hours()/24))
	}
	return f
}

func notAfter(path string) (time.Time, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return time.Time{}, err
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return time.Time{}, fmt.Errorf("%s holds no certificate", path)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return time.Time{}, fmt.Errorf("%s: %w", path, err)
	}
	return cert.NotAfter, nil
}

func diskSpace(s spec) Finding {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(s.dir, &fs); err != nil {
		return Finding{s.name, Warn, CheckDisk, fmt.Sprintf("free space of %s is unknown: %v", s.dir, err)}
	}
	return room(s, fs.Bavail*uint64(fs.Bsize))
}

// room is the finding about so many free bytes.
func room(s spec, free uint64) Finding {
	f := Finding{s.name, OK, CheckDisk, fmt.Sprintf("%d MiB free for %s", free>>20, s.dataDir())}
	switch {
	case free < diskError:
		f.Severity = Error
		f.Message += "; a peer that runs out of space while it writes must be restarted: make room now"
	case free < diskWarning:
		f.Severity = Warn
		f.Message += "; the sweep of purged data needs room to write"
	}
	return f
}

// debugSpec finds a level that prints private data or keys.
var debugSpec = regexp.MustCompile(`(?i)(^|[=:])\s*debug\b`)

func (n *Network) logging(ctx context.Context, s spec) Finding {
	spec, err := n.logSpec(ctx, s)
	f := Finding{s.name, OK, CheckLogging, "log level " + spec}
	switch {
	case err != nil:
		f.Severity, f.Message = Error, "the log level is unknown: "+err.Error()
	case debugSpec.MatchString(spec):
		f.Severity = Error
		f.Message += ": at debug the log holds private data in clear; set it to info and destroy " + s.logFile()
	}
	return f
}

// logSpec asks for the level at which the node logs now, which may have been
// changed since its start.
func (n *Network) logSpec(ctx context.Context, s spec) (string, error) {
	status, body, err := n.do(ctx, s, http.MethodGet, "https://"+s.addr(portOperations)+"/logspec", "", nil)
	if err != nil {
		return "", err
	}
	var answer struct {
		Spec string `json:"spec"`
	}
	if status != http.StatusOK {
		return "", fmt.Errorf("/logspec answers %d", status)
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return "", fmt.Errorf("/logspec: %w", err)
	}
	return answer.Spec, nil
}

// examineDefinition checks the committed collections.
func (n *Network) examineDefinition(committed *Committed, unknown error, collectionsConfig []byte) []Finding {
	if unknown != nil {
		return []Finding{{"", Error, CheckCollections, unknown.Error()}}
	}
	var out []Finding
	if collectionsConfig != nil {
		out = append(out, compareCollections(committed, collectionsConfig))
	}
	members, err := CheckMembers(n.state.Topology, committed.CollectionsConfig)
	if err != nil {
		return append(out, Finding{"", Error, CheckMemberPeers, err.Error()})
	}
	return append(out, members...)
}

func compareCollections(committed *Committed, want []byte) Finding {
	a, errA := parseCollections(committed.CollectionsConfig)
	b, errB := parseCollections(want)
	f := Finding{"", OK, CheckCollections, fmt.Sprintf("the collections of sequence %d are those of the policy", committed.Sequence)}
	switch {
	case errA != nil || errB != nil:
		f.Severity, f.Message = Error, errors.Join(errA, errB).Error()
	case !sameCollections(a, b):
		f.Severity = Error
		f.Message = fmt.Sprintf("the collections of sequence %d, which is committed, differ from the policy; approve and commit the policy or correct it", committed.Sequence)
	}
	return f
}
