package pki_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/pki"
	"github.com/sealring/sealring/internal/seal"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
)

const domain = "sealring.internal"

// config returns the settings of an installation over db.
func config(t *testing.T, db *store.DB) pki.Config {
	t.Helper()
	kek, err := seal.CreateKEK(filepath.Join(t.TempDir(), "kek"), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := seal.New(t.Context(), seal.Config{Store: db, KEK: kek, Now: time.Now, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	return pki.Config{Store: db, Sealer: s, Domain: domain, Now: time.Now, Rand: rand.Reader}
}

func open(t *testing.T, c pki.Config) *pki.Authority {
	t.Helper()
	a, err := pki.New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// leaf returns what a client asking for name is shown.
func leaf(t *testing.T, a *pki.Authority, name string) *x509.Certificate {
	t.Helper()
	c, err := a.GetCertificate(&tls.ClientHelloInfo{ServerName: name})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return c.Leaf
}

// trust returns a pool of everything in PEM.
func trust(t *testing.T, bundle []byte) *x509.CertPool {
	t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(bundle) {
		t.Fatal("no certificates in the bundle")
	}
	return pool
}

// D-10: every name that is served verifies against the bundle, before and after a restart.
func TestServedNamesVerify(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := config(t, db)
		a := open(t, c)
		again := open(t, c)
		if !bytes.Equal(a.Bundle(), again.Bundle()) || bytes.Count(a.Bundle(), []byte("BEGIN")) != 2 {
			t.Fatal("a restart changed the authorities")
		}
		roots := trust(t, a.Bundle())
		for _, name := range []string{
			"login." + domain, "management." + domain, domain, "v1.vault." + domain, "v2.vault." + domain, "LOGIN." + domain, "localhost", pki.DiscoveryName,
		} {
			if _, err := leaf(t, again, name).Verify(x509.VerifyOptions{DNSName: name, Roots: roots}); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, ip := range []string{"127.0.0.1", "::1"} {
			if _, err := leaf(t, a, "").Verify(x509.VerifyOptions{DNSName: ip, Roots: roots}); err != nil {
				t.Errorf("%s: %v", ip, err)
			}
		}
		if leaf(t, a, "v1.vault."+domain) != leaf(t, a, "v2.vault."+domain) {
			t.Error("two vaults have two leaves")
		}
	})
}

// D-10: names of others get no certificate.
func TestOtherNamesAreNotServed(t *testing.T) {
	a := open(t, config(t, storetest.SQLite(t)))
	for _, name := range []string{
		"example.com", "login.microsoftonline.com.evil.example", "x." + pki.DiscoveryName, "management.azure.com",
		"evil" + domain, "127.0.0.1", "*." + domain, "..", "a b." + domain, "x..vault." + domain, "localhost.example",
	} {
		if _, err := a.GetCertificate(&tls.ClientHelloInfo{ServerName: name}); !errors.Is(err, pki.ErrNotServed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// D-10: whoever steals an authority's key cannot use it for other names: clients refuse.
func TestAuthoritiesAreConstrained(t *testing.T) {
	a := open(t, config(t, storetest.SQLite(t)))
	roots := trust(t, a.Bundle())
	for i, bad := range [][]string{{"example.com", "login.microsoftonline.com", "192.0.2.1", "127.0.0.2"}, {"example.com", "login." + domain, "localhost", "127.0.0.1"}} {
		for _, name := range bad {
			stolen := pki.Forge(t, a, i, name)
			if _, err := stolen.Verify(x509.VerifyOptions{DNSName: name, Roots: roots}); err == nil {
				t.Errorf("authority %d certifies %s", i, name)
			}
		}
	}
	// The positive twin: the same forgery for a permitted name verifies.
	for i, name := range []string{"anything." + domain, pki.DiscoveryName} {
		if _, err := pki.Forge(t, a, i, name).Verify(x509.VerifyOptions{DNSName: name, Roots: roots}); err != nil {
			t.Errorf("authority %d, %s: %v", i, name, err)
		}
	}
}

// L-4: a run's own authority, for the public names it answers.
func TestEphemeral(t *testing.T) {
	a, err := pki.NewEphemeral([]string{"*.vault.azure.net", "management.azure.com", "graph.microsoft.com"}, time.Now, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	roots := trust(t, a.Bundle())
	for _, name := range []string{"kv.vault.azure.net", "management.azure.com", "graph.microsoft.com"} {
		if _, err := leaf(t, a, name).Verify(x509.VerifyOptions{DNSName: name, Roots: roots}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"vault.azure.net", "x.management.azure.com", "azure.net", "localhost", ""} {
		if _, err := a.GetCertificate(&tls.ClientHelloInfo{ServerName: name}); !errors.Is(err, pki.ErrNotServed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, bad := range map[string][]string{"none": nil, "empty": {""}, "wildcard inside": {"a.*.b"}, "blank": {"a b"}} {
		if _, err := pki.NewEphemeral(bad, time.Now, rand.Reader); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// S-38, R-19: authorities that do not open, or are for another domain, are not replaced.
func TestNewRefusesWhatDoesNotFit(t *testing.T) {
	db := storetest.SQLite(t)
	c := config(t, db)
	bundle := open(t, c).Bundle()
	other := c
	other.Domain = "example.internal"
	if _, err := pki.New(t.Context(), other); !errors.Is(err, pki.ErrOther) {
		t.Errorf("another domain: %v", err)
	}
	if !bytes.Equal(open(t, c).Bundle(), bundle) {
		t.Error("the refusal changed the store")
	}
	err := db.Update(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec(t.Context(), "UPDATE authorities SET sealed = (SELECT sealed FROM authorities WHERE name = 'discovery')")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pki.New(t.Context(), c); !errors.Is(err, pki.ErrOther) {
		t.Errorf("moved key: %v", err)
	}
	if _, err := pki.New(t.Context(), pki.Config{}); err == nil {
		t.Error("S-31: empty settings accepted")
	}
	c.Domain = "not a name"
	if _, err := pki.New(t.Context(), c); err == nil {
		t.Error("S-31: bad domain accepted")
	}
}

// A leaf is renewed before it ends, and the number of leaves kept is bounded.
func TestLeavesAreRenewedAndBounded(t *testing.T) {
	at := time.Now()
	c := config(t, storetest.SQLite(t))
	c.Now = func() time.Time { return at }
	a := open(t, c)
	first := leaf(t, a, "localhost")
	if leaf(t, a, "localhost") != first {
		t.Error("made twice")
	}
	at = at.Add(21 * 24 * time.Hour)
	if next := leaf(t, a, "localhost"); next == first || !next.NotAfter.After(at.Add(20*24*time.Hour)) {
		t.Error("not renewed")
	}
	for i := range 600 {
		leaf(t, a, strings.Repeat("a", i%50+1)+strings.Repeat("b", i/50)+"."+domain)
	}
	if n := pki.Kept(a); n > 256 {
		t.Errorf("%d leaves kept", n)
	}
}

// serve answers TLS handshakes on a loopback port until the test ends.
func serve(t *testing.T, c *tls.Config) string {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_ = conn.(*tls.Conn).Handshake()
			_ = conn.Close()
		}
	}()
	return l.Addr().String()
}

// S/R 6.4: TLS 1.2 with forward secrecy and 1.3, nothing older and nothing weaker.
func TestServerConfig(t *testing.T) {
	a := open(t, config(t, storetest.SQLite(t)))
	addr := serve(t, a.ServerConfig())
	for name, c := range map[string]struct {
		change func(*tls.Config)
		ok     bool
	}{
		"as it comes": {func(*tls.Config) {}, true},
		"TLS 1.2":     {func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }, true},
		"TLS 1.1":     {func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS11, tls.VersionTLS11 }, false},
		"CBC": {func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}
		}, false},
		"a foreign name":  {func(c *tls.Config) { c.ServerName = "example.com" }, false},
		"an empty trust":  {func(c *tls.Config) { c.RootCAs = x509.NewCertPool() }, false},
		"by address":      {func(c *tls.Config) { c.ServerName = "127.0.0.1" }, true},
		"the public name": {func(c *tls.Config) { c.ServerName = pki.DiscoveryName }, true},
	} {
		client := &tls.Config{RootCAs: trust(t, a.Bundle()), ServerName: "login." + domain, MinVersion: tls.VersionTLS12}
		c.change(client)
		conn, err := (&tls.Dialer{Config: client, NetDialer: &net.Dialer{Timeout: 5 * time.Second}}).DialContext(t.Context(), "tcp", addr)
		if err == nil {
			_ = conn.Close()
		}
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// D-10: other implementations agree about the constraints, critical extensions included.
func TestOtherImplementationsVerify(t *testing.T) {
	a := open(t, config(t, storetest.SQLite(t)))
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	asPEM := func(c *x509.Certificate) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
	}
	ca := write("ca.pem", a.Bundle())
	run := func(name string, args ...string) error {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
		if err != nil {
			return errors.New(err.Error() + ": " + string(out))
		}
		return nil
	}
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Log("openssl is not installed")
	} else {
		for _, name := range []string{"login." + domain, "v.vault." + domain, "localhost", pki.DiscoveryName} {
			if err := run("openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", name, "-CAfile", ca, write("leaf.pem", asPEM(leaf(t, a, name)))); err != nil {
				t.Errorf("openssl refuses %s: %v", name, err)
			}
		}
		for i, name := range []string{"example.com", "login." + domain} {
			if err := run("openssl", "verify", "-CAfile", ca, write("leaf.pem", asPEM(pki.Forge(t, a, i, name)))); err == nil {
				t.Errorf("openssl accepts %s from authority %d", name, i)
			}
		}
	}
	addr := serve(t, a.ServerConfig())
	if _, err := exec.LookPath("java"); err != nil {
		t.Log("java is not installed")
	} else if err := run("java", "-XX:TieredStopAtLevel=1", write("Ask.java", []byte(javaClient)), addr, ca,
		"login."+domain, "v.vault."+domain, "localhost", "127.0.0.1", pki.DiscoveryName); err != nil {
		t.Errorf("java refuses: %v", err)
	}
	if _, err := exec.LookPath("python3"); err != nil {
		t.Log("python3 is not installed")
		return
	}
	script := `import socket, ssl, sys
host, port = sys.argv[1].split(":")
c = ssl.create_default_context(cafile=sys.argv[2])
c.verify_flags |= ssl.VERIFY_X509_STRICT
with socket.create_connection((host, int(port))) as s:
    c.wrap_socket(s, server_hostname=sys.argv[3]).close()
`
	for _, name := range []string{"login." + domain, "v.vault." + domain, "localhost", "127.0.0.1", pki.DiscoveryName} {
		if err := run("python3", "-c", script, addr, ca, name); err != nil {
			t.Errorf("python refuses %s: %v", name, err)
		}
	}
}

// javaClient shakes hands with the server at its first argument under each of the names from
// the third on, trusting the bundle named by the second.
const javaClient = `import java.io.*;
import java.net.Socket;
import java.security.KeyStore;
import java.security.cert.*;
import javax.net.ssl.*;

public class Ask {
    public static void main(String[] args) throws Exception {
        KeyStore trust = KeyStore.getInstance(KeyStore.getDefaultType());
        trust.load(null, null);
        try (InputStream in = new FileInputStream(args[1])) {
            int n = 0;
            for (Certificate c : CertificateFactory.getInstance("X.509").generateCertificates(in)) {
                trust.setCertificateEntry("ca" + n++, c);
            }
        }
        TrustManagerFactory f = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        f.init(trust);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, f.getTrustManagers(), null);
        String[] at = args[0].split(":");
        for (int i = 2; i < args.length; i++) {
            Socket plain = new Socket(at[0], Integer.parseInt(at[1]));
            SSLSocket s = (SSLSocket) context.getSocketFactory().createSocket(plain, args[i], plain.getPort(), true);
            SSLParameters p = s.getSSLParameters();
            p.setEndpointIdentificationAlgorithm("HTTPS");
            s.setSSLParameters(p);
            s.startHandshake();
            s.close();
        }
    }
}
`
