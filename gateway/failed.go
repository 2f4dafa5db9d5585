package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/hyperledger/fabric-gateway/pkg/client"
	"github.com/hyperledger/fabric-protos-go-apiv2/common"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/ledger/rwset/kvrwset"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/proto"

	"domicile/chaincode/record"
)

// FailedKey is a private key that a refused transaction left on peers: the bytes of
// an attempt that never became a record.
type FailedKey struct {
	Collection string   `json:"collection"`
	Key        string   `json:"key"`
	Block      uint64   `json:"block"` // the first in which it was refused
	Code       string   `json:"code"`  // the validators' word for why
	Peers      []string `json:"peers"` // on which it was found
}

// SurveyFailed looks for what refused transactions of the blocks from on left on every
// peer of the client's own organisation that its settings list: private data of a refused
// transaction lies only where it was pushed to or pulled from, so each peer is asked. One
// that does not answer, or stops answering, is in the survey with the reason and as far as
// it got; it is no error. The identity needs the organizational unit auditor; a peer
// refuses everybody else's stream by closing it, which is [ErrForbidden] here. A from behind
// the end of the channel has the code BAD_REQUEST: who went on from there would skip blocks.
//
// A key found may belong to a record as well, put by another attempt; the contract
// refuses to purge it then. Keys come in the order of collections and keys.
func (c *Client) SurveyFailed(ctx context.Context, from uint64) (*FailedSurvey, error) {
	s := &FailedSurvey{Region: c.settings.Region, Org: c.settings.Org, From: from, Peers: []SurveyedPeer{}, Keys: []FailedKey{}}
	found := map[[2]string]*FailedKey{}
	top := uint64(0)
	for _, p := range c.own {
		at := SurveyedPeer{Name: p.Name, Next: from}
		height, err := c.height(ctx, p)
		if err == nil {
			top = max(top, height)
			at.Next, err = c.failedOn(ctx, p, from, height, found)
		}
		if err != nil {
			code := record.CodeOf(err)
			if ctx.Err() != nil || code == record.CodeForbidden {
				return nil, cmp.Or(ctx.Err(), err)
			}
			at.Code = cmp.Or(code, record.CodeInternal)
		}
		s.Peers = append(s.Peers, at)
	}
	if top > 0 && from > top {
		return nil, record.Fail(record.CodeBadRequest, fmt.Sprintf("there is no block %d to look from: the channel has %d", from, top))
	}
	for _, k := range slices.SortedFunc(maps.Values(found), byKey) {
		s.Keys = append(s.Keys, *k)
	}
	s.At = time.Now().UTC().Format(time.RFC3339)
	return s, nil
}

func byKey(a, b *FailedKey) int {
	return cmp.Or(cmp.Compare(a.Collection, b.Collection), cmp.Compare(a.Key, b.Key))
}

// errRefused is what a stream that closes without a block means.
var errRefused = record.Fail(record.CodeForbidden, "streaming blocks needs a certificate with the organizational unit auditor")

// failedOn streams the blocks from up to height from one peer, and returns the first
// that it did not see.
func (c *Client) failedOn(ctx context.Context, p *gatewayPeer, from, height uint64, found map[[2]string]*FailedKey) (next uint64, err error) {
	if from >= height {
		return from, nil
	}
	ctx, stop := context.WithCancel(via(ctx, p))
	defer stop()
	blocks, err := c.fabric.GetNetwork(c.settings.Channel).BlockAndPrivateDataEvents(ctx, client.WithStartBlock(from))
	if err != nil {
		return from, fmt.Errorf("stream blocks of %s: %w", p.Name, err)
	}
	for n := from; n < height; n++ {
		b, ok := <-blocks
		switch {
		case !ok && ctx.Err() != nil:
			return n, ctx.Err()
		case !ok && n == from:
			if _, err := c.height(ctx, p); err != nil {
				return n, err
			}
			return n, fmt.Errorf("%s: %w", p.Name, errRefused)
		case !ok:
			return n, unavailable(p.Name + " closed its stream of blocks")
		case b.GetBlock().GetHeader().GetNumber() != n:
			return n, errors.New("the stream of " + p.Name + " left out a block")
		}
		if err := failedIn(b, p.Name, c.settings.Chaincode, found); err != nil {
			return n, fmt.Errorf("block %d of %s: %w", n, p.Name, err)
		}
	}
	return height, nil
}

// failedIn collects the keys that the refused transactions of one block wrote.
func failedIn(b *peer.BlockAndPrivateData, at, chaincode string, found map[[2]string]*FailedKey) error {
	filter := b.GetBlock().GetMetadata().GetMetadata()
	if len(filter) <= int(common.BlockMetadataIndex_TRANSACTIONS_FILTER) {
		return errors.New("has no validation flags")
	}
	flags := filter[common.BlockMetadataIndex_TRANSACTIONS_FILTER]
	for seq, tx := range b.GetPrivateDataMap() {
		if seq >= uint64(len(flags)) {
			return errors.New("has private data of a transaction it has not")
		}
		code := peer.TxValidationCode(flags[seq])
		if code == peer.TxValidationCode_VALID {
			continue
		}
		for _, ns := range tx.GetNsPvtRwset() {
			if ns.GetNamespace() != chaincode {
				continue
			}
			for _, coll := range ns.GetCollectionPvtRwset() {
				if err := failedWrites(coll, b.GetBlock().GetHeader().GetNumber(), code, at, found); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func failedWrites(coll *rwset.CollectionPvtReadWriteSet, block uint64, code peer.TxValidationCode, at string, found map[[2]string]*FailedKey) error {
	var set kvrwset.KVRWSet
	if err := proto.Unmarshal(coll.GetRwset(), &set); err != nil {
		return errors.New("has a private write set that does not decode")
	}
	for _, w := range set.GetWrites() {
		id := [2]string{coll.GetCollectionName(), w.GetKey()}
		k := found[id]
		if k == nil {
			k = &FailedKey{Collection: id[0], Key: id[1], Block: block, Code: code.String()}
			found[id] = k
		}
		if !slices.Contains(k.Peers, at) {
			k.Peers = append(k.Peers, at)
		}
	}
	return nil
}
