package chaincode

import "domicile/chaincode/record"

// writes are the operations of [record.FuncWrite], reads those of
// [record.FuncRead], with the roles that each needs.
var (
	writes = map[string]operation{
		record.OpPut: withBodies(op(access{roles: []string{record.RoleWriter}},
			func(r *record.PutRequest) place { return place{r.Version, r.Region, r.Collection} }, put)),
		record.OpCanary: op(access{roles: []string{record.RolePurger}},
			func(r *record.CanaryRequest) place { return place{r.Version, r.Region, r.Collection} }, canary),
		record.OpHold: op(access{roles: []string{record.RoleOfficer}},
			func(r *record.HoldRequest) place { return place{r.Version, r.Region, r.Collection} }, hold),
		record.OpRelease: op(access{roles: []string{record.RoleOfficer}},
			func(r *record.HoldRequest) place { return place{r.Version, r.Region, r.Collection} }, release),
		record.OpPurge: withField(op(access{roles: []string{record.RolePurger}},
			func(r *record.PurgeRequest) place { return place{r.Version, r.Region, r.Collection} }, purge), record.FieldEvidence),
		record.OpAttest: op(access{disks: true},
			func(r *record.AttestRequest) place { return place{r.Version, r.Region, r.Collection} }, attest),
		record.OpEvidenceEnd: op(access{roles: []string{record.RolePurger}},
			func(r *record.EvidenceEndRequest) place { return place{r.Version, r.Region, r.Collection} }, endEvidence),
		record.OpFacts: op(access{roles: []string{record.RoleWriter, record.RoleOfficer}},
			func(r *record.FactsRequest) place { return place{r.Version, r.Region, r.Collection} }, facts),
		record.OpLimit: op(access{roles: []string{record.RoleOfficer}},
			func(r *record.LimitRequest) place { return place{r.Version, r.Region, r.Collection} }, limit),
		record.OpCase: op(access{roles: []string{record.RoleOfficer}},
			func(r *record.CaseRequest) place { return place{r.Version, r.Region, r.Collection} }, erasureCase),
		record.OpAmend: op(access{roles: []string{record.RoleWriter, record.RoleOfficer}},
			func(r *record.AmendRequest) place { return place{r.Version, r.Region, r.Collection} }, amend),
		record.OpPause: op(access{roles: []string{record.RoleOfficer}},
			func(r *record.PauseRequest) place { return place{r.Version, r.Region, r.Collection} }, pause),
		record.OpPrivate: op(access{admin: true, setup: true, log: true},
			func(r *record.PrivateRequest) place { return place{r.Version, r.Region, r.Collection} }, setPrivate),
	}
	reads = map[string]operation{
		record.OpGet: op(access{roles: []string{record.RoleReader, record.RoleWriter, record.RoleOfficer}},
			func(r *record.GetRequest) place { return place{r.Version, r.Region, r.Collection} }, get),
		record.OpInspect: op(access{roles: record.Roles()},
			func(r *record.InspectRequest) place { return place{r.Version, r.Region, r.Collection} }, inspect),
		record.OpList: op(access{roles: []string{record.RoleReader, record.RoleWriter, record.RoleOfficer, record.RoleAuditor}},
			func(r *record.ListRequest) place { return place{r.Version, r.Region, r.Collection} }, list),
		record.OpDue: op(access{roles: []string{record.RoleOfficer, record.RolePurger}},
			func(r *record.DueRequest) place { return place{r.Version, r.Region, r.Collection} }, due),
		record.OpHolds: op(access{roles: []string{record.RoleOfficer, record.RolePurger, record.RoleAuditor}},
			func(r *record.HoldsRequest) place { return place{r.Version, r.Region, r.Collection} }, holds),
		record.OpFactsOf: op(access{roles: record.Roles()},
			func(r *record.FactsOfRequest) place { return place{r.Version, r.Region, r.Collection} }, factsOf),
		record.OpCases: op(access{roles: []string{record.RoleOfficer, record.RolePurger, record.RoleAuditor}},
			func(r *record.CasesRequest) place { return place{r.Version, r.Region, r.Collection} }, cases),
		record.OpExplain: op(access{roles: []string{record.RoleWriter, record.RoleOfficer, record.RolePurger, record.RoleAuditor}},
			func(r *record.ExplainRequest) place { return place{r.Version, r.Region, r.Collection} }, explain),
		record.OpLog: op(access{roles: []string{record.RoleOfficer, record.RoleAuditor}},
			func(r *record.LogRequest) place { return place{r.Version, r.Region, r.Collection} }, logbook),
		record.OpEvidence: op(access{roles: []string{record.RolePurger, record.RoleAuditor, record.RoleOfficer}},
			func(r *record.EvidenceRequest) place { return place{r.Version, r.Region, r.Collection} }, evidence),
		record.OpPaused: op(access{roles: record.Roles()},
			func(r *record.PausedRequest) place { return place{r.Version, r.Region, r.Collection} }, paused),
		record.OpRegister: op(access{roles: []string{record.RoleOfficer, record.RoleAuditor}},
			func(r *record.RegisterRequest) place { return place{r.Version, r.Region, r.Collection} }, register),
		record.OpGetPrivate: op(access{roles: record.Roles(), admin: true, log: true},
			func(r *record.GetPrivateRequest) place { return place{r.Version, r.Region, r.Collection} }, getPrivate),
	}
)

func withBodies(o operation) operation {
	o.bodies = true
	return o
}

func withField(o operation, name string) operation {
	o.field = name
	return o
}
