package federation

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/federation/jwks"
	"github.com/sealring/sealring/internal/outbound"
	"github.com/sealring/sealring/internal/token"
)

// How long keys are used and how often an issuer is asked (DT 2.5, S-34). An issuer on this
// machine is a developer's, which is restarted all the time: it is asked sooner.
const (
	keepKeys     = 24 * time.Hour // last known good
	refreshAfter = time.Hour      // in the background
	unknownAgain = 5 * time.Minute
	failedAgain  = 30 * time.Second
	localAgain   = 2 * time.Second
	refreshTick  = 10 * time.Minute
	maxSources   = 1024
)

// maxMetadata is the largest discovery document, in bytes.
const maxMetadata = 256 << 10

// keys holds the published keys of outside issuers, by the whole text of the issuer: keys of
// one are never looked at for another.
type keys struct {
	client fetcher
	now    func() time.Time
	log    *slog.Logger
	asking singleflight.Group

	fetched, failures atomic.Int64

	mu      sync.Mutex // guards sources and what they hold
	sources map[string]*source
}

// source is what is known of one issuer.
type source struct {
	set     jwks.Set
	good    time.Time // of the last fetch that succeeded
	used    time.Time
	unknown time.Time // when it was last asked for a key that it had not published
	failed  time.Time // of the last fetch that did not succeed
	why     error
	round   int  // counts the fetches that have ended
	asked   bool // one is under way
}

// newKeys returns an empty store of keys.
func newKeys(client fetcher, now func() time.Time, log *slog.Logger) *keys {
	return &keys{client: client, now: now, log: log, sources: map[string]*source{}}
}

// find returns a key of an issuer. Keys that are known are used for a day after they were
// last fetched; a key that is not makes us ask again, within limits that all callers share.
// Errors: token.ErrUnknownKey, ErrUnreachable, ErrMetadata.
func (k *keys) find(ctx context.Context, issuer, kid string) (jwks.Key, error) {
	key, round, ask, err := k.known(issuer, kid)
	if !ask {
		return key, err
	}
	failed := k.fetch(ctx, issuer, round)
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.sources[issuer]
	if s == nil || !k.usable(s) {
		if failed == nil {
			failed = ErrUnreachable
		}
		return jwks.Key{}, failed
	}
	if key, ok := s.set[kid]; ok {
		return key, nil
	}
	return jwks.Key{}, token.ErrUnknownKey
}

// known looks in memory; ask says that the issuer is to be asked, or that somebody does and
// the answer is worth waiting for.
func (k *keys) known(issuer, kid string) (key jwks.Key, round int, ask bool, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	s := k.source(issuer)
	s.used = now
	unknown, failed := unknownAgain, failedAgain
	if local(issuer) {
		unknown, failed = localAgain, localAgain
	}
	if !k.usable(s) {
		if !s.asked && recent(s.failed, now, failed) {
			return key, 0, false, s.why
		}
		s.asked = true
		return key, s.round, true, nil
	}
	if key, ok := s.set[kid]; ok {
		return key, 0, false, nil
	}
	if !s.asked && recent(s.unknown, now, unknown) {
		return key, 0, false, token.ErrUnknownKey
	}
	if !s.asked {
		s.unknown, s.asked = now, true
	}
	return key, s.round, true, nil
}

// recent reports whether at lies less than d before now. A clock that was set back makes
// nothing recent.
func recent(at, now time.Time, d time.Duration) bool {
	return !at.IsZero() && !now.Before(at) && now.Sub(at) < d
}

// usable reports whether the keys of s may still be used. k.mu is held.
func (k *keys) usable(s *source) bool {
	return s.set != nil && k.now().Sub(s.good) < keepKeys
}

// source returns what is known of an issuer; a full store loses an arbitrary one. k.mu is held.
func (k *keys) source(issuer string) *source {
	if s, ok := k.sources[issuer]; ok {
		return s
	}
	for other := range k.sources {
		if len(k.sources) < maxSources {
			break
		}
		delete(k.sources, other)
	}
	s := &source{}
	k.sources[issuer] = s
	return s
}

// local reports whether the issuer is on this machine.
func local(issuer string) bool {
	u, err := url.Parse(issuer)
	return err == nil && outbound.Loopback(u.Hostname())
}

// fetch asks the issuer, once for all who wait; it does not end with the first caller. Who
// saw an earlier round than the one that has ended meanwhile has its answer already.
func (k *keys) fetch(ctx context.Context, issuer string, round int) error {
	_, err, _ := k.asking.Do(issuer, func() (any, error) {
		k.mu.Lock()
		s := k.source(issuer)
		over, why := s.round != round, s.why
		k.mu.Unlock()
		if over {
			return nil, why
		}
		set, err := k.ask(context.WithoutCancel(ctx), issuer)
		k.mu.Lock()
		defer k.mu.Unlock()
		s.round, s.asked = s.round+1, false
		if err != nil {
			k.failures.Add(1)
			s.failed, s.why = k.now(), err
			k.log.WarnContext(ctx, "the keys of an issuer could not be fetched", "issuer", issuer, "err", err)
			return nil, err
		}
		k.fetched.Add(1)
		s.set, s.good, s.failed, s.why = set, k.now(), time.Time{}, nil
		return nil, nil
	})
	return err
}

// ask fetches metadata and keys (OpenID Connect Discovery 1.0 §4). The metadata must name the
// issuer byte for byte. Errors: ErrUnreachable, ErrMetadata.
func (k *keys) ask(ctx context.Context, issuer string) (jwks.Set, error) {
	text, err := k.client.Get(ctx, strings.TrimSuffix(issuer, "/")+"/.well-known/openid-configuration", maxMetadata)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable.With("its metadata: %s", fault.Message(err)), err)
	}
	var metadata struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	if json.Unmarshal(text, &metadata) != nil || metadata.Keys == "" {
		return nil, ErrMetadata.With("its metadata is not a JSON object with the member jwks_uri")
	}
	if metadata.Issuer != issuer {
		return nil, ErrMetadata.With("its metadata names another issuer")
	}
	text, err = k.client.Get(ctx, metadata.Keys, jwks.MaxBytes)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable.With("its keys: %s", fault.Message(err)), err)
	}
	set, err := jwks.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMetadata.With("%s", fault.Message(err)), err)
	}
	return set, nil
}

// run fetches the keys of issuers that are in use again every hour, until ctx ends.
func (k *keys) run(ctx context.Context) error {
	for tick := time.Tick(refreshTick); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-tick:
			for issuer, round := range k.due() {
				_ = k.fetch(ctx, issuer, round) // it is logged, and the old keys stay
			}
		}
	}
}

// due lists the issuers to ask again, with their rounds, and forgets those that nobody has
// used for a day.
func (k *keys) due() map[string]int {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	out := map[string]int{}
	for issuer, s := range k.sources {
		switch {
		case now.Sub(s.used) > keepKeys:
			delete(k.sources, issuer)
		case now.Sub(s.good) >= refreshAfter:
			s.asked = true
			out[issuer] = s.round
		}
	}
	return out
}
