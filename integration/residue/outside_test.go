package residue

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"domicile/erasure"
	"domicile/gateway"
	"domicile/internal/cli"
	"domicile/network"
)

// outsideHook drives processes as an operator's own program would, who has no
// network's directory: it ends and starts peer and chaincode server itself. NET and WORK
// are filled in.
const outsideHook = `#!/bin/sh
set -eu
NET='@NET@' WORK='@WORK@'
echo "$1 $2" >> "$WORK/calls"
stop() { # NODE, remembering how it was run
  pid=$(cut -d' ' -f1 "$NET/nodes/$1/pid")
  kill -0 "$pid" 2>/dev/null || return 0
  cat "/proc/$pid/environ" > "$WORK/$1.env"
  tr '\0' '\n' < "/proc/$pid/cmdline" > "$WORK/$1.cmd"
  kill -TERM "$pid"
  while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
}
start() { # NODE
  pid=$(cut -d' ' -f1 "$NET/nodes/$1/pid")
  kill -0 "$pid" 2>/dev/null && return 0
  cd "$NET/nodes/$1"
  { cat "$WORK/$1.env"; printf '%s\0' sh -c 'echo "$$ $(cut -d" " -f22 /proc/$$/stat)" > pid; exec "$@"' sh
    tr '\n' '\0' < "$WORK/$1.cmd"; } > "$WORK/$1.run"
  rm -f pid
  setsid xargs -0 -a "$WORK/$1.run" env -i >> log 2>&1 < /dev/null &
  while [ ! -s pid ]; do sleep 0.05; done
}
case "$1" in
  stop)  stop "$2" ;;
  start) stop "chaincode.${2#*.}"; start "chaincode.${2#*.}"; start "$2" ;;
  *)     exit 1 ;; # heights are the settings' matter
esac
`

// outsider is an operator on a machine of the own: copies of the certificates, settings
// that name them, a hook, and nothing of the local network.
type outsider struct{ dir, settings, hook, state string }

func newOutsider(t *testing.T, s *small, org string) *outsider {
	t.Helper()
	dir := t.TempDir()
	o := &outsider{dir, filepath.Join(dir, "purger.yaml"), filepath.Join(dir, "hook.sh"), filepath.Join(dir, "scrub.json")}
	own, err := gateway.LoadSettings(filepath.Join(s.dir, "settings", org+".purger.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	copied := 0
	take := func(path string) string {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		copied++
		name := fmt.Sprintf("%d-%s", copied, filepath.Base(path))
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
		return name // relative to the settings
	}
	own.Identity.Certificate, own.Identity.Key = take(own.Identity.Certificate), take(own.Identity.Key)
	own.IndexKey = take(own.IndexKey)
	for _, peers := range [][]gateway.Peer{own.Peers, own.ProofPeers} {
		for i := range peers {
			peers[i].TLSCA = take(peers[i].TLSCA)
		}
	}
	text, err := yaml.Marshal(own)
	if err != nil {
		t.Fatal(err)
	}
	hook := strings.NewReplacer("@NET@", s.dir, "@WORK@", dir).Replace(outsideHook)
	for path, content := range map[string][]byte{o.settings: text, o.hook: []byte(hook)} {
		if err := os.WriteFile(path, content, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return o
}

// run runs the command as the operator and wants its status.
func (o *outsider) run(ctx context.Context, t *testing.T, status int, args ...string) (data, words string) {
	t.Helper()
	var out, said bytes.Buffer
	args = append([]string{"--dir", filepath.Join(o.dir, "no-network"), "--settings", o.settings}, args...)
	if got := cli.Run(ctx, args, strings.NewReader(""), &out, &said); got != status {
		t.Fatalf("%v: status %d, want %d\n%s%s", args, got, status, out.String(), said.String())
	}
	return out.String(), said.String()
}

// TestT33_AnOperatorWithoutTheLocalNetworkScrubsAndAttests, with settings, directories
// and a hook, as on machines of one organisation's own.
func TestT33_AnOperatorWithoutTheLocalNetworkScrubsAndAttests(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: -short: no test on a real network runs")
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s := newNetwork(ctx, t, "--topology", "small", "--rules", "none")
	n, err := network.Open(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	const org = "UsHospital"
	peers := []string{"peer0." + org, "peer1." + org}
	o := newOutsider(t, s, org)
	s.run(ctx, t, 0, encounter, "record", "put", "--region", "us", "-")
	o.run(ctx, t, 0, "purge", "run", "--region", "us", "--execute")

	cert, key, err := n.Identity(org, network.RoleAdmin)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(o.dir, "us.json")
	attestation := []string{"purge", "attest", "--region", "us", "--certificate", cert, "--key", key, "--state", o.state, "-o", file}
	scrub := []string{"purge", "scrub", "--region", "us", "--org", org, "--hook", o.hook, "--state", o.state, "--json"}
	for _, p := range peers {
		node := filepath.Join(s.dir, "nodes", p)
		attestation = append(attestation, "--peer", p+"="+node)
		scrub = append(scrub, "--peer", p+"="+filepath.Join(node, "data"))
	}
	o.run(ctx, t, 1, attestation...)
	if dirty := s.attestation(t, file).Statement; dirty.Found() == 0 || len(dirty.Missing) > 0 {
		t.Errorf("before the scrub: %+v", dirty)
	}
	if _, words := o.run(ctx, t, 0, scrub...); !strings.Contains(words, "healthy, height") || strings.Contains(words, "NOT healthy") {
		t.Errorf("the plan: %s", words)
	}
	out, words := o.run(ctx, t, 0, append(scrub, "--execute")...)
	var done map[string][]erasure.Scrubbed
	if err := json.Unmarshal([]byte(out), &done); err != nil || len(done[org]) != len(peers) {
		t.Fatalf("%v: %s\n%s", err, out, words)
	}
	for _, d := range done[org] {
		t.Logf("%s: swept at %d blocks, back at %d; %+v s", d.Peer, d.From, d.Height, d.Took)
		if d.From == 0 || d.Height < d.From || d.Missing > 0 {
			t.Errorf("%+v", d)
		}
	}
	calls, err := os.ReadFile(filepath.Join(o.dir, "calls"))
	if want := "stop peer0.UsHospital\nstart peer0.UsHospital\nstop peer1.UsHospital\nstart peer1.UsHospital\n"; err != nil || string(calls) != want {
		t.Errorf("the hook was called %q, %v", calls, err)
	}
	o.run(ctx, t, 0, attestation...)
	clean := s.attestation(t, file).Statement
	if clean.Found() != 0 || len(clean.Missing) > 0 || len(clean.Records) != 2 { // the record and a canary
		t.Errorf("after the scrub: %+v", clean)
	}
	for _, node := range clean.Nodes {
		if node.ScrubbedAt == "" {
			t.Errorf("%s is not said to be compacted", node.Name)
		}
	}
	o.run(ctx, t, 0, "purge", "attest", "--region", "us", "--report", file)
}
