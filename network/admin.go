package network

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"path/filepath"
)

// operator is an HTTPS client that shows an organization's TLS client
// certificate, for operations and orderer administration endpoints.
func (n *Network) operator(s spec) (*http.Client, error) {
	pool, err := caPool(s.tlsCA())
	if err != nil {
		return nil, fmt.Errorf("CA of %s: %w", s.name, err)
	}
	dir := filepath.Join(n.dir, "orgs", s.org, "users", RoleAdmin, "tls")
	cert, err := tls.LoadX509KeyPair(filepath.Join(dir, "client.crt"), filepath.Join(dir, "client.key"))
	if err != nil {
		return nil, fmt.Errorf("operator certificate of %s: %w", s.org, err)
	}
	return &http.Client{
		Timeout: statusPatience,
		Transport: &http.Transport{
			DisableKeepAlives: true,
			TLSClientConfig:   &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12},
		},
	}, nil
}

// do sends one request and returns status and body (at most 1 MiB).
func (n *Network) do(ctx context.Context, s spec, method, url, contentType string, body []byte) (int, []byte, error) {
	client, err := n.operator(s)
	if err != nil {
		return 0, nil, err
	}
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, nil, fmt.Errorf("ask %s: %w", s.name, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return 0, nil, fmt.Errorf("ask %s: %w", s.name, err)
	}
	return resp.StatusCode, b, nil
}

// Operations asks the operations endpoint of a peer or orderer (/healthz,
// /metrics, /logspec, /version) with its organization's operator certificate.
func (n *Network) Operations(ctx context.Context, node, path string) (status int, body []byte, err error) {
	s, err := n.node(node)
	if err != nil {
		return 0, nil, err
	}
	if s.kind == KindChaincode {
		return 0, nil, fmt.Errorf("%s has no operations endpoint", node)
	}
	return n.do(ctx, s, http.MethodGet, "https://"+s.addr(portOperations)+path, "", nil)
}

// channelInfo is the answer of an orderer's channel participation interface.
type channelInfo struct {
	Name              string `json:"name"`
	Status            string `json:"status"`
	ConsensusRelation string `json:"consensusRelation"`
	Height            uint64 `json:"height"`
}

func participationURL(s spec) string {
	return "https://" + s.addr(portOrdererAdmin) + "/participation/v1/channels"
}

// ordererChannel asks an orderer about the channel; ok is false if it has not
// joined.
func (n *Network) ordererChannel(ctx context.Context, s spec) (info channelInfo, ok bool, err error) {
	status, body, err := n.do(ctx, s, http.MethodGet, participationURL(s)+"/"+Channel, "", nil)
	if err != nil || status == http.StatusNotFound {
		return info, false, err
	}
	if status != http.StatusOK {
		return info, false, fmt.Errorf("%s: channel participation answers %d", s.name, status)
	}
	if err := json.Unmarshal(body, &info); err != nil {
		return info, false, fmt.Errorf("%s: channel participation: %w", s.name, err)
	}
	return info, true, nil
}

// joinOrderer makes the orderer join the channel, unless it has.
func (n *Network) joinOrderer(ctx context.Context, s spec, genesis []byte) error {
	if _, ok, err := n.ordererChannel(ctx, s); ok || err != nil {
		return err
	}
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	part, err := w.CreateFormFile("config-block", "genesis.block")
	if err != nil {
		return err
	}
	if _, err := part.Write(genesis); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	status, body, err := n.do(ctx, s, http.MethodPost, participationURL(s), w.FormDataContentType(), b.Bytes())
	if err != nil {
		return err
	}
	if status != http.StatusCreated {
		return &finalError{fmt.Errorf("%s does not join the channel: %d: %s", s.name, status, lastLine(body))}
	}
	return nil
}
