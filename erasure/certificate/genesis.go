package certificate

// Identify returns the name of the channel that a genesis block (a protobuf common.Block) begins, and the hash by which
// certificates and statements name that block.
func Identify(genesis []byte) (channel, hash string, err error) {
	hash, cfg, err := openGenesis(genesis)
	if err != nil {
		return "", "", within("genesis", err)
	}
	return cfg.channel, hash, nil
}
