package etcdtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Certificates are PEM files with which members and clients prove who they are.
type Certificates struct {
	CA                    string
	ServerCert, ServerKey string
	ClientCert, ClientKey string
}

// NewCertificates writes certificates for 127.0.0.1, valid for a day, into a folder.
func NewCertificates(folder string) (*Certificates, error) {
	ca, err := newIssuer("etcdtest CA")
	if err != nil {
		return nil, err
	}
	in := func(name string) string { return filepath.Join(folder, name) }
	c := &Certificates{
		CA:         in("ca.crt"),
		ServerCert: in("server.crt"), ServerKey: in("server.key"),
		ClientCert: in("client.crt"), ClientKey: in("client.key"),
	}
	if err := writePEM(c.CA, "CERTIFICATE", ca.certificate.Raw); err != nil {
		return nil, err
	}
	if err := ca.issue("server", c.ServerCert, c.ServerKey); err != nil {
		return nil, err
	}
	// A client certificate without a name is no user of etcd's.
	if err := ca.issue("", c.ClientCert, c.ClientKey); err != nil {
		return nil, err
	}
	return c, nil
}

// issuer is an authority that lives as long as it takes to issue.
type issuer struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func template(name string) *x509.Certificate {
	const day = 24 * time.Hour
	return &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(day),
	}
}

func newIssuer(name string) (*issuer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("a key: %w", err)
	}
	t := template(name)
	t.IsCA, t.BasicConstraintsValid, t.KeyUsage = true, true, x509.KeyUsageCertSign
	raw, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("certificate of the authority: %w", err)
	}
	certificate, err := x509.ParseCertificate(raw)
	if err != nil {
		return nil, fmt.Errorf("certificate of the authority: %w", err)
	}
	return &issuer{certificate: certificate, key: key}, nil
}

func (i *issuer) issue(name, certFile, keyFile string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("a key: %w", err)
	}
	t := template(name)
	t.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)} //nolint:mnd // loopback
	t.KeyUsage = x509.KeyUsageDigitalSignature
	// The members call themselves with theirs.
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	raw, err := x509.CreateCertificate(rand.Reader, t, i.certificate, &key.PublicKey, i.key)
	if err != nil {
		return fmt.Errorf("certificate: %w", err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("key: %w", err)
	}
	if err := writePEM(certFile, "CERTIFICATE", raw); err != nil {
		return err
	}
	return writePEM(keyFile, "PRIVATE KEY", private)
}

func writePEM(file, kind string, raw []byte) error {
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: raw}), 0o600); err != nil {
		return fmt.Errorf("certificate: %w", err)
	}
	return nil
}
