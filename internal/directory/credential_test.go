package directory_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/directory"
	"github.com/sealring/sealring/internal/secret"
	"github.com/sealring/sealring/internal/store"
	"github.com/sealring/sealring/internal/store/storetest"
)

func TestSecretProvesItsApplicationOnlyAndOnlyInTime(t *testing.T) { // S-40, DT-30
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		tenant := w.tenant()
		app, sp := w.app(tenant.ID)
		other, _ := w.app(tenant.ID)
		made, value := w.secret(tenant.ID, app.App, time.Hour)
		removed, removedValue := w.secret(tenant.ID, app.App, time.Hour)
		w.must(func(ctx context.Context, tx *store.Tx) error {
			return w.RemoveCredential(ctx, tx, tenant.ID, app.App, removed.KeyID)
		})
		_, otherValue := w.secret(tenant.ID, other.App, time.Hour)
		got, key, err := w.AuthenticateSecret(t.Context(), tenant.ID, app.App, value)
		if err != nil || got.ID != sp.ID || key.KeyID != made.KeyID || key.Hint != value.Reveal()[:3] {
			t.Fatalf("the right secret: %+v %+v %v", got, key, err)
		}
		last := value.Reveal()[:len(value.Reveal())-1]
		for name, wrong := range map[string]secret.Text{
			"empty": secret.New(""), "one byte less": secret.New(last), "one byte more": secret.New(value.Reveal() + "A"),
			"other application's": otherValue, "deleted": removedValue, "64 KiB": secret.New(strings.Repeat("A", 64<<10)),
			"key id instead of value": secret.New(made.KeyID),
		} {
			if _, _, err := w.AuthenticateSecret(t.Context(), tenant.ID, app.App, wrong); !errors.Is(err, directory.ErrWrongSecret) {
				t.Errorf("%s: %v", name, err)
			}
		}
		w.now = noon.Add(time.Hour - time.Second)
		if _, _, err := w.AuthenticateSecret(t.Context(), tenant.ID, app.App, value); err != nil {
			t.Errorf("in the last second: %v", err)
		}
		w.now = noon.Add(time.Hour)
		if _, _, err := w.AuthenticateSecret(t.Context(), tenant.ID, app.App, value); !errors.Is(err, directory.ErrCredentialExpired) {
			t.Errorf("at its end: %v", err)
		}
	})
}

func TestSecretHas256BitsAndIsNotInTheStore(t *testing.T) { // S-40, S-65
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		tenant := w.tenant()
		app, _ := w.app(tenant.ID)
		_, value := w.secret(tenant.ID, app.App, 0)
		if len(value.Reveal()) != 43 { // 32 bytes, base64url
			t.Fatalf("%d characters", len(value.Reveal()))
		}
		var text strings.Builder
		err := db.View(t.Context(), func(tx *store.Tx) error {
			scan := func(r store.Row) error {
				var a, b string
				err := r.Scan(&a, &b)
				fmt.Fprintln(&text, a, b)
				return err
			}
			if err := tx.Query(t.Context(), scan, "SELECT hint, display_name FROM directory_secrets"); err != nil {
				return err
			}
			return tx.Query(t.Context(), scan, "SELECT operation, body FROM audit")
		})
		if err != nil || strings.Contains(text.String(), value.Reveal()[4:]) {
			t.Fatalf("the secret is readable in the store: %v", err)
		}
		if !strings.Contains(text.String(), "directory.secret.create") {
			t.Fatal("the creation is not on record")
		}
	})
}

func TestSecretLifetimeIsBounded(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	tenant := w.tenant()
	app, _ := w.app(tenant.ID)
	for lifetime, ok := range map[time.Duration]bool{
		-time.Second: false, 731 * 24 * time.Hour: false, 730 * 24 * time.Hour: true, directory.Unlimited: true,
	} {
		err := w.update(func(ctx context.Context, tx *store.Tx) error {
			_, _, err := w.AddSecret(ctx, tx, tenant.ID, app.App, directory.NewSecret{Lifetime: lifetime})
			return err
		})
		if ok != (err == nil) || err != nil && !errors.Is(err, directory.ErrInvalid) {
			t.Errorf("%v: %v", lifetime, err)
		}
	}
}

func TestCertificatesAreRegisteredAndRemoved(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		tenant := w.tenant()
		app, sp := w.app(tenant.ID)
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ci"}, NotBefore: noon, NotAfter: noon.Add(time.Hour)}
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		var made directory.Certificate
		w.must(func(ctx context.Context, tx *store.Tx) (err error) {
			made, err = w.AddCertificate(ctx, tx, tenant.ID, app.App, "ci", der)
			return err
		})
		got, certs, err := w.Certificates(t.Context(), tenant.ID, app.App)
		if err != nil || got.ID != sp.ID || len(certs) != 1 || !certs[0].Certificate.Equal(made.Certificate) {
			t.Fatalf("got %+v, %d certificates, %v", got, len(certs), err)
		}
		if !certs[0].ValidAt(noon) || certs[0].ValidAt(noon.Add(time.Hour)) || certs[0].ValidAt(noon.Add(-time.Second)) {
			t.Fatal("validity is not the certificate's")
		}
		w.must(func(ctx context.Context, tx *store.Tx) error {
			return w.RemoveCredential(ctx, tx, tenant.ID, app.App, made.KeyID)
		})
		if _, certs, err = w.Certificates(t.Context(), tenant.ID, app.App); err != nil || len(certs) != 0 {
			t.Fatalf("after removal: %d, %v", len(certs), err)
		}
		err = w.update(func(ctx context.Context, tx *store.Tx) error {
			_, err := w.AddCertificate(ctx, tx, tenant.ID, app.App, "ci", []byte("not a certificate"))
			return err
		})
		if !errors.Is(err, directory.ErrInvalid) {
			t.Fatalf("rubbish: %v", err)
		}
	})
}

func TestDeletedApplicationTakesItsPrincipalAndCredentialsAlong(t *testing.T) { // DT-6.6
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		tenant := w.tenant()
		app, sp := w.app(tenant.ID, "api://orders")
		_, value := w.secret(tenant.ID, app.App, 0)
		w.must(func(ctx context.Context, tx *store.Tx) error { return w.DeleteApplication(ctx, tx, tenant.ID, app.App) })
		if w.alive(tenant.ID, sp.ID) {
			t.Error("its principal is alive")
		}
		if _, _, err := w.AuthenticateSecret(t.Context(), tenant.ID, app.App, value); !errors.Is(err, directory.ErrServicePrincipalNotFound) {
			t.Errorf("its secret: %v", err)
		}
		if _, err := w.ResolveAudience(t.Context(), tenant.ID, "api://orders"); !errors.Is(err, directory.ErrAudienceUnknown) {
			t.Errorf("its name: %v", err)
		}
		again, _ := w.app(tenant.ID, "api://orders") // the name is free again
		if r, err := w.ResolveAudience(t.Context(), tenant.ID, "api://orders"); err != nil || r.AppID != again.App {
			t.Errorf("the next holder of the name: %+v, %v", r, err)
		}
	})
}

func TestEveryWriteIsOnRecord(t *testing.T) { // S-70, M-14
	w := newWorld(t, storetest.SQLite(t))
	tenant := w.tenant()
	app, sp := w.app(tenant.ID)
	s, _ := w.secret(tenant.ID, app.App, 0)
	w.must(func(ctx context.Context, tx *store.Tx) error {
		return errors.Join(
			w.RemoveCredential(ctx, tx, tenant.ID, app.App, s.KeyID),
			w.SetEnabled(ctx, tx, tenant.ID, sp.ID, false), w.SetEnabled(ctx, tx, tenant.ID, sp.ID, true),
			w.DeleteApplication(ctx, tx, tenant.ID, app.App))
	})
	events, err := w.log.List(t.Context(), audit.Filter{Kinds: []audit.Kind{audit.Activity}})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, e := range events {
		seen[e.Operation] = true
	}
	for _, want := range []string{
		"directory.tenant.create", "directory.application.create", "directory.servicePrincipal.create", "directory.secret.create",
		"directory.credential.delete", "directory.servicePrincipal.disable", "directory.servicePrincipal.enable",
		"directory.application.delete", "directory.servicePrincipal.delete",
	} {
		if !seen[want] {
			t.Errorf("no record of %s", want)
		}
	}
}
