package network

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

// connectionTemplate is filled in by the external builder of each peer.
const connectionTemplate = `{
  "address": {{address}},
  "dial_timeout": "10s",
  "tls_required": true,
  "client_auth_required": true,
  "client_key": {{pem "clientKey"}},
  "client_cert": {{pem "clientCert"}},
  "root_cert": {{pem "rootCert"}}
}
`

// chaincodePackage is the chaincode package with that label, the same bytes
// on every machine, and its package id.
func chaincodePackage(label string) (pkg []byte, id string, err error) {
	metadata, err := json.Marshal(map[string]string{"type": "ccaas", "label": label})
	if err != nil {
		return nil, "", err
	}
	code, err := tarGz(tarFile{"connection.json", []byte(connectionTemplate)})
	if err != nil {
		return nil, "", err
	}
	pkg, err = tarGz(tarFile{"metadata.json", metadata}, tarFile{"code.tar.gz", code})
	if err != nil {
		return nil, "", err
	}
	sum := sha256.Sum256(pkg)
	return pkg, label + ":" + hex.EncodeToString(sum[:]), nil
}

type tarFile struct {
	name string
	data []byte
}

// tarGz is uncompressed inside, so that the bytes do not depend on a
// compressor's version.
func tarGz(files ...tarFile) ([]byte, error) {
	var b bytes.Buffer
	zw, err := gzip.NewWriterLevel(&b, gzip.NoCompression)
	if err != nil {
		return nil, err
	}
	tw := tar.NewWriter(zw)
	for _, f := range files {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: f.name, Mode: 0o644, Size: int64(len(f.data)), ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR}
		if err := tw.WriteHeader(h); err != nil {
			return nil, fmt.Errorf("pack %s: %w", f.name, err)
		}
		if _, err := tw.Write(f.data); err != nil {
			return nil, fmt.Errorf("pack %s: %w", f.name, err)
		}
	}
	if err := tw.Close(); err != nil {
		return nil, fmt.Errorf("pack: %w", err)
	}
	if err := zw.Close(); err != nil {
		return nil, fmt.Errorf("pack: %w", err)
	}
	return b.Bytes(), nil
}
