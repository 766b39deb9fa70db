package federation_test

import (
	"crypto"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sealring/sealring/internal/federation"
	"github.com/sealring/sealring/internal/token"
)

// S-34, DT-50: any number of unknown key ids costs one request, and valid assertions go on.
func TestUnknownKeysAreAskedForSeldom(t *testing.T) {
	w := newWorld(t, nil)
	valid := w.assert("RS256", "a", rsaKey("a"), nil)
	if err := w.check(valid, good); err != nil {
		t.Fatal(err)
	}
	first := w.count()
	var unknown []string
	for n := range 50 {
		unknown = append(unknown, w.assert("RS256", fmt.Sprint("unknown ", n), rsaKey("a"), nil))
	}
	var all sync.WaitGroup
	for n := range 1000 {
		all.Go(func() {
			if err := w.check(unknown[n%len(unknown)], good); !errors.Is(err, token.ErrUnknownKey) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if asked := w.count() - first; asked != 2 { // metadata and keys
		t.Errorf("%d requests", asked)
	}
	if err := w.check(valid, good); err != nil {
		t.Errorf("a valid assertion: %v", err)
	}
	// The issuer rotates: seen at the next unknown kid, five minutes later at most.
	w.publish(issuer, map[string]crypto.PublicKey{"b": rsaKey("other").Public()})
	w.now = w.now.Add(5 * time.Minute)
	if err := w.check(w.assert("RS256", "b", rsaKey("other"), nil), good); err != nil {
		t.Errorf("after rotation: %v", err)
	}
	if err := w.check(w.assert("RS256", "a", rsaKey("a"), nil), good); !errors.Is(err, token.ErrUnknownKey) {
		t.Errorf("the old key after rotation: %v", err)
	}
}

// S-34, DT-49, DT-51: whatever the issuer answers, the last good keys are used for a day.
func TestTheLastGoodKeysAreKept(t *testing.T) {
	base := strings.TrimSuffix(issuer, "/")
	for name, spoil := range map[string]func(w *world){
		"it is down":             func(w *world) { w.down = true },
		"it answers with a page": func(w *world) { w.answers[base+"/keys"] = "<html>" },
		"its set is empty":       func(w *world) { w.answers[base+"/keys"] = `{"keys":[]}` },
		"its set is too large":   func(w *world) { w.answers[base+"/keys"] = strings.Repeat(" ", 2<<20) },
		"it names another issuer": func(w *world) {
			w.publish("https://other.example", nil)
			w.answers[base+"/.well-known/openid-configuration"] = w.answers["https://other.example/.well-known/openid-configuration"]
		},
		"its issuer ends in a slash": func(w *world) {
			w.answers[base+"/.well-known/openid-configuration"] = `{"issuer":"https://issuer.example/","jwks_uri":"https://issuer.example/keys"}`
		},
		"its metadata has no jwks_uri": func(w *world) {
			w.answers[base+"/.well-known/openid-configuration"] = `{"issuer":"https://issuer.example"}`
		},
	} {
		w := newWorld(t, nil)
		if err := w.check(w.assert("RS256", "a", rsaKey("a"), nil), good); err != nil {
			t.Fatal(err)
		}
		spoil(w)
		if err := w.check(w.assert("RS256", "b", rsaKey("a"), nil), good); !errors.Is(err, token.ErrUnknownKey) {
			t.Errorf("%s: an unknown key: %v", name, err)
		}
		w.now = w.now.Add(23 * time.Hour)
		if err := w.check(w.assert("RS256", "a", rsaKey("a"), nil), good); err != nil {
			t.Errorf("%s: a known key: %v", name, err)
		}
		w.now = w.now.Add(time.Hour)
		err := w.check(w.assert("RS256", "a", rsaKey("a"), nil), good)
		if !errors.Is(err, federation.ErrUnreachable) && !errors.Is(err, federation.ErrMetadata) {
			t.Errorf("%s: a day later: %v", name, err)
		}
	}
}

// DT 2.5: an issuer that fails is not asked again at once, and recovers.
func TestAFailingIssuerIsNotAskedAllTheTime(t *testing.T) {
	for name, c := range map[string]struct {
		issuer string
		wait   time.Duration
	}{
		"an issuer somewhere":       {issuer, 30 * time.Second},
		"an issuer on this machine": {"http://localhost:9000", 2 * time.Second},
	} {
		w := newWorld(t, nil)
		w.publish(c.issuer, map[string]crypto.PublicKey{"a": rsaKey("a").Public()})
		w.down = true
		credential := with(func(x *federation.Credential) { x.Issuer = c.issuer })
		text := w.assert("RS256", "a", rsaKey("a"), map[string]any{"iss": c.issuer})
		for range 10 {
			if err := w.check(text, credential); !errors.Is(err, federation.ErrUnreachable) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if w.count() != 1 {
			t.Errorf("%s: asked %d times", name, w.count())
		}
		if good, failed := w.Fetches(); good != 0 || failed != 1 {
			t.Errorf("%s: counted %d and %d", name, good, failed)
		}
		w.down = false
		w.now = w.now.Add(c.wait)
		if err := w.check(text, credential); err != nil {
			t.Errorf("%s: after it came back: %v", name, err)
		}
	}
}

// S-34: whoever comes while the issuer is asked waits for the answer: a rotation refuses nobody.
func TestWaitersShareAFetch(t *testing.T) {
	w := newWorld(t, nil)
	if err := w.check(w.assert("RS256", "a", rsaKey("a"), nil), good); err != nil {
		t.Fatal(err)
	}
	w.publish(issuer, map[string]crypto.PublicKey{"b": rsaKey("other").Public()})
	first := w.count()
	text := w.assert("RS256", "b", rsaKey("other"), nil)
	w.slow = make(chan struct{})
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if err := w.check(text, good); err != nil {
				t.Error(err)
			}
		})
	}
	close(w.slow)
	all.Wait()
	if asked := w.count() - first; asked != 2 {
		t.Errorf("%d requests", asked)
	}
}
