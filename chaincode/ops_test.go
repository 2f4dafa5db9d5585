package chaincode

import (
	"testing"

	"domicile/chaincode/record"
)

// Whatever runs without the holder's private part is not stopped by a closed one.
func TestNoWriteButThePrivatePartRunsWithoutIt(t *testing.T) {
	for name, o := range writes {
		if o.setup != (name == record.OpPrivate) {
			t.Errorf("%s: setup is %v", name, o.setup)
		}
	}
}
