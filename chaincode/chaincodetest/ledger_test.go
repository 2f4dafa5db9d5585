package chaincodetest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"domicile/chaincode/chaincodetest"

	"github.com/hyperledger/fabric-chaincode-go/v2/pkg/statebased"
	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
)

// script is a contract made of one function, to try single rules of the ledger.
type script func(shim.ChaincodeStubInterface) error

func (s script) Init(shim.ChaincodeStubInterface) *peer.Response { return shim.Success(nil) }

func (s script) Invoke(stub shim.ChaincodeStubInterface) *peer.Response {
	if err := s(stub); err != nil {
		return shim.Error(err.Error())
	}
	return shim.Success(nil)
}

// bench is a ledger with the organisations A and B, a collection of A's, one of
// both, and one that anybody may read.
type bench struct {
	*chaincodetest.Ledger
	t    *testing.T
	run  script // what the contract does next
	now  time.Time
	cert map[string][]byte
}

const benchCollections = `[
 {"name":"a","policy":"OR('A.member')","maxPeerCount":2,"memberOnlyRead":true,"memberOnlyWrite":true,"endorsementPolicy":{"signaturePolicy":"OR('A.peer')"}},
 {"name":"ab","policy":"OR('A.member','B.member')","maxPeerCount":2,"memberOnlyRead":true,"memberOnlyWrite":true,"endorsementPolicy":{"signaturePolicy":"OutOf(2,'A.peer','B.peer')"}},
 {"name":"open","policy":"OR('A.member')","maxPeerCount":0}]`

func newBench(t *testing.T, change func(*chaincodetest.Config)) *bench {
	b := &bench{t: t, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), cert: map[string][]byte{}}
	cfg := chaincodetest.Config{
		Orgs: []string{"A", "B", "C"}, EndorsementPolicy: "OutOf(2, 'A.peer', 'B.peer', 'C.peer')", Collections: []byte(benchCollections),
		Now: func() time.Time { return b.now },
		Chaincode: func(org string) (shim.Chaincode, error) {
			return script(func(s shim.ChaincodeStubInterface) error { return b.run(s) }), nil
		},
	}
	if change != nil {
		change(&cfg)
	}
	var err error
	if b.Ledger, err = chaincodetest.NewLedger(cfg); err != nil {
		t.Fatal(err)
	}
	for _, org := range cfg.Orgs {
		ca, err := chaincodetest.NewAuthority(org)
		if err != nil {
			t.Fatal(err)
		}
		if b.cert[org], err = ca.Issue("u", []string{"client"}, nil); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// endorse runs a script as a client of org on the peers of the endorsers.
func (b *bench) endorse(org string, run script, endorsers ...string) (*chaincodetest.Tx, error) {
	b.run = run
	return b.Endorse(chaincodetest.Proposal{Creator: b.cert[org], Args: [][]byte{[]byte("f")}}, endorsers...)
}

func (b *bench) must(org string, run script, endorsers ...string) *chaincodetest.Tx {
	b.t.Helper()
	tx, err := b.endorse(org, run, endorsers...)
	if err != nil {
		b.t.Fatal(err)
	}
	return tx
}

func (b *bench) commit(want string, txs ...*chaincodetest.Tx) {
	b.t.Helper()
	var got []string
	for _, c := range b.Commit(txs...).Codes {
		got = append(got, c.String())
	}
	if strings.Join(got, " ") != want {
		b.t.Errorf("codes %v, want %s", got, want)
	}
}

func put(coll, key, value string) script {
	return func(s shim.ChaincodeStubInterface) error { return s.PutPrivateData(coll, key, []byte(value)) }
}

func then(scripts ...script) script {
	return func(s shim.ChaincodeStubInterface) error {
		for _, f := range scripts {
			if err := f(s); err != nil {
				return err
			}
		}
		return nil
	}
}

func read(coll, key, want string) script {
	return func(s shim.ChaincodeStubInterface) error {
		v, err := s.GetPrivateData(coll, key)
		if err == nil && string(v) != want {
			err = fmt.Errorf("read %q, want %q", v, want)
		}
		return err
	}
}

func list(coll, want string) script {
	return func(s shim.ChaincodeStubInterface) error {
		it, err := s.GetPrivateDataByRange(coll, "", "")
		if err != nil {
			return err
		}
		got := ""
		for it.HasNext() {
			kv, err := it.Next()
			if err != nil {
				return err
			}
			got += kv.GetKey() + "=" + string(kv.GetValue()) + " "
		}
		if strings.TrimSpace(got) != want {
			return fmt.Errorf("range %q, want %q", got, want)
		}
		return it.Close()
	}
}

func purge(coll, key string) script {
	return func(s shim.ChaincodeStubInterface) error { return s.PurgePrivateData(coll, key) }
}

func state(key, value string) script {
	return func(s shim.ChaincodeStubInterface) error { return s.PutState(key, []byte(value)) }
}

// want runs a script on A's peer and expects an error that says text, or none.
func (b *bench) want(text, org string, run script, endorser string) {
	b.t.Helper()
	_, err := b.endorse(org, run, endorser)
	if text == "" && err != nil {
		b.t.Errorf("error %v, want none", err)
	}
	if text != "" && (err == nil || !strings.Contains(err.Error(), text)) {
		b.t.Errorf("error %v, want %q", err, text)
	}
}

func TestA_transaction_never_reads_its_own_writes(t *testing.T) {
	b := newBench(t, nil)
	b.want("", "A", then(put("a", "k", "v"), read("a", "k", "")), "A")
	b.want("", "A", then(state("k", "v"), func(s shim.ChaincodeStubInterface) error {
		if v, _ := s.GetState("k"); v != nil {
			return fmt.Errorf("read %q", v)
		}
		return nil
	}), "A")
}

func TestPrivate_queries_and_any_write_exclude_each_other(t *testing.T) {
	b := newBench(t, nil)
	b.want("read-only transaction", "A", then(put("a", "k", "v"), list("a", "")), "A")
	b.want("read-only transaction", "A", then(state("k", "v"), list("a", "")), "A")
	b.want("Writes are not allowed", "A", then(list("a", ""), put("a", "k", "v")), "A")
	b.want("Writes are not allowed", "A", then(list("a", ""), state("k", "v")), "A")
	b.want("Writes are not allowed", "A", then(list("a", ""), purge("a", "k")), "A")
}

func TestOnly_members_read_and_write_but_anybody_sees_hashes(t *testing.T) {
	b := newBench(t, nil)
	b.commit("VALID", b.must("A", put("a", "k", "v"), "A"))
	b.want("read access", "C", read("a", "k", "v"), "A")
	b.want("write access", "C", put("a", "k", "x"), "A")
	b.want("write access", "C", purge("a", "k"), "A")
	b.want("not defined", "A", put("none", "k", "v"), "A")
	b.want("not available", "A", read("a", "k", "v"), "C") // a member's call on a stranger's peer
	b.want("", "C", func(s shim.ChaincodeStubInterface) error {
		h, err := s.GetPrivateDataHash("a", "k")
		if err == nil && string(h) != string(chaincodetest.KeyHash("v")) {
			err = fmt.Errorf("hash %x", h)
		}
		return err
	}, "C")
}

func TestAn_empty_value_is_a_delete(t *testing.T) {
	b := newBench(t, nil)
	b.commit("VALID", b.must("A", put("a", "k", "v"), "A"))
	b.commit("VALID", b.must("A", put("a", "k", ""), "A"))
	b.want("", "A", read("a", "k", ""), "A")
}

func TestValidators_compare_versions_in_block_order(t *testing.T) {
	b := newBench(t, nil)
	readPut := then(read("a", "k", ""), put("a", "k", "v"))
	b.commit("VALID MVCC_READ_CONFLICT", b.must("A", readPut, "A"), b.must("A", readPut, "A"))
	blind, reader := b.must("A", put("a", "k", "w"), "A"), b.must("A", then(read("a", "k", "v"), put("a", "j", "v")), "A")
	b.commit("VALID MVCC_READ_CONFLICT", blind, reader)
	b.commit("DUPLICATE_TXID", blind)
	scan := then(func(s shim.ChaincodeStubInterface) error {
		it, err := s.GetStateByRange("p", "q")
		if err != nil {
			return err
		}
		return it.Close()
	}, state("z", "1"))
	all := []string{"A", "B", "C"}
	b.commit("VALID PHANTOM_READ_CONFLICT", b.must("A", state("p1", "x"), all...), b.must("A", scan, all...))
}

func TestA_peer_without_the_newest_value_refuses_reads_and_lists_the_old_one(t *testing.T) {
	b := newBench(t, nil)
	both := []string{"A", "B"}
	b.commit("VALID", b.must("A", put("ab", "k", "v1"), both...))
	b.Isolate("B", true)
	b.commit("VALID", b.must("A", put("ab", "k", "v2"), both...))
	b.want("private data matching public hash version is not available", "B", read("ab", "k", "v2"), "B")
	b.want("", "B", list("ab", "k=v1"), "B")
	b.want("", "B", func(s shim.ChaincodeStubInterface) error {
		v, err := s.GetMultiplePrivateData("ab", "k")
		if err == nil && string(v[0]) != "v1" {
			err = fmt.Errorf("read %q", v)
		}
		return err
	}, "B")
	b.Isolate("B", false)
	b.Reconcile("B")
	b.want("", "B", then(read("ab", "k", "v2"), list("ab", "k=v2")), "B")
}

func TestEndorsement_policies_of_chaincode_collection_and_key(t *testing.T) {
	b := newBench(t, nil)
	b.commit("VALID", b.must("A", put("a", "k", "v"), "A"))
	b.commit("ENDORSEMENT_POLICY_FAILURE", b.must("A", put("ab", "k", "v"), "A"))
	b.commit("ENDORSEMENT_POLICY_FAILURE", b.must("A", state("k", "v"), "A"))
	b.commit("VALID", b.must("A", state("k", "v"), "A", "C"))
	b.commit("ENDORSEMENT_POLICY_FAILURE", b.must("A", then(put("a", "k", "v"), state("k", "v")), "A"))
	b.commit("ENDORSEMENT_POLICY_FAILURE", b.must("A", put("open", "k", "v"), "A")) // falls back to the chaincode's
	b.commit("VALID", b.must("C", put("open", "k", "v"), "B", "C"))                 // and so strangers may write it
	b.commit("ENDORSEMENT_POLICY_FAILURE", b.must("A", read("a", "nothing", ""), "A"))

	guard := func(s shim.ChaincodeStubInterface) error {
		p, err := statebased.NewStateEP(nil)
		if err != nil {
			return err
		}
		if err := p.AddOrgs(statebased.RoleTypePeer, "B", "C"); err != nil {
			return err
		}
		raw, err := p.Policy()
		if err != nil {
			return err
		}
		return s.SetStateValidationParameter("k", raw)
	}
	set, next := b.must("A", guard, "A", "C"), b.must("A", state("k", "w"), "A", "C")
	b.commit("VALID ENDORSEMENT_POLICY_FAILURE", set, next) // its policy changed in the same block
	b.commit("ENDORSEMENT_POLICY_FAILURE", b.must("A", state("k", "w"), "A", "C"))
	b.commit("VALID", b.must("A", state("k", "w"), "B", "C"))
}

func TestA_purge_ends_every_version_on_every_peer(t *testing.T) {
	b := newBench(t, nil)
	both := []string{"A", "B"}
	b.commit("VALID", b.must("A", put("ab", "k", "v1"), both...))
	b.commit("VALID", b.must("A", put("ab", "k", "v2"), both...))
	b.commit("ENDORSEMENT_POLICY_FAILURE", b.must("A", put("ab", "k", "v3"), "A")) // kept too
	if n := len(b.Store("B")); n != 3 {
		t.Errorf("%d versions in the store, want 3", n)
	}
	b.Isolate("B", true)
	b.commit("VALID", b.must("A", purge("ab", "k"), both...))
	for _, org := range both {
		if b.Private(org, "ab", "k") != nil || len(b.Store(org)) != 0 {
			t.Errorf("%s's peer still has the key", org)
		}
	}
	b.commit("VALID", b.must("A", purge("ab", "never"), both...))
	first := b.must("A", put("ab", "k", "v4"), both...)
	b.commit("VALID VALID", b.must("A", purge("ab", "k"), both...), first) // a put after the purge survives it
	if string(b.Private("A", "ab", "k")) != "v4" {
		t.Error("the later put did not survive")
	}
	none := newBench(t, func(c *chaincodetest.Config) { c.NoPurge = true })
	none.want("V2_5", "A", purge("a", "k"), "A")
}

func TestAn_endorsement_that_fails_after_a_put_leaves_plaintext(t *testing.T) {
	b := newBench(t, nil)
	fail := then(put("ab", "k", "v"), func(shim.ChaincodeStubInterface) error { return fmt.Errorf("no") })
	b.want("no", "A", fail, "A")
	for _, org := range []string{"A", "B"} {
		if got := b.Transient(org); len(got) != 1 || string(got[0].Value) != "v" {
			t.Errorf("%s's transient store: %v", org, got)
		}
	}
	b.run = put("a", "j", "w")
	if _, err := b.Evaluate(chaincodetest.Proposal{Creator: b.cert["A"], Args: [][]byte{[]byte("f")}}, "A"); err != nil {
		t.Fatal(err)
	}
	if got := b.Transient("A"); len(got) != 2 {
		t.Errorf("an evaluated put left %d entries, want 2", len(got))
	}
	// A stranger's peer that endorses keeps the bytes even after the commit.
	tx := b.must("A", put("a", "l", "x"), "A", "C")
	b.commit("VALID", tx)
	if got := b.Transient("C"); len(got) != 1 {
		t.Errorf("the stranger keeps %d entries, want 1", len(got))
	}
	for _, s := range b.Transient("A") {
		if s.TxID == tx.TxID {
			t.Error("the member did not drop its entries at the commit")
		}
	}
}

func TestEndorsers_that_differ_are_an_error(t *testing.T) {
	b := newBench(t, nil)
	n := 0
	if _, err := b.endorse("A", func(s shim.ChaincodeStubInterface) error {
		n++
		return s.PutState("k", []byte{byte(n)})
	}, "A", "B"); err == nil || !strings.Contains(err.Error(), "do not match") {
		t.Errorf("error %v", err)
	}
}

func TestProposals_outside_the_time_window_are_not_simulated(t *testing.T) {
	b := newBench(t, nil)
	b.run = state("k", "v")
	for _, d := range []time.Duration{-3 * time.Minute, 3 * time.Minute} {
		p := chaincodetest.Proposal{Creator: b.cert["A"], Args: [][]byte{[]byte("f")}, Time: b.now.Add(d)}
		if _, err := b.Endorse(p, "A"); err == nil {
			t.Errorf("a proposal %v off is simulated", d)
		}
	}
}

func TestA_batch_keeps_the_last_write_of_a_key_and_there_is_one_event(t *testing.T) {
	b := newBench(t, nil)
	tx := b.must("A", func(s shim.ChaincodeStubInterface) error {
		s.StartWriteBatch()
		if err := then(put("a", "k", "one"), put("a", "k", "two"))(s); err != nil {
			return err
		}
		if err := s.SetEvent("first", []byte("1")); err != nil {
			return err
		}
		return s.SetEvent("last", []byte("2"))
	}, "A")
	b.commit("VALID", tx)
	if string(b.Private("A", "a", "k")) != "two" || tx.Event.GetEventName() != "last" {
		t.Errorf("value %q, event %s", b.Private("A", "a", "k"), tx.Event.GetEventName())
	}
	// What is wrong with a write in a batch comes out at its end.
	b.want("write access", "C", func(s shim.ChaincodeStubInterface) error {
		s.StartWriteBatch()
		return put("a", "k", "x")(s)
	}, "A")
}

func TestA_private_range_ends_at_the_query_limit_without_a_word(t *testing.T) {
	b := newBench(t, func(c *chaincodetest.Config) { c.QueryLimit = 2 })
	b.commit("VALID", b.must("A", then(put("a", "1", "x"), put("a", "2", "x"), put("a", "3", "x")), "A"))
	b.want("", "A", list("a", "1=x 2=x"), "A")
}

func TestA_private_range_of_a_peer_with_default_settings_ends_at_100_000_keys(t *testing.T) {
	b := newBench(t, func(c *chaincodetest.Config) { c.Lean = true })
	const limit = 100_000
	fill := func(s shim.ChaincodeStubInterface) error {
		for i := range limit + 1 {
			if err := s.PutPrivateData("a", fmt.Sprintf("%06d", i), []byte("x")); err != nil {
				return err
			}
		}
		return nil
	}
	b.commit("VALID", b.must("A", fill, "A"))
	for start, want := range map[string]int{"": limit, "000001": limit, "000002": limit - 1, "100000": 1, "100001": 0} {
		b.want("", "A", func(s shim.ChaincodeStubInterface) error {
			it, err := s.GetPrivateDataByRange("a", start, "")
			n := 0
			for ; err == nil && it.HasNext(); n++ {
				_, err = it.Next()
			}
			if err == nil && n != want {
				err = fmt.Errorf("%d keys from %q on, want %d", n, start, want)
			}
			return err
		}, "A")
	}
}
