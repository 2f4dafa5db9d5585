package chaincode

import (
	"maps"
	"slices"
	"testing"

	"domicile/chaincode/record"
)

// WriteOps and ReadOps name all operations for the tests outside the package.
var WriteOps, ReadOps = slices.Sorted(maps.Keys(writes)), slices.Sorted(maps.Keys(reads))

// Whatever runs without the holder's private part is not stopped by a closed one.
func TestNoWriteButThePrivatePartRunsWithoutIt(t *testing.T) {
	for name, o := range writes {
		if o.setup != (name == record.OpPrivate) {
			t.Errorf("%s: setup is %v", name, o.setup)
		}
	}
}
