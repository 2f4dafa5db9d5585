package record_test

import (
	"strings"
	"testing"

	"domicile/chaincode/record"
)

func TestI2_private_keys_end_in_secret_bits_or_are_made_of_the_public_id(t *testing.T) {
	nonce := strings.Repeat("a", 32)
	for _, k := range []string{
		record.DueKey("2026-01-01", nonce), record.SubjectKey(nonce, nonce), record.ResourceKey(nonce, nonce),
		record.PadKey(nonce), record.LogKey("2026-01-01T00:00:00Z", nonce), record.HoldKey(nonce),
	} {
		if !strings.HasSuffix(k, nonce) {
			t.Errorf("%s does not end in its nonce", k)
		}
	}
}

func TestPolicyRange_holds_every_policy_key_and_no_other(t *testing.T) {
	start, end := record.PolicyRange()
	for _, r := range []string{"a", "us", "us-wa", "zz"} {
		if k := record.PolicyKey(r); k < start || k >= end {
			t.Errorf("%s is outside", k)
		}
	}
	for _, k := range []string{record.AnchorKey("c", "i"), record.ApproveKey("X"), "policy", "policyx"} {
		if k >= start && k < end {
			t.Errorf("%s is inside", k)
		}
	}
}
