package chaincode_test

import (
	"slices"
	"strings"
	"testing"

	"domicile/chaincode"
	"domicile/chaincode/chaincodetest"
	"domicile/chaincode/record"
)

// rolesOf are the roles of every operation, written down a second time on purpose: a
// role that ops.go lets in by mistake is not to be in the test as well.
var rolesOf = map[string]string{
	record.OpPut: "writer", record.OpAmend: "writer officer", record.OpFacts: "writer officer",
	record.OpHold: "officer", record.OpRelease: "officer", record.OpLimit: "officer",
	record.OpCase: "officer", record.OpPause: "officer",
	record.OpPurge: "purger", record.OpCanary: "purger", record.OpEvidenceEnd: "purger",
	record.OpAttest: "admin operator", record.OpPrivate: "admin",

	record.OpGet: "reader writer officer", record.OpList: "reader writer officer auditor",
	record.OpDue: "officer purger", record.OpHolds: "officer purger auditor", record.OpCases: "officer purger auditor",
	record.OpExplain: "writer officer purger auditor", record.OpEvidence: "officer purger auditor",
	record.OpLog: "officer auditor", record.OpRegister: "officer auditor",
	record.OpInspect: "writer reader officer purger auditor", record.OpFactsOf: "writer reader officer purger auditor",
	record.OpPaused: "writer reader officer purger auditor", record.OpGetPrivate: "writer reader officer purger auditor admin",
}

func TestI1_every_operation_is_for_its_roles_only(t *testing.T) {
	w := newWorld(t, chaincodetest.Options{})
	for _, op := range slices.Concat(chaincode.WriteOps, chaincode.ReadOps) {
		for _, role := range append(record.Roles(), "", chaincodetest.Admin, chaincodetest.Operator) {
			_, err := w.Endorsed(bareCall(role, op))
			e := &record.Error{}
			if err != nil {
				e, _ = record.ParseError(err.Error())
			}
			if e == nil {
				t.Fatalf("%s as %q: %v", op, role, err)
			}
			if in := slices.Contains(strings.Fields(rolesOf[op]), role); in == (e.Code == record.CodeForbidden) {
				t.Errorf("%s as %q: %v", op, role, err)
			}
		}
	}
}

// bareCall says where and nothing else, which is all that the roles depend on.
func bareCall(role, op string) chaincodetest.Call {
	req := map[string]any{"v": 1, "region": "us", "collection": "us-a"}
	if op == record.OpPrivate || op == record.OpGetPrivate {
		req["collection"] = "us-a-log"
	}
	if slices.Contains(chaincode.WriteOps, op) {
		return chaincodetest.Write(usHospital(role), op, req, atHospital)
	}
	return chaincodetest.Read(usHospital(role), op, req, "UsHospital")
}
