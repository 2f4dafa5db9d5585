package gatewaytest

import (
	"strings"
	"testing"

	"domicile/chaincode/chaincodetest"
	"domicile/gateway"
)

func TestARecordGoesThroughTheRealContractAndBack(t *testing.T) {
	n := Start(t, chaincodetest.Options{})
	w := n.Open("UsHospital", "writer")
	in := `{"resourceType":"Basic","id":"x"}`
	var id string
	for r, err := range w.Import(t.Context(), strings.NewReader(in), gateway.ImportOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		id = r.ID
	}
	got, err := n.Open("UsHospital", "reader").Get(t.Context(), id)
	if err != nil || string(got.Bytes) != in {
		t.Fatalf("%+v %v", got, err)
	}
	if ps, err := w.Proof(t.Context(), []string{id}); err != nil || ps[0].Hash != got.Hash {
		t.Fatalf("%+v %v", ps, err)
	}
}
