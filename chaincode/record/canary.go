package record

import "encoding/hex"

// CanaryRequest ([OpCanary], purger) stores a canary: a record about nobody, which
// may be purged at once. The contract makes its resource of the seed, so that it can
// say nothing about anybody. It has the shape of a put of one record.
type CanaryRequest struct {
	Version    int    `json:"v"`
	Region     string `json:"region"`
	Collection string `json:"collection"`
	Seed       []byte `json:"seed"`
	ID         string `json:"id"`
	Due        string `json:"due"` // its place in the due index, YYYY-MM-DD, not after the transaction's day
}

// GroundCanary is the ground in the register on which canaries were purged. Requests
// name them among the records that are due, withdrawn or forced.
const GroundCanary Ground = "canary"

// CanaryAuthority is what the register names as the authority of such a purge.
const CanaryAuthority = "a test record about nobody"

// systemActReason is the code system of HTEST, test health data:
// https://terminology.hl7.org/CodeSystem-v3-ActReason.html
const systemActReason = "http://terminology.hl7.org/CodeSystem/v3-ActReason"

// CanaryLabels are the labels at rest of a canary.
func CanaryLabels() []Label {
	return []Label{
		{System: "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", Code: "N", Origin: OriginDefault},
		{System: systemActReason, Code: "HTEST", Origin: OriginInbound},
	}
}

// CanaryBody is the resource of a canary: nothing but the label HTEST and 512 random
// bits of the seed.
func CanaryBody(d *Drawer) []byte {
	return []byte(`{"resourceType":"Basic","meta":{"security":[{"system":"` + systemActReason + `","code":"HTEST"}]},"code":{"text":"` +
		hex.EncodeToString(d.draw("canary", 64)) + `"}}`)
}
