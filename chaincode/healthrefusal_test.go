package chaincode_test

import (
	"strings"

	"domicile/chaincode/chaincodetest"
	"domicile/chaincode/record"
)

// healthWith is a call of an officer with a change of its request.
func healthWith[T any](op string, make func(live string) T, change func(*T)) func(*world, string, string, string) chaincodetest.Call {
	return func(_ *world, live, _, _ string) chaincodetest.Call {
		req := make(live)
		change(&req)
		return act(theOfficer, op, req)
	}
}

func factsWith(change func(*record.FactsRequest)) func(*world, string, string, string) chaincodetest.Call {
	return healthWith(record.OpFacts, func(string) record.FactsRequest {
		return factsRequest(tokens(1)[0], record.Fact{Kind: record.FactBirth, Date: "1980", Source: canary})
	}, change)
}

func limitWith(change func(*record.LimitRequest)) func(*world, string, string, string) chaincodetest.Call {
	return healthWith(record.OpLimit, func(string) record.LimitRequest {
		r := limitRequest(false, tokens(1)...)
		r.Reference, r.Reason, r.Authority = canary, canary, canary
		return r
	}, change)
}

func caseWith(action string, change func(*record.CaseRequest)) func(*world, string, string, string) chaincodetest.Call {
	return healthWith(record.OpCase, func(string) record.CaseRequest {
		r := caseRequest(action, tokens(1)...)
		r.Case, r.Reason, r.Authority = canary, canary, canary
		return r
	}, change)
}

func amendWith(change func(*record.AmendRecord)) func(*world, string, string, string) chaincodetest.Call {
	return healthWith(record.OpAmend, func(live string) record.AmendRequest {
		return record.AmendRequest{
			Version: 1, Region: "us", Collection: "us-a", Seed: chaincodetest.Random(32),
			Records: []record.AmendRecord{relabelTo(live, canary, confidentiality("R"), record.Label{System: canary, Code: canary})},
		}
	}, func(r *record.AmendRequest) { change(&r.Records[0]) })
}

func queryWith(change func(*record.Query)) func(*world, string, string, string) chaincodetest.Call {
	return holdWith(record.OpHold, func(r *record.HoldRequest) {
		r.IDs, r.Query = nil, &record.Query{Types: []string{"Encounter"}}
		change(r.Query)
	})
}

func groundWith(ground record.Ground, change func(*record.PurgeRequest)) func(*world, string, string, string) chaincodetest.Call {
	return purgeWith(func(r *record.PurgeRequest, _, _, _ string) {
		r.Ground = ground
		change(r)
	})
}

func putHealth(change func(*record.PutRecord)) func(*world, string, string, string) chaincodetest.Call {
	return putWith(func(r *record.PutRequest, _ *chaincodetest.Call) { change(&r.Records[0]) })
}

var aQuery = &record.Query{Types: []string{"Encounter"}}

var healthRefusals = []refusal{
	{"a fact of an unknown kind", record.CodeBadRequest, factsWith(func(r *record.FactsRequest) { r.Subjects[0].Facts[0].Kind = canary })},
	{"a fact without a date", record.CodeBadRequest, factsWith(func(r *record.FactsRequest) { r.Subjects[0].Facts[0].Date = "" })},
	{"a fact with a time", record.CodeBadRequest, factsWith(func(r *record.FactsRequest) { r.Subjects[0].Facts[0].Date = "2020-01-01T00:00:00Z" })},
	{"a fact on no day", record.CodeBadRequest, factsWith(func(r *record.FactsRequest) { r.Subjects[0].Facts[0].Date = "2020-02-30" })},
	{"a fact with a long source", record.CodeBadRequest, factsWith(func(r *record.FactsRequest) { r.Subjects[0].Facts[0].Source = strings.Repeat(canary, 50) })},
	{"a fact in another's name", record.CodeBadRequest, factsWith(func(r *record.FactsRequest) { r.Subjects[0].Facts[0].By = canary })},
	{"a fact taken back without a reason", record.CodeBadRequest, factsWith(func(r *record.FactsRequest) { r.Subjects[0].Facts[0].Withdrawn = true })},
	{"a fact taken back that never was", record.CodeBadRequest, factsWith(func(r *record.FactsRequest) {
		r.Subjects[0].Facts[0].Withdrawn, r.Subjects[0].Facts[0].Reason = true, canary
	})},
	{"facts about somebody in clear", record.CodeBadRequest, factsWith(func(r *record.FactsRequest) { r.Subjects[0].Subject = canary })},
	{"facts about one subject twice", record.CodeBadRequest, factsWith(func(r *record.FactsRequest) { r.Subjects = append(r.Subjects, r.Subjects[0]) })},
	{"no facts about somebody", record.CodeBadRequest, factsWith(func(r *record.FactsRequest) { r.Subjects[0].Facts = nil })},
	{"facts about nobody", record.CodeBadRequest, factsWith(func(r *record.FactsRequest) { r.Subjects = nil })},
	{"facts without a seed", record.CodeBadRequest, factsWith(func(r *record.FactsRequest) { r.Seed = nil })},
	{"too many facts", record.CodeTooLarge, factsWith(func(r *record.FactsRequest) { r.Subjects[0].Facts = make([]record.Fact, record.MaxFacts+1) })},
	{"a restriction of nobody", record.CodeBadRequest, limitWith(func(r *record.LimitRequest) { r.Subjects = nil })},
	{"a restriction without a reference", record.CodeBadRequest, limitWith(func(r *record.LimitRequest) { r.Reference = "" })},
	{"a restriction without a reason", record.CodeBadRequest, limitWith(func(r *record.LimitRequest) { r.Reason = "" })},
	{"a restriction without an authority", record.CodeBadRequest, limitWith(func(r *record.LimitRequest) { r.Authority = "" })},
	{"a restriction of somebody in clear", record.CodeBadRequest, limitWith(func(r *record.LimitRequest) { r.Subjects = []string{canary} })},
	{"a restriction that is not there to lift", record.CodeNotHeld, limitWith(func(r *record.LimitRequest) { r.Lift = true })},
	{"a case without a reference", record.CodeBadRequest, caseWith(record.CaseOpen, func(r *record.CaseRequest) { r.Case = "" })},
	{"a case with a long reference", record.CodeBadRequest, caseWith(record.CaseOpen, func(r *record.CaseRequest) { r.Case = strings.Repeat("x", 201) })},
	{"a case of another action", record.CodeBadRequest, caseWith(canary, func(*record.CaseRequest) {})},
	{"a case under another law", record.CodeBadRequest, caseWith(record.CaseOpen, func(r *record.CaseRequest) { r.Law = canary })},
	{"a case about nobody", record.CodeBadRequest, caseWith(record.CaseOpen, func(r *record.CaseRequest) { r.Subjects = nil })},
	{"a case about somebody twice", record.CodeBadRequest, caseWith(record.CaseOpen, func(r *record.CaseRequest) { r.Subjects = append(r.Subjects, r.Subjects...) })},
	{"a case of no day", record.CodeBadRequest, caseWith(record.CaseOpen, func(r *record.CaseRequest) { r.Received = canary })},
	{"a case received in the future", record.CodeBadRequest, caseWith(record.CaseOpen, func(r *record.CaseRequest) { r.Received, r.Deadline = "2999-01-02", "2999-02-02" })},
	{"a case received never", record.CodeBadRequest, caseWith(record.CaseOpen, func(r *record.CaseRequest) { r.Received = "" })},
	{"a case answered before it came", record.CodeBadRequest, caseWith(record.CaseOpen, func(r *record.CaseRequest) { r.Deadline = "2020-01-01" })},
	{"an approval with people of its own", record.CodeBadRequest, caseWith(record.CaseApprove, func(r *record.CaseRequest) { r.Subjects = tokens(1) })},
	{"an approval of no case", record.CodeNoCase, caseWith(record.CaseApprove, func(*record.CaseRequest) {})},
	{"an amendment of nothing", record.CodeBadRequest, healthWith(record.OpAmend, func(string) record.AmendRequest {
		return record.AmendRequest{Version: 1, Region: "us", Collection: "us-a", Seed: chaincodetest.Random(32)}
	}, func(*record.AmendRequest) {})},
	{"an amendment of too much", record.CodeTooLarge, healthWith(record.OpAmend, func(string) record.AmendRequest {
		return record.AmendRequest{
			Version: 1, Region: "us", Collection: "us-a", Seed: chaincodetest.Random(32), Records: make([]record.AmendRecord, record.AmendRecords+1),
		}
	}, func(*record.AmendRequest) {})},
	{"an amendment to unknown labels", record.CodeUnknownLabel, amendWith(func(*record.AmendRecord) {})},
	{"an amendment to no labels", record.CodeBadLabels, amendWith(func(r *record.AmendRecord) { r.Labels = nil })},
	{"an amendment of no record", record.CodeBadRequest, amendWith(func(r *record.AmendRecord) { r.ID = canary })},
	{"labels without relabelling", record.CodeBadRequest, amendWith(func(r *record.AmendRecord) { r.Relabel = false })},
	{"an amendment by rules in clear", record.CodeBadRequest, amendWith(func(r *record.AmendRecord) { r.Rules = canary })},
	{"an amendment with a bad fact", record.CodeBadRequest, amendWith(func(r *record.AmendRecord) { r.Facts = []record.Fact{{Kind: canary}} })},
	{"an acceptance without a reason", record.CodeBadRequest, amendWith(func(r *record.AmendRecord) { r.Accept, r.Reason = true, "" })},
	{"a review without an authority", record.CodeBadRequest, amendWith(func(r *record.AmendRecord) { r.Review = true })},
	{"an amendment with a long reason", record.CodeBadRequest, amendWith(func(r *record.AmendRecord) { r.Reason = strings.Repeat(canary, 300) })},
	{"a query that chooses by nothing", record.CodeBadRequest, queryWith(func(q *record.Query) { q.Types = nil })},
	{"a query of no type", record.CodeBadRequest, queryWith(func(q *record.Query) { q.Types[0] = canary + "!" })},
	{"a query of a label with more than a code", record.CodeBadRequest, queryWith(func(q *record.Query) {
		q.Labels = []record.Label{{System: canary, Code: canary, Origin: record.OriginRule}}
	})},
	{"a query of too many labels", record.CodeTooLarge, queryWith(func(q *record.Query) { q.Labels = make([]record.Label, 101) })},
	{"a query from no day", record.CodeBadRequest, queryWith(func(q *record.Query) { q.From = canary })},
	{"a query to no day", record.CodeBadRequest, queryWith(func(q *record.Query) { q.To = "2020" })},
	{"a query that ends before it begins", record.CodeBadRequest, queryWith(func(q *record.Query) { q.From, q.To = "2020-01-02", "2020-01-01" })},
	{"a query beside ids", record.CodeBadRequest, holdWith(record.OpHold, func(r *record.HoldRequest) { r.Query = aQuery })},
	{"a release by a query that holds nothing", record.CodeNotHeld, holdWith(record.OpRelease, func(r *record.HoldRequest) { r.IDs, r.Query = nil, aQuery })},
	{"a move to nowhere", record.CodeBadRequest, groundWith(record.GroundMoved, func(*record.PurgeRequest) {})},
	{"a move to another holder", record.CodeBadRequest, groundWith(record.GroundMoved, func(r *record.PurgeRequest) {
		r.Targets = []record.Target{{ID: r.IDs[0], Collection: "us-b", To: record.NewID()}}
	})},
	{"a move within the collection", record.CodeBadRequest, groundWith(record.GroundMoved, func(r *record.PurgeRequest) {
		r.Targets = []record.Target{{ID: r.IDs[0], Collection: "us-a", To: record.NewID()}}
	})},
	{"a move of another record", record.CodeBadRequest, groundWith(record.GroundMoved, func(r *record.PurgeRequest) {
		r.Targets = []record.Target{{ID: record.NewID(), Collection: "us-a2", To: record.NewID()}}
	})},
	{"a move on somebody's authority", record.CodeBadRequest, groundWith(record.GroundMoved, func(r *record.PurgeRequest) {
		r.Targets, r.Authority = []record.Target{{ID: r.IDs[0], Collection: "us-a2", To: record.NewID()}}, canary
	})},
	{"targets on another ground", record.CodeBadRequest, groundWith(record.GroundDue, func(r *record.PurgeRequest) {
		r.Targets = []record.Target{{ID: r.IDs[0], Collection: "us-a2", To: record.NewID()}}
	})},
	{"a case on another ground", record.CodeBadRequest, groundWith(record.GroundDue, func(r *record.PurgeRequest) { r.Case = canary })},
	{"a settling on another ground", record.CodeBadRequest, groundWith(record.GroundWithdrawn, func(r *record.PurgeRequest) { r.Settle = r.IDs })},
	{"a withdrawal of one's own record", record.CodeNotDue, groundWith(record.GroundWithdrawn, func(*record.PurgeRequest) {})},
	{"a forced purge without a case", record.CodeBadRequest, groundWith(record.GroundForced, func(*record.PurgeRequest) {})},
	{"a forced purge under no case", record.CodeNoCase, groundWith(record.GroundForced, func(r *record.PurgeRequest) { r.Case = canary })},
	{"a put with rules in clear", record.CodeBadRequest, putHealth(func(r *record.PutRecord) { r.Rules = canary })},
	{"a put with a class in clear words", record.CodeBadRequest, putHealth(func(r *record.PutRecord) { r.Classes = []string{canary + " "} })},
	{"a put with too many classes", record.CodeTooLarge, putHealth(func(r *record.PutRecord) { r.Classes = make([]string, 33) })},
	{"a put with a fact of no kind", record.CodeBadRequest, putHealth(func(r *record.PutRecord) { r.Facts = []record.Fact{{Kind: canary}} })},
	{"terms of one's own record", record.CodeBadRequest, putHealth(func(r *record.PutRecord) { r.Terms = &record.Terms{Authority: canary} })},
	{"a put that continues itself", record.CodeBadRequest, putHealth(func(r *record.PutRecord) { r.MovedFrom = &record.Ref{Collection: "us-a2", ID: r.ID} })},
	{"a put that continues another holder's", record.CodeBadRequest, putHealth(func(r *record.PutRecord) { r.MovedFrom = &record.Ref{Collection: "us-b", ID: record.NewID()} })},
	{"a put with a history of nothing", record.CodeBadRequest, putHealth(func(r *record.PutRecord) { r.History = []record.Relabel{{Reason: canary}} })},
	{"a put with a false history", record.CodeBadRequest, putHealth(func(r *record.PutRecord) {
		r.MovedFrom, r.History = &record.Ref{Collection: "us-a2", ID: record.NewID()}, []record.Relabel{{Digest: canary}}
	})},
}
