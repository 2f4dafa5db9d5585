package record_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"domicile/chaincode/record"
)

func TestI5_an_answer_opens_with_its_key_only_and_its_length_says_little(t *testing.T) {
	key := bytes.Repeat([]byte{1}, record.SealKeyLen)
	for _, n := range []int{0, 1, 1019, 1020, 1021, 100_000} {
		answer := bytes.Repeat([]byte("x"), n)
		sealed, err := record.Seal(key, "tx", answer)
		if err != nil {
			t.Fatal(err)
		}
		got, err := record.Open(key, sealed)
		if err != nil || !bytes.Equal(got, answer) {
			t.Fatalf("%d bytes do not come back (%v)", n, err)
		}
		var s record.Sealed
		if err := json.Unmarshal(sealed, &s); err != nil || (len(s.Box)-12-16)%1024 != 0 {
			t.Errorf("box of %d bytes for %d", len(s.Box), n)
		}
	}
	sealed, _ := record.Seal(key, "tx", []byte("answer"))
	if _, err := record.Open(bytes.Repeat([]byte{2}, 32), sealed); !errors.Is(err, record.ErrSealed) {
		t.Errorf("another key: %v", err)
	}
	if _, err := record.Open(key, bytes.Replace(sealed, []byte(`"tx"`), []byte(`"ty"`), 1)); !errors.Is(err, record.ErrSealed) {
		t.Errorf("another transaction: %v", err)
	}
}

// One keystream for two transactions would show what their answers have in common.
func TestI5_each_transaction_has_a_key_of_its_own(t *testing.T) {
	key, boxes := make([]byte, record.SealKeyLen), [2][]byte{}
	for i, tx := range []string{"tx1", "tx2"} {
		sealed, err := record.Seal(key, tx, []byte("answer"))
		if err != nil {
			t.Fatal(err)
		}
		var s record.Sealed
		if err := json.Unmarshal(sealed, &s); err != nil {
			t.Fatal(err)
		}
		boxes[i] = s.Box
	}
	if bytes.Equal(boxes[0][:12], boxes[1][:12]) || bytes.Equal(boxes[0][12:28], boxes[1][12:28]) {
		t.Error("the same answer to two transactions is sealed to the same bytes")
	}
}

func TestTwo_answers_under_one_key_and_transaction_have_two_nonces(t *testing.T) {
	key := make([]byte, record.SealKeyLen)
	a, _ := record.Seal(key, "tx", []byte("one"))
	b, _ := record.Seal(key, "tx", []byte("two"))
	var x, y record.Sealed
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil || bytes.Equal(x.Box[:12], y.Box[:12]) {
		t.Error("a nonce is used twice: both answers would be open")
	}
}

func TestSeal_refuses_a_key_of_another_length(t *testing.T) {
	for _, n := range []int{0, 16, 31, 33} {
		if _, err := record.Seal(make([]byte, n), "tx", nil); err == nil {
			t.Errorf("a key of %d bytes is taken", n)
		}
	}
}

func FuzzOpen(f *testing.F) {
	key := make([]byte, record.SealKeyLen)
	good, _ := record.Seal(key, "tx", []byte("answer"))
	f.Add(good)
	f.Add([]byte(`{"v":1,"txId":"","sealed":""}`))
	f.Add([]byte(`{"v":1,"txId":"","sealed":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, sealed []byte) {
		if got, err := record.Open(key, sealed); err == nil && string(got) != "answer" {
			t.Errorf("%q opens to %q", sealed, got)
		}
	})
}
