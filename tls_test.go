package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestTLSAndBasicAuthentication serves over TLS and lets in only who knows the
// password, as exporter-toolkit's web configuration says.
func TestTLSAndBasicAuthentication(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	pool := certificate(t, folder)
	// The password is "launch"; bcrypt at its lowest cost.
	web := writeFile(t, filepath.Join(folder, "web.yml"), `
tls_server_config: {cert_file: cert.pem, key_file: key.pem}
basic_auth_users: {ops: $2a$04$FyApj96y3dx/Oi7EZ/p0O.9tjeYscdoTvK8fWCuf7PmagANlZ5M.K}
`)
	_, config := huaweiVendor(t)
	p := serve(t, "--config.file="+writeFile(t, "config.yml", config), "--storage.path="+t.TempDir(), "--web.config.file="+web)
	p.client.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	p.url = strings.Replace(p.url, "http://", "https://", 1)
	for name, c := range map[string]struct {
		password string
		want     int
	}{"right": {"launch", http.StatusOK}, "wrong": {"lunch", http.StatusUnauthorized}, "none": {"", http.StatusUnauthorized}} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+"/metrics", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if c.password != "" {
			req.SetBasicAuth("ops", c.password)
		}
		if status, _ := p.answer(req); status != c.want {
			t.Errorf("%s password: %d, want %d", name, status, c.want)
		}
	}
}

// certificate writes a self-signed certificate for the loopback into folder and
// returns a pool that trusts it.
func certificate(t *testing.T, folder string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyBytes, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})
	writeFile(t, filepath.Join(folder, "cert.pem"), string(certPEM))
	writeFile(t, filepath.Join(folder, "key.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyBytes})))
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(certPEM)
	return pool
}
