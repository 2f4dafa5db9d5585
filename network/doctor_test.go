package network

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"domicile/erasure"
)

// Each finding of the doctor that a healthy network has not, on what provokes it.
// Transient stores, certificates, log levels and member peers have tests of their own.
func TestTheDoctorNamesEachTroubleAndWhatToDo(t *testing.T) {
	t.Parallel()
	s := spec{name: "peer0.UsHospital", kind: KindPeer, org: "UsHospital", dir: t.TempDir()}
	const (
		start  = "2026-01-01 INFO [nodeCmd] Starting peer: Version 3.1.1"
		broken = "ERRO [peer] Initialize -> Failed to load ledger global(hash of pvt data ...)"
	)
	logged := func(find func(spec) Finding, lines ...string) Finding {
		t.Helper()
		if err := os.WriteFile(s.logFile(), []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return find(s)
	}
	for _, c := range []struct {
		name     string
		got      Finding
		check    string
		severity string
		says     string
	}{
		{"a peer that keeps up", keepsUp(s.name, 100, 105), CheckChannel, OK, "height 100"},
		{"a peer that is behind", keepsUp(s.name, 100, 106), CheckChannel, Warn, "6 behind"},
		{"a peer that never joined", logged(missingChannel, start), CheckChannel, Error, "`network up` joins it"},
		{"a ledger that does not open", logged(missingChannel, start, broken), CheckChannel, Error, "--heal"},
		{"a ledger that opens again", logged(missingChannel, start, broken, start), CheckChannel, Error, "`network up` joins it"},
		{"private data that is there", privateData(s.name, privateState{}), CheckPrivateData, OK, ""},
		{"private data that is missing", privateData(s.name, privateState{gaps: erasure.Gaps{Wanted: 1}}), CheckPrivateData, Warn, "MISSING_DATA"},
		{"reconciliation that is stuck", privateData(s.name, privateState{gaps: erasure.Gaps{Wanted: 1}, failing: true}), CheckPrivateData, Error, "--heal"},
		{"a store that cannot be read", privateData(s.name, privateState{err: os.ErrPermission}), CheckPrivateData, Warn, "cannot be read"},
		{"room on the disk", room(s, diskWarning), CheckDisk, OK, "2048 MiB"},
		{"little room", room(s, diskWarning-1), CheckDisk, Warn, "sweep"},
		{"a disk that is nearly full", room(s, diskError-1), CheckDisk, Error, "make room now"},
		{"a disk that is not there", diskSpace(spec{name: s.name, dir: filepath.Join(s.dir, "gone")}), CheckDisk, Warn, "unknown"},
		{"the agreed collections", drift(testCollections), CheckCollections, OK, "sequence 7"},
		{"other collections", drift(strings.Replace(testCollections, `"requiredPeerCount": 1`, `"requiredPeerCount": 2`, 1)), CheckCollections, Error, "differ"},
		{"collections that nobody can read", drift("{"), CheckCollections, Error, ""},
	} {
		if c.got.Check != c.check || c.got.Severity != c.severity || !strings.Contains(c.got.Message, c.says) || c.got.Message == "" {
			t.Errorf("%s: %+v", c.name, c.got)
		}
	}
}

// drift compares what is committed with what was agreed.
func drift(committed string) Finding {
	return compareCollections(&Committed{Definition: Definition{Sequence: 7, CollectionsConfig: []byte(committed)}}, []byte(testCollections))
}
