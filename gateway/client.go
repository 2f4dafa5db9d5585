package gateway

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"

	"github.com/hyperledger/fabric-gateway/pkg/client"

	"domicile/chaincode/record"
)

// Client is one organisation's access to a Domicile network. Make one with
// [Open] and share it.
type Client struct {
	settings Settings
	opt      options
	log      *slog.Logger
	signer   *signer
	indexKey []byte

	fabric   *client.Gateway
	contract *client.Contract
	qscc     *client.Contract

	own    []*gatewayPeer // of the client's organisation, by preference
	region []*gatewayPeer // of the client's region, own ones first
	proofs []*gatewayPeer // of any region, the own ones included

	policies policyCache
	measured sync.Once
	anchors  *coalescer

	ctx  context.Context // ends with Close
	stop context.CancelFunc
	work sync.WaitGroup

	closing  sync.Mutex // orders the start of background work and Close
	closed   sync.Once
	closeErr error
}

// Open makes a client from settings. It reads certificates and keys but does
// not connect: peers are dialled at first use. ctx bounds Open alone, not the
// client's life. Errors have the code SETTINGS.
func Open(ctx context.Context, s *Settings, opts ...Option) (*Client, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c := &Client{settings: *s, opt: defaults()}
	if err := c.settings.Check(); err != nil {
		return nil, settingsError("settings", err)
	}
	for _, o := range opts {
		o(&c.opt)
	}
	c.log = c.opt.logger
	c.ctx, c.stop = context.WithCancel(context.Background())
	if err := c.open(); err != nil {
		return nil, errors.Join(settingsError("settings", err), c.Close())
	}
	c.anchors = newCoalescer(c)
	return c, nil
}

func (c *Client) open() error {
	var err error
	if c.signer, err = loadSigner(c.settings.Org, c.settings.Identity); err != nil {
		return err
	}
	if c.settings.IndexKey != "" {
		if c.indexKey, err = loadIndexKey(c.settings.IndexKey); err != nil {
			return err
		}
	}
	if err := c.dial(); err != nil {
		return err
	}
	c.fabric, err = client.Connect(c.signer.id,
		client.WithSign(c.signer.sign), client.WithHash(c.signer.hash),
		client.WithClientConnection(route{}))
	if err != nil {
		return err
	}
	channel := c.fabric.GetNetwork(c.settings.Channel)
	c.contract = channel.GetContract(c.settings.Chaincode)
	c.qscc = channel.GetContract("qscc")
	return nil
}

// dial makes one connection per address, shared when a peer is listed twice.
func (c *Client) dial() error {
	byAddress := make(map[string]*gatewayPeer)
	for _, p := range c.settings.Peers {
		conn, err := dialPeer(p, c.opt.dial)
		if err != nil {
			return err
		}
		byAddress[p.Address] = conn
		c.region = append(c.region, conn)
	}
	c.own = ownPeers(c.region, c.settings.Org)
	others := slices.DeleteFunc(c.region, func(p *gatewayPeer) bool { return p.Org == c.settings.Org })
	c.region = slices.Concat(c.own, others)
	c.proofs = append(c.proofs, c.region...)
	for _, p := range c.settings.ProofPeers {
		if _, ok := byAddress[p.Address]; ok {
			continue
		}
		conn, err := dialPeer(p, c.opt.dial)
		if err != nil {
			return err
		}
		byAddress[p.Address] = conn
		c.proofs = append(c.proofs, conn)
	}
	return nil
}

// Region is the client's region.
func (c *Client) Region() string { return c.settings.Region }

// Org is the client's organisation.
func (c *Client) Org() string { return c.settings.Org }

// Close ends background work, abandons anchors still queued (a later import or
// Anchor finds them) and closes the connections. Calls under way fail. Closing
// again does nothing.
func (c *Client) Close() error {
	c.closed.Do(func() { c.closeErr = c.close() })
	return c.closeErr
}

func (c *Client) close() error {
	c.closing.Lock()
	c.stop()
	c.closing.Unlock()
	if c.anchors != nil {
		c.anchors.flush() // tells who waits for them
	}
	c.work.Wait()
	var errs []error
	if c.fabric != nil {
		errs = append(errs, c.fabric.Close())
	}
	seen := make(map[*gatewayPeer]bool)
	for _, p := range slices.Concat(c.region, c.proofs) {
		if !seen[p] {
			seen[p] = true
			errs = append(errs, p.conn.Close())
		}
	}
	return errors.Join(errs...)
}

// needIndexKey returns the region's index key or says that it is missing.
func (c *Client) needIndexKey() ([]byte, error) {
	if c.indexKey == nil {
		return nil, record.Fail(record.CodeSettings, "indexKey is missing")
	}
	return c.indexKey, nil
}
