package certificate

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"domicile/chaincode/record"
)

// The files in testdata come from a real network of four regions and hold generated data alone:
//
//	go test ./integration -run TestT35 -certificates ../erasure/certificate/testdata
//
// then go test ./erasure/certificate -update.

var update = flag.Bool("update", false, "write the golden reports")

func TestRealCertificatesHoldAndReadPlainly(t *testing.T) {
	genesis := fixture(t, "genesis.block")
	for _, name := range []string{"anchored", "unanchored"} {
		r, err := Verify(fixture(t, name+".json"), genesis)
		if err != nil {
			t.Fatal(name, err)
		}
		var got bytes.Buffer
		if err := r.Write(&got); err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile("testdata/"+name+".golden", got.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if want := fixture(t, name+".golden"); !bytes.Equal(got.Bytes(), want) {
			t.Errorf("%s: the report is\n%s\nwant\n%s", name, got.Bytes(), want)
		}
	}
}

// TestEveryChangedFieldIsCaught changes, empties, repeats and removes every field of the JSON, whatever it is; with -short
// a part of them.
func TestEveryChangedFieldIsCaught(t *testing.T) {
	genesis := fixture(t, "genesis.block")
	stride, small := 1, 1
	if testing.Short() {
		stride, small = 41, 7
	}
	for _, name := range []string{"anchored.json", "unanchored.json"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			everyChange(t, fixture(t, name), genesis, stride)
		})
	}
	for name, form := range map[string]struct {
		unanchored bool
		change     func(s *story)
	}{
		"small":                 {false, func(*story) {}},
		"small, never anchored": {true, func(*story) {}},
		"small, in two steps": {false, func(s *story) {
			s.receipt.reads("us-a", s.key())
			s.receipt.reads("us-a", record.MetaKey(s.ref.ID))
		}},
		"small, of two holders": {false, func(s *story) {
			s.put.endorsers, s.purge.endorsers = append(s.put.endorsers, s.peers["UsB"]), append(s.purge.endorsers, s.peers["UsB"])
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStory(t, form.unanchored)
			form.change(s)
			c, genesis := s.certificate()
			a := s.attest("UkA", func(st *Statement) {
				st.Missing, st.NotCovered = []string{"peer1"}, []string{"swap"}
				n := &st.Nodes[0]
				n.ScrubbedAt, n.ScrubbedHeight = "2026-03-01T00:00:00Z", 5
				n.Stores = []Store{{Name: "s", Method: "raw", Files: 2, Bytes: 9, Found: 1, Forms: map[string]int{"raw": 3}, NotCovered: []string{"x"}}}
			})
			c.Attestations, c.Annex = []Attestation{*a}, &Annex{s.register}
			b, err := c.Encode()
			must(t, err)
			everyChange(t, b, genesis, small)
		})
	}
}

func everyChange(t *testing.T, file, genesis []byte, stride int) {
	tree := parseTree(t, file)
	if b, err := json.Marshal(tree); err != nil {
		t.Fatal(err)
	} else if _, err := Verify(b, genesis); err != nil {
		t.Fatal("the tree of the test, unchanged: ", err)
	}
	n, left := 0, map[string]bool{}
	try := func(path, what string) {
		if n++; n%stride != 0 {
			return
		}
		b, err := json.Marshal(tree)
		if err != nil {
			t.Fatal(err)
		}
		r, err := Verify(b, genesis)
		if err == nil && what == "removed" && removable.MatchString(path) {
			left[path] = true
			return
		}
		if err == nil && what == "reordered" && orderless.MatchString(path) {
			return
		}
		var m *Mismatch
		if !errors.As(err, &m) || r != nil || m.Field == "" {
			t.Errorf("%s %s: %v", path, what, err)
		}
	}
	mutate("", tree, nil, try)
	if n < 300 {
		t.Errorf("only %d changes", n)
	}
	t.Logf("%d changes, one of %d tried; not noticed, as told: %v", n, stride, slices.Sorted(maps.Keys(left)))
}

// removable are the parts that may be left out unnoticed, as the report says: nobody signs that they are there. Of the
// orderers' signatures a quorum must stay.
var removable = regexp.MustCompile(`^(attestations(\[0\])?|annex|blocks\[[0-9]+\]\.signatures\[[0-9]+\])$`)

// orderless are the lists of which the report says that nobody signs their order.
var orderless = regexp.MustCompile(`^(attestations|blocks\[[0-9]+\]\.signatures|receipt\.endorsements)$`)

// object is a JSON object that keeps the order of its fields.
type object struct {
	names  []string
	values map[string]any
}

func (o *object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	for _, name := range o.names {
		if v, ok := o.values[name]; ok {
			child, err := json.Marshal(v)
			if err != nil {
				return nil, err
			}
			fmt.Fprintf(&b, ",%q:%s", name, child)
		}
	}
	return append(append([]byte("{"), bytes.TrimPrefix(b.Bytes(), []byte(","))...), '}'), nil
}

func parseTree(t *testing.T, file []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(file))
	d.UseNumber()
	return parseValue(t, d)
}

func parseValue(t *testing.T, d *json.Decoder) any {
	t.Helper()
	tok, err := d.Token()
	must(t, err)
	switch tok {
	case json.Delim('{'):
		o := &object{values: map[string]any{}}
		for d.More() {
			name, err := d.Token()
			must(t, err)
			o.names = append(o.names, name.(string))
			o.values[name.(string)] = parseValue(t, d)
		}
		_, err = d.Token()
		must(t, err)
		return o
	case json.Delim('['):
		list := []any{}
		for d.More() {
			list = append(list, parseValue(t, d))
		}
		_, err = d.Token()
		must(t, err)
		return list
	}
	return tok
}

// mutate walks a JSON tree, changes each value in its place through set, calls try and puts it back.
func mutate(path string, v any, set func(any), try func(path, what string)) {
	change := func(what string, to any) { set(to); try(path, what); set(v) }
	switch x := v.(type) {
	case *object:
		for _, k := range slices.Clone(x.names) {
			child, name := x.values[k], strings.TrimPrefix(path+"."+k, ".")
			mutate(name, child, func(n any) { x.values[k] = n }, try)
			delete(x.values, k)
			try(name, "removed")
			x.values[k] = child
		}
		x.names, x.values["surplus"] = append(x.names, "surplus"), "x"
		try(path, "with another field")
		x.names = x.names[:len(x.names)-1]
	case []any:
		for i, child := range x {
			at := fmt.Sprintf("%s[%d]", path, i)
			mutate(at, child, func(n any) { x[i] = n }, try)
			set(slices.Delete(slices.Clone(x), i, i+1))
			try(at, "removed")
			set(slices.Insert(slices.Clone(x), i, x[i]))
			try(at, "repeated")
			if i > 0 && !reflect.DeepEqual(x[i-1], x[i]) {
				other := slices.Clone(x)
				other[i-1], other[i] = x[i], x[i-1]
				set(other)
				try(path, "reordered")
			}
			set(v)
		}
		change("emptied", []any{})
		change("null", nil)
	case json.Number:
		change("raised", json.Number("1"+x.String()))
		change("another zero", json.Number("0.0"))
		change("as text", x.String())
	case string:
		for _, i := range []int{0, len(x) / 2, len(x) - 5} {
			if i >= 0 && i < len(x) {
				change(fmt.Sprintf("character %d", i), x[:i]+another(x[i])+x[i+1:])
			}
		}
		change("emptied", "")
		change("null", nil)
		change("longer", x+"A")
		if b, err := base64.StdEncoding.DecodeString(x); err == nil && len(b) > 0 {
			change("a byte longer", base64.StdEncoding.EncodeToString(append(b, 0)))
			change("a byte shorter", base64.StdEncoding.EncodeToString(b[:len(b)-1]))
		}
	}
}

func another(c byte) string {
	if c == 'A' {
		return "B"
	}
	return "A"
}

// TestEveryChangedByteOfABlockIsCaught flips bytes of each part of each block and of the receipt.
func TestEveryChangedByteOfABlockIsCaught(t *testing.T) {
	genesis := fixture(t, "genesis.block")
	c, err := Decode(fixture(t, "anchored.json"))
	if err != nil {
		t.Fatal(err)
	}
	budget := 16 // bytes of each part
	if testing.Short() {
		budget = 1
	}
	tried := 0
	flip := func(part string, b []byte) {
		step := max(1, len(b)/budget)
		for i := tried % step; i < len(b); i += step {
			tried++
			b[i] ^= 1 << (tried % 8)
			file, err := c.Encode()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Verify(file, genesis); err == nil {
				t.Errorf("byte %d of %s", i, part)
			}
			b[i] ^= 1 << (tried % 8)
		}
	}
	for i := range c.Blocks {
		b, p := &c.Blocks[i], fmt.Sprintf("blocks[%d].", i)
		flip(p+"previousHash", b.PreviousHash)
		flip(p+"dataHash", b.DataHash)
		flip(p+"metadata", b.Metadata)
		for _, d := range b.Data {
			flip(p+"data", d)
		}
		for _, s := range b.Signatures {
			flip(p+"identifier", s.Identifier)
			flip(p+"signature", s.Signature)
		}
	}
	r := c.Receipt
	flip("channelHeader", r.ChannelHeader)
	flip("signatureHeader", r.SignatureHeader)
	flip("proposal", r.Proposal)
	flip("response", r.Response)
	for _, e := range r.Endorsements {
		flip("endorser", e.Endorser)
		flip("signature", e.Signature)
	}
	flip("attestation", c.Attestations[0].Signature)
	t.Logf("%d bytes", tried)
}

func TestEveryChangedByteOfTheGenesisBlockIsCaught(t *testing.T) {
	file, genesis := fixture(t, "unanchored.json"), fixture(t, "genesis.block")
	step := 997
	if testing.Short() {
		step = 4999
	}
	for i := 0; i < len(genesis); i += step {
		genesis[i] ^= 4
		if _, err := Verify(file, genesis); err == nil {
			t.Errorf("byte %d of %d", i, len(genesis))
		}
		genesis[i] ^= 4
	}
}

func TestAFileTooLargeIsNotRead(t *testing.T) {
	var m *Mismatch
	if _, err := Verify(make([]byte, MaxSize+1), nil); !errors.As(err, &m) || m.Field != "file" {
		t.Error(err)
	}
}

// As many records as one run may purge fit into an attestation that can be read again.
func TestAnAttestationOfAsManyRecordsAsItMayNameIsReadAgain(t *testing.T) {
	w := newWorld(t)
	s := Statement{Channel: "global", Genesis: strings.Repeat("0", 64), Org: "UsA", StatedAt: "2026-03-02T00:00:00Z", Nodes: []Node{}, NotCovered: []string{"swap"}}
	for range MaxRecords {
		s.Records = append(s.Records, record.Ref{Collection: strings.Repeat("c", 64), ID: strings.Repeat("a", 26)})
	}
	admin := w.orgs["UsA"].issue(t, "admin")
	a, err := Sign(s, admin.pem, admin.key)
	must(t, err)
	b, err := a.Encode()
	must(t, err)
	if _, err := DecodeAttestation(b); err != nil {
		t.Errorf("%d bytes: %v", len(b), err)
	}
	s.Records = append(s.Records, s.Records[0])
	if _, err := Sign(s, admin.pem, admin.key); err == nil {
		t.Error("one more is signed")
	}
}

// TestAHostileFileTakesBoundedMemory: short items that decode to large ones are counted first.
func TestAHostileFileTakesBoundedMemory(t *testing.T) {
	genesis := fixture(t, "genesis.block")
	c, err := Decode(fixture(t, "unanchored.json"))
	must(t, err)
	c.Receipt.Response = bytes.Repeat([]byte{0x12, 0}, maxPart/2+1)
	manyReads, err := c.Encode()
	must(t, err)
	for name, file := range map[string][]byte{
		"blocks":         []byte(`{"version":1,"blocks":[{}` + strings.Repeat(",{}", MaxSize/3-20) + `]}`),
		"envelopes":      []byte(`{"blocks":[{"data":[""` + strings.Repeat(`,""`, MaxSize/3-20) + `]}]}`),
		"configurations": []byte(`{"configurations":[1` + strings.Repeat(",1", MaxSize/2-20) + `]}`),
		"depth":          bytes.Repeat([]byte("["), MaxSize),
		"reads":          manyReads,
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, err := Verify(file, genesis)
			runtime.ReadMemStats(&after)
			if err == nil {
				t.Error("it holds")
			}
			if got := after.TotalAlloc - before.TotalAlloc; got > 64<<20 {
				t.Errorf("%d MiB were allocated", got>>20)
			}
		})
	}
}

// TestNothingThatDialsIsLinked: a verifier needs no network.
func TestNothingThatDialsIsLinked(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	if err != nil {
		t.Skip("no go command: ", err)
	}
	for _, p := range strings.Fields(string(out)) {
		if p == "net/http" || p == "os/exec" || p == "net/rpc" || p == "crypto/tls" || strings.HasPrefix(p, "google.golang.org/grpc") ||
			strings.HasPrefix(p, "github.com/hyperledger/fabric-gateway") {
			t.Errorf("the verifier links %s", p)
		}
	}
}

// TestTheVerifierStaysSmall counts the lines of code that decide; the file's types, collecting and wording do not.
func TestTheVerifierStaysSmall(t *testing.T) {
	const limit = 1050
	lines := 0
	for _, name := range []string{"wire.go", "identity.go", "config.go", "block.go", "verify.go", "check.go"} {
		b, err := os.ReadFile(name)
		must(t, err)
		for l := range strings.Lines(string(b)) {
			if l = strings.TrimSpace(l); l != "" && !strings.HasPrefix(l, "//") {
				lines++
			}
		}
	}
	if lines > limit {
		t.Errorf("%d lines of code, %d at most", lines, limit)
	}
}

// A certificate has one form: a list of no configurations is [], and null in its place is a changed field.
func TestNoConfigurationsAreAnEmptyListAndNotNull(t *testing.T) {
	c, _ := newStory(t, false).certificate()
	c.Configurations = nil
	b, err := c.Encode()
	must(t, err)
	var m *Mismatch
	if _, err := Decode(b); !errors.As(err, &m) || m.Field != "configurations" {
		t.Error(err)
	}
	c.Configurations = []uint64{}
	b, err = c.Encode()
	must(t, err)
	if _, err := Decode(b); err != nil {
		t.Error(err)
	}
}
