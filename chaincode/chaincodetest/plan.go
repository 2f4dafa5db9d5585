package chaincodetest

// Plan endorses a proposal as Fabric's gateway does when no organisation is named:
// home is the organisation of the gateway's peer.
func (m *Memory) Plan(p Proposal, home string) (*Tx, error) { return m.plan(p, home) }
