package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/syndtr/goleveldb/leveldb"

	"domicile/chaincode/chaincodetest"
	"domicile/chaincode/record"
	"domicile/integration/kit"
	"domicile/network"
)

// purgeRun purges what is due in a region with the command. Others may have purged
// the same meanwhile, which it reports and we do not mind.
func purgeRun(ctx context.Context, t *testing.T, region string) {
	t.Helper()
	a := must(ctx, t, 0, nil, "purge", "run", "--region", region, "--execute")
	t.Log(strings.TrimSpace(a.Words))
}

// goneEverywhere asks every peer of the holder for a record, by itself.
func goneEverywhere(ctx context.Context, t *testing.T, h home, id string) {
	t.Helper()
	for _, p := range shared.Peers() {
		if p.Org != h.members[0] {
			continue
		}
		n, err := shared.at(ctx, h.as("reader"), p.Name)
		if err != nil {
			t.Fatal(err)
		}
		_, err = evaluateAt(ctx, n, h.get(id))
		if err == nil {
			t.Errorf("%s still answers with the record", p.Name)
			continue
		}
		wantCode(t, err, record.CodeGone)
	}
}

// TestI10_TheLifeOfARecordEndsWithATombstone takes a record from put to tombstone,
// with the command, in uk, and another without an anchor.
func TestI10_TheLifeOfARecordEndsWithATombstone(t *testing.T) {
	t.Parallel()
	ctx := testContext(t, patience)
	body := encounter(longAgo, unique())
	r := putOne(ctx, t, "uk", body)
	unanchored, put := ukA.put(encounter(longAgo, unique()))
	submit(ctx, t, put)
	stays := putOne(ctx, t, "uk", encounter(farOff, unique()))
	if plan := must(ctx, t, 0, nil, "purge", "plan", "--region", "uk", "--json"); !strings.Contains(plan.Out, r.ID) ||
		strings.Contains(plan.Out, stays.ID) || !strings.Contains(plan.Out, "DEMO, not law") {
		t.Errorf("the plan: %s", plan.Out)
	}
	if dry := must(ctx, t, 0, nil, "purge", "run", "--region", "uk"); !strings.Contains(dry.Words, "Nothing was changed") {
		t.Error("run without --execute does not say that it changed nothing")
	}
	if got := must(ctx, t, 0, nil, "record", "get", "--region", "uk", r.ID); got.Out != string(body) {
		t.Error("the bytes came back changed")
	}
	purgeRun(ctx, t, "uk")
	for _, id := range []string{r.ID, unanchored.ID} {
		goneEverywhere(ctx, t, ukA, id)
	}
	p := proofAt(ctx, t, "AuHealth", r.ID)
	if p.State != record.StatePurged || p.Hash != r.Hash || p.AnchoredAt == "" || p.TombstoneTx == "" {
		t.Errorf("after the purge: %+v", p)
	}
	if p := proofAt(ctx, t, "AuHealth", unanchored.ID); p.State != record.StatePurged || p.Hash != "" {
		t.Errorf("the one without an anchor: %+v", p)
	}
	must(ctx, t, 0, nil, "record", "get", "--region", "uk", stays.ID)
	if again := kit.Receipts(t, must(ctx, t, 1, body, "record", "put", "--region", "uk", "-")); len(again) != 1 || !again[0].Gone {
		t.Errorf("put again: %+v", again)
	}
	signers := map[string]bool{}
	blk, err := open(ctx, t, "UkTrust", "reader").BlockOf(ctx, p.TombstoneTx)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range txFields(t, block(ctx, t, blk), p.TombstoneTx) {
		if strings.HasPrefix(f.Path, "endorsement[") && strings.HasSuffix(f.Path, ".mspid") {
			signers[string(f.Bytes)] = true
		}
	}
	if len(signers) < 2 {
		t.Errorf("the tombstone is signed by %v", signers)
	}
}

// storeBytes is the size of the private stores of an organisation's peers.
func storeBytes(t *testing.T, org string) map[string]int64 {
	t.Helper()
	out := map[string]int64{}
	for _, p := range shared.Peers() {
		if p.Org != org {
			continue
		}
		dir := filepath.Join(shared.Dir(), "nodes", p.Name, "data", "ledgersData", "pvtdataStore")
		_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				if info, err := d.Info(); err == nil { // LevelDB removes files meanwhile
					out[p.Name] += info.Size()
				}
			}
			return nil
		})
	}
	return out
}

// TestI11_ALargeRecordIsPurgedInTwoStepsWithoutFloodingTheDisk watches the private
// stores of au while a record of 6 MB goes. It runs by itself: peers give an endorsement
// 30 s, and beside everything else on few and slow cores one of 6 MB can take longer.
func TestI11_ALargeRecordIsPurgedInTwoStepsWithoutFloodingTheDisk(t *testing.T) {
	ctx := testContext(t, patience)
	const size = 6 << 20
	before := storeBytes(t, "AuHealth")
	r := putOne(ctx, t, "au", encounter(longAgo, unique()+strings.Repeat("lorem ipsum ", size/12)))
	watching, stop := context.WithCancel(ctx)
	done := make(chan map[string]int64)
	go func() {
		peak := map[string]int64{}
		for {
			for name, n := range storeBytes(t, "AuHealth") {
				peak[name] = max(peak[name], n-before[name])
			}
			if !kit.Pause(watching) {
				done <- peak
				return
			}
		}
	}()
	purgeRun(ctx, t, "au")
	goneEverywhere(ctx, t, auA, r.ID)
	stop()
	for name, n := range <-done {
		t.Logf("%s: peak %.1f MB", name, float64(n)/(1<<20))
		if n > 3*size {
			t.Errorf("the private store of %s grew by %d bytes for a record of %d", name, n, size)
		}
	}
	if p := proofAt(ctx, t, "EuHospital", r.ID); p.State != record.StatePurged {
		t.Errorf("%+v", p)
	}
}

// stopped stops a peer; start brings it back and waits for its blocks.
func stopped(ctx context.Context, t *testing.T, name string) (start func()) {
	t.Helper()
	shared.heights.set(func() { shared.heights.away[name] = true })
	if err := shared.Kill(ctx, name); err != nil {
		t.Fatal(err)
	}
	running := false
	start = func() {
		if running {
			return
		}
		running = true
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		if err := shared.StartNode(ctx, name); err != nil {
			t.Error(err)
		}
		if err := shared.WaitDiscovered(ctx); err != nil {
			t.Error(err)
		}
		shared.heights.set(func() { delete(shared.heights.away, name) })
		if err := shared.heights.wait(ctx, shared.heights.top()-1); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(start)
	return start
}

// TestI10_APeerThatWasDownComesBackWithoutWhatWasPurged kills one of au's peers, has
// a record purged, and starts it again, twice. Not parallel: it stops a node.
func TestI10_APeerThatWasDownComesBackWithoutWhatWasPurged(t *testing.T) {
	ctx := testContext(t, patience)
	rec, put := auA.put(encounter(longAgo, unique()))
	submit(ctx, t, put)
	start := stopped(ctx, t, "peer2.AuHealth")
	submit(ctx, t, auA.purge(rec.ID))
	start()
	goneEverywhere(ctx, t, auA, rec.ID)
	stopped(ctx, t, "peer2.AuHealth")()
	goneEverywhere(ctx, t, auA, rec.ID)
}

// TestT20_AHashPlantedOnOnePeerIsNamedByVerify flips the private hash in the state
// database of one stopped peer. Not parallel: it stops a node.
func TestT20_AHashPlantedOnOnePeerIsNamedByVerify(t *testing.T) {
	ctx := testContext(t, patience)
	const name = "peer2.UkTrust"
	r := putOne(ctx, t, "us", encounter(farOff, unique()))
	start := stopped(ctx, t, name)
	if n := flipHash(t, name, r.Hash); n == 0 {
		t.Fatal("the hash is not in the peer's state")
	}
	start()
	ask := chaincodetest.Public(ukA.as("reader"), record.FuncVerify, record.VerifyRequest{Version: record.Version, ID: r.ID, Hash: r.Hash})
	for _, p := range []string{name, "peer1.UkTrust"} {
		n, err := shared.at(ctx, ukA.as("reader"), p)
		if err != nil {
			t.Fatal(err)
		}
		// A gateway asks another peer of its organisation while it thinks itself behind.
		err = kit.Eventually(ctx, func() error {
			b, err := evaluateAt(ctx, n, ask)
			var v record.Verdict
			if err != nil || json.Unmarshal(b, &v) != nil {
				return fmt.Errorf("%s: %w", p, err)
			}
			if wrong := p == name; v.Match == wrong || (v.PeerHash == r.Hash) == wrong {
				return fmt.Errorf("%s: %+v", p, v)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	start = stopped(ctx, t, name)
	flipHash(t, name, r.Hash)
	start()
}

// flipHash turns the bits of a hash wherever the peer's state holds it as a value,
// and turns them back when called again. It returns how often.
func flipHash(t *testing.T, peer, hexHash string) int {
	t.Helper()
	db, err := leveldb.OpenFile(filepath.Join(shared.Dir(), "nodes", peer, "data", "ledgersData", "stateLeveldb"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var right, wrong []byte
	if _, err := fmt.Sscanf(hexHash, "%x", &right); err != nil {
		t.Fatal(err)
	}
	for _, b := range right {
		wrong = append(wrong, ^b)
	}
	n := 0
	it := db.NewIterator(nil, nil)
	defer it.Release()
	for it.Next() {
		for from, to := range map[*[]byte][]byte{&right: wrong, &wrong: right} {
			if bytes.Contains(it.Value(), *from) {
				n++
				if err := db.Put(bytes.Clone(it.Key()), bytes.ReplaceAll(bytes.Clone(it.Value()), *from, to), nil); err != nil {
					t.Fatal(err)
				}
				break
			}
		}
	}
	return n
}

// TestT23_TooFewPeersIsAnErrorToTryLaterAndReadinessEndsIt stops two of three peers:
// puts are refused with a code that says so, and work again as soon as the network
// says that the peers know each other. Not parallel: it stops nodes.
func TestT23_TooFewPeersIsAnErrorToTryLaterAndReadinessEndsIt(t *testing.T) {
	ctx := testContext(t, patience)
	first, second := stopped(ctx, t, "peer1.AuHealth"), stopped(ctx, t, "peer2.AuHealth")
	body := encounter(farOff, unique())
	short, cancel := context.WithTimeout(ctx, 45*time.Second)
	defer cancel()
	if a := domicile(short, body, "record", "put", "--region", "au", "-"); a.Status != 3 ||
		!strings.Contains(a.Words, "UNAVAILABLE") && !strings.Contains(a.Words, "TIMEOUT") && short.Err() == nil {
		t.Errorf("with one peer: status %d\n%s", a.Status, a.Words)
	}
	first()
	second()
	putOne(ctx, t, "au", body)
	nodes, err := shared.Status(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range nodes {
		if x.State != network.StateRunning {
			t.Errorf("%s is %s", x.Name, x.State)
		}
	}
}
