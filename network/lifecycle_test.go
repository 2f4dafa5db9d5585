package network

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestALifecycleTransactionThatMetAnotherIsTriedAgainForAsLongAsItTakes(t *testing.T) {
	for _, c := range []struct {
		name, refusal string
		passes        bool
	}{
		{"it met another in flight", "transaction 1 failed to commit with status code 11 (MVCC_READ_CONFLICT)", true},
		{"a peer had not seen the last block", "ProposalResponsePayloads do not match", true},
		{"it is refused for a reason of its own", "access denied", false},
		{"time does not cure it", "requested sequence is 3, but new definition must be sequence 2: currently defined sequence", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				err := retryLifecycle(t.Context(), func() error {
					if time.Since(began) > 3*abortedPatience {
						return nil
					}
					return errors.New(c.refusal)
				})
				if (err == nil) != c.passes {
					t.Errorf("after %v: %v", time.Since(began), err)
				}
			})
		})
	}
}
