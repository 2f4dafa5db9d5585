package certificate

import (
	"encoding/hex"

	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"google.golang.org/protobuf/proto"
)

// Identify returns the name of the channel that a genesis block (a protobuf common.Block) begins, and the hash by which
// certificates and statements name that block.
func Identify(genesis []byte) (channel, hash string, err error) {
	block := &common.Block{}
	if len(genesis) > MaxGenesis || proto.Unmarshal(genesis, block) != nil || block.GetHeader().GetNumber() != 0 {
		return "", "", fail("genesis", "the given file is not a genesis block")
	}
	first := Block{PreviousHash: block.GetHeader().GetPreviousHash(), DataHash: block.GetHeader().GetDataHash(), Data: block.GetData().GetData()}
	if err := first.intact(); err != nil {
		return "", "", within("genesis", err)
	}
	cfg, err := readConfiguration(0, first.Data)
	if err != nil {
		return "", "", within("genesis", err)
	}
	return cfg.channel, hex.EncodeToString(first.hash()), nil
}
