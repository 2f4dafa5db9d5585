package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"domicile/chaincode/chaincodetest"
	"domicile/fhir"
	"domicile/gateway"
	"domicile/integration/kit"
	"domicile/internal/sample"
)

// sharedData holds real FHIR files where the repository lies beside them.
var sharedData = filepath.Join("..", "..", "shared", "data", "fhir")

// samples are files to put: real ones, or a few of our own.
func samples(t *testing.T) map[string][]byte {
	t.Helper()
	out := map[string][]byte{
		"own/whitespace.json": []byte("{ \"resourceType\" : \"Patient\" ,\r\n\t\"multipleBirthInteger\": 1.0e0, \"name\":[{\"text\":\"\\u00e9\\/\\ud83d\\ude00 é\"}] }\n\n"),
		"own/bundle.json":     []byte(`{"resourceType":"Bundle","type":"searchset","entry":[{"resource":{"resourceType":"Patient" , "id":"a"}},{"resource":{"resourceType":"Observation","subject":{"reference":"Patient/a"}}}]}`),
		"own/twice.json":      []byte(`{"resourceType":"Patient","a":1,"a":2}`),
		"own/surrogate.json":  []byte(`{"resourceType":"Patient","language":"\ud800"}`),
		"own/two.json":        []byte("{\"resourceType\":\"Patient\"} x"),
		"own/deep.json":       []byte(`{"resourceType":"Patient","a":` + strings.Repeat("[", 65) + strings.Repeat("]", 65) + `}`),
	}
	if _, err := os.Stat(sharedData); err != nil {
		fmt.Fprintf(os.Stderr, "SKIPPED: no real resources in %s: made-up ones only\n", sharedData)
		return out
	}
	every := 12 // one file in so many; -soak takes all
	if *soak {
		every = 1
	}
	n := 0
	err := filepath.WalkDir(sharedData, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "json") {
			return err
		}
		if n++; n%every != 0 {
			return nil
		}
		b, err := os.ReadFile(path)
		out[path] = b
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestI7_EveryValidFileComesBackByteForByte puts files whole and split with the
// command's code, and reads every record back. What is refused is refused before
// anything is sent.
func TestI7_EveryValidFileComesBackByteForByte(t *testing.T) {
	t.Parallel()
	ctx := testContext(t, patience)
	reader := open(ctx, t, "EuSponsor", "reader")
	var refusedFiles, records int
	var mu sync.Mutex
	var wg sync.WaitGroup
	slots := make(chan struct{}, 6)
	for name, b := range samples(t) {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			_, err := fhir.Inspect(bytes.NewReader(b), fhir.SplitOptions{Whole: true})
			if err != nil {
				a := domicile(ctx, b, "record", "put", "--region", "eu", "--org", "EuSponsor", "--whole", "-")
				if a.Status != 1 || a.Out != "" || !strings.Contains(a.Words, "INPUT") && !strings.Contains(a.Words, "TOO_LARGE") {
					t.Errorf("%s: status %d\n%s%s", name, a.Status, a.Out, a.Words)
				}
				mu.Lock()
				refusedFiles++
				mu.Unlock()
				return
			}
			for _, whole := range []bool{true, false} {
				n, err := roundTrip(ctx, reader, b, whole)
				if err != nil {
					t.Errorf("%s, whole %v: %v", name, whole, err)
				}
				mu.Lock()
				records += n
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	t.Logf("%d records came back, %d files were refused", records, refusedFiles)
	if refusedFiles < 4 || records < 4 {
		t.Error("too few to mean anything")
	}
}

// roundTrip puts an input and compares what the records hold with its pieces.
func roundTrip(ctx context.Context, reader *gateway.Client, b []byte, whole bool) (int, error) {
	o := fhir.SplitOptions{Whole: whole}
	sum, err := fhir.Inspect(bytes.NewReader(b), o)
	if err != nil {
		return 0, nil // valid whole, but not a Bundle that can be split
	}
	var want [][]byte
	for e, err := range fhir.Split(bytes.NewReader(b), sum) {
		if err != nil {
			return 0, err
		}
		if e.Skipped == "" {
			want = append(want, bytes.Clone(e.Raw))
		}
	}
	args := []string{"record", "put", "--region", "eu", "--org", "EuSponsor"}
	if whole {
		args = append(args, "--whole")
	}
	a := domicile(ctx, b, append(args, "-")...)
	if a.Status != 0 {
		return 0, fmt.Errorf("status %d: %s", a.Status, a.Words)
	}
	n := 0
	for d := json.NewDecoder(strings.NewReader(a.Out)); d.More(); n++ {
		var r gateway.Receipt
		if err := d.Decode(&r); err != nil {
			return n, err
		}
		got, err := reader.Get(ctx, r.ID)
		if err != nil {
			return n, err
		}
		if n >= len(want) || !bytes.Equal(got.Bytes, want[n]) {
			return n, fmt.Errorf("record %d came back changed", n)
		}
	}
	if n != len(want) {
		return n, fmt.Errorf("%d records of %d", n, len(want))
	}
	return n, nil
}

// TestI12_AnInterruptedImportMakesNoDoubles generates a Bundle, kills the real
// command in the middle, cancels it at other points, and runs it to the end.
func TestI12_AnInterruptedImportMakesNoDoubles(t *testing.T) {
	t.Parallel()
	ctx := testContext(t, patience)
	o := sample.Options{Seed: uint64(os.Getpid()), Entries: 120, EntryBytes: 2000}
	if *soak {
		o.Entries, o.EntryBytes = 1000, 4000
	}
	var seed [8]byte
	copy(seed[:], chaincodetest.Random(8))
	for _, b := range seed {
		o.Seed = o.Seed<<8 | uint64(b)
	}
	var bundle bytes.Buffer
	if err := sample.Write(&bundle, o); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "bundle.json")
	if err := os.WriteFile(file, bundle.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"record", "put", "--region", "eu", file}
	killed := killAfterLines(ctx, t, 20, args...)
	for _, lines := range []int{1, 40} {
		cancelAfterLines(ctx, lines, args...)
	}
	first := kit.Receipts(t, must(ctx, t, 0, nil, args...))
	again := kit.Receipts(t, must(ctx, t, 0, nil, args...))
	ids := map[string]bool{}
	for i, r := range again {
		if !r.Already || r.ID != first[i].ID || r.Hash != first[i].Hash || r.TxID != first[i].TxID {
			t.Errorf("record %d differs on the second run: %+v, %+v", i, first[i], r)
		}
		ids[r.ID] = true
	}
	if len(first) != o.Entries || len(ids) != o.Entries {
		t.Errorf("%d records, %d ids of %d entries", len(first), len(ids), o.Entries)
	}
	for _, id := range killed {
		if !ids[id] {
			t.Errorf("the killed run acknowledged %s, which is not there", id)
		}
	}
	noDoubles(ctx, t, bundle.Bytes())
}

// noDoubles looks every resource up by its own id and wants one record of it.
func noDoubles(ctx context.Context, t *testing.T, bundle []byte) {
	t.Helper()
	c := open(ctx, t, "EuHospital", "reader")
	sum, err := fhir.Inspect(bytes.NewReader(bundle), fhir.SplitOptions{})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for e, err := range fhir.Split(bytes.NewReader(bundle), sum) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; e.Skipped != "" || n%10 != 1 && !*soak {
			continue
		}
		token, err := c.ResourceToken(e.Resource.Type + "/" + e.Resource.ID)
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		if err := kit.Eventually(ctx, func() error { // a peer may still wait for private data
			found = 0
			for _, err := range c.List(ctx, gateway.ListQuery{Resource: token}) {
				if err != nil {
					return err
				}
				found++
			}
			if found == 0 {
				return fmt.Errorf("no record of entry %d", n-1)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if found != 1 {
			t.Errorf("%d records of entry %d", found, n-1)
		}
	}
}

// killAfterLines runs the real program and kills it with SIGKILL once it has
// acknowledged so many records. It returns their ids.
func killAfterLines(ctx context.Context, t *testing.T, lines int, args ...string) []string {
	t.Helper()
	cmd := exec.CommandContext(ctx, filepath.Join(binDir, "domicile"), append([]string{"--dir", shared.Dir()}, args...)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var ids []string
	for d := json.NewDecoder(out); len(ids) < lines; {
		var r gateway.Receipt
		if err := d.Decode(&r); err != nil {
			t.Errorf("after %d lines: %v", len(ids), err)
			break
		}
		ids = append(ids, r.ID)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the program ended before it could be killed")
	}
	return ids
}

// cancelAfterLines runs the command's code and interrupts it, as SIGINT does.
func cancelAfterLines(ctx context.Context, lines int, args ...string) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	runInto(ctx, &lineTrip{left: lines, trip: cancel}, args...)
}

// lineTrip calls trip after so many lines.
type lineTrip struct {
	left int
	trip func()
}

func (l *lineTrip) Write(p []byte) (int, error) {
	if l.left -= bytes.Count(p, []byte("\n")); l.left <= 0 {
		l.trip()
	}
	return len(p), nil
}

// TestT32_HostileInputsAreRefusedInBoundedTime, beside the parser's own tests: the
// command sends nothing of them, and the contract refuses them as well.
func TestT32_HostileInputsAreRefusedInBoundedTime(t *testing.T) {
	t.Parallel()
	ctx := testContext(t, patience)
	deep := `{"resourceType":"Patient","a":` + strings.Repeat("[", 1_000_000) + strings.Repeat("]", 1_000_000) + `}`
	labels := `{"resourceType":"Patient","meta":{"security":[` + strings.Repeat(`{"system":"http://example.org/s","code":"N"},`, 1_000_000) + `{"code":"N"}]}}`
	giant := `{"resourceType":"Bundle","type":"batch","entry":[{"resource":{"resourceType":"Patient","language":"` + strings.Repeat("x", 17<<20) + `"}}]}`
	for name, body := range map[string]string{"deep": deep, "labels": labels, "giant": giant} {
		if a := must(ctx, t, 1, []byte(body), "record", "put", "--region", "us", "-"); a.Out != "" || len(a.Words) > 2000 {
			t.Errorf("%s: %d bytes of answer", name, len(a.Words)+len(a.Out))
		}
	}
	for _, body := range []string{deep[:len(deep)/4], `{"resourceType":"Patient","a":` + strings.Repeat("[", 65) + strings.Repeat("]", 65) + `}`} {
		_, put := usA.put([]byte(body))
		refused(ctx, t, put, "BAD_RESOURCE")
	}
}
