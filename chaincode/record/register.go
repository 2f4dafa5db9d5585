package record

// OpRegister is the operation of [FuncRead] that answers a [RegisterRequest] with the stored value (see [DecodeValue])
// of the register's entry of a purged record, a [Gone]. Its hash is on the public ledger, in the purge, so whoever is
// handed the value can check it. [CodeAbsent] when the collection's record of that id was never purged.
const OpRegister = "register"

// RegisterRequest asks for one entry of the register.
type RegisterRequest struct {
	Version    int    `json:"v"`
	Region     string `json:"region"`
	Collection string `json:"collection"` // that held the record
	ID         string `json:"id"`
}
