//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/google/uuid"

	"github.com/sealring/sealring/internal/store"
)

// a server killed between the record of something and its answer has answered nothing;
// what was committed is on record once, what was not is neither done nor on record.
func TestKillBetweenRecordAndAnswer(t *testing.T) {
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			v := newVictim(t, buildWithFailpoints(t), engine)
			v.up("")
			m := newModel(v)
			m.prepare()
			m.expect(v.vaultCall("PUT", crashVault, "/secrets/kept", "", `{"value":"x"}`))
			for what, do := range map[string]func(id string) reply{
				"a token":       func(id string) reply { return v.mint("https://management.azure.com/.default", id) },
				"a secret read": func(id string) reply { return v.vaultCall("GET", crashVault, "/secrets/kept", id, "") },
				"a secret":      func(id string) reply { return v.vaultCall("PUT", crashVault, "/secrets/kept", id, `{"value":"y"}`) },
				"an identity": func(id string) reply {
					return v.arm("PUT", m.identityPath("late"), "2023-01-31", id, `{"location":"local"}`)
				},
			} {
				for point, durable := range map[string]bool{store.AfterAudit: false, store.BeforeCommit: false, store.AfterCommit: true} {
					killed := func() (onRecord bool) {
						id := uuid.NewString()
						v.control(point + "=kill")
						if a := do(id); a.status != 0 {
							t.Errorf("%s, killed at %s: answered %d %s", what, point, a.status, tail(a.body, 200))
						}
						v.kill()
						v.up("")
						m.inspect(func(ctx context.Context, tx *store.Tx) error {
							onRecord = recorded(ctx, tx, v, id)
							return nil
						})
						return onRecord
					}
					got := killed()
					for range 2 {
						got = got || durable && killed() // a write of the server's own may have met the point first
					}
					if got != durable {
						t.Errorf("%s, killed at %s: on record: %v", what, point, got)
					}
					twin := uuid.NewString()
					m.expect(do(twin))
					m.inspect(func(ctx context.Context, tx *store.Tx) error {
						if !recorded(ctx, tx, v, twin) {
							t.Errorf("%s, afterwards: not on record", what)
						}
						return nil
					})
				}
			}
			m.invariants("after the kills")
		})
	}
}

// an answer that is lost after the commit, and the same request again: one object, what
// the first attempt made, and each attempt on record. Setting a secret again makes a version.
func TestARetryAfterALostAnswer(t *testing.T) {
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			v := newVictim(t, buildWithFailpoints(t), engine)
			v.up("")
			m := newModel(v)
			m.prepare()
			principal := m.known["fixed/"+fixedName(0, 0)].principal
			assignment := m.assignmentPath("c7a54000-0000-4000-8000-777777777777")
			grant := `{"properties":{"roleDefinitionId":"/subscriptions/` + v.SubscriptionID + `/providers/Microsoft.Authorization/roleDefinitions/` + roles[0] +
				`","principalId":"` + principal + `","principalType":"ServicePrincipal"}}`
			for _, op := range []struct {
				what  string
				do    func(id string) reply
				count string
				want  int64
			}{
				{"an identity", func(id string) reply {
					return v.arm("PUT", m.identityPath("again"), "2023-01-31", id, `{"location":"local"}`)
				},
					"SELECT COUNT(*) FROM directory_service_principals WHERE display_name = 'again'", 1},
				{"a machine with its identity", func(id string) reply {
					return v.arm("PUT", m.machinePath("again"), "2024-07-01", id, `{"location":"local","identity":{"type":"SystemAssigned"},"properties":{}}`)
				}, "SELECT COUNT(*) FROM directory_service_principals WHERE display_name = 'again'", 2},
				{"an assignment", func(id string) reply { return v.arm("PUT", assignment, "2022-04-01", id, grant) },
					"SELECT COUNT(*) FROM role_assignment WHERE principal_id = '" + principal + "'", 1},
				{"no assignment", func(id string) reply { return v.arm("DELETE", assignment, "2022-04-01", id, "") },
					"SELECT COUNT(*) FROM role_assignment WHERE principal_id = '" + principal + "'", 0},
				{"no identity", func(id string) reply { return v.arm("DELETE", m.identityPath("again"), "2023-01-31", id, "") },
					"SELECT COUNT(*) FROM managedidentity_identities i JOIN directory_service_principals p ON p.id = i.principal_id WHERE p.display_name = 'again'", 0},
			} {
				lost, retry := uuid.NewString(), uuid.NewString()
				v.control(store.AfterCommit + "=kill")
				if a := op.do(lost); a.status != 0 {
					t.Errorf("%s: answered %d", op.what, a.status)
				}
				v.kill()
				v.up("")
				made := m.principals()
				if a := op.do(retry); a.status/100 != 2 {
					t.Errorf("%s, again: %d %s", op.what, a.status, tail(a.body, 300))
				}
				if now := m.principals(); now != made {
					t.Errorf("%s, again: principals were %s and are %s", op.what, made, now)
				}
				m.inspect(func(ctx context.Context, tx *store.Tx) error {
					var n, first int64
					_, err := tx.Get(ctx, op.count, nil, &n)
					if err == nil {
						_, err = tx.Get(ctx, "SELECT COUNT(*) FROM audit WHERE correlation_id = $1", []any{lost}, &first)
					}
					if n != op.want || first == 0 {
						t.Errorf("%s: there are %d, want %d; the lost attempt has %d records", op.what, n, op.want, first)
					}
					return err
				})
			}
			m.invariants("after the retries")
		})
	}
}

// principals lists the living principals.
func (m *model) principals() string {
	var out []string
	m.inspect(func(ctx context.Context, tx *store.Tx) error {
		return tx.Query(ctx, func(r store.Row) error {
			var id string
			err := r.Scan(&id)
			out = append(out, id)
			return err
		}, "SELECT id FROM directory_service_principals WHERE deleted_at = 0 AND kind = 'ManagedIdentity' ORDER BY id")
	})
	return strings.Join(out, " ")
}

// onFixedPorts keeps the ports over restarts and answers for one machine.
func (v *victim) onFixedPorts() {
	v.flags = []string{"--tls-port", fmt.Sprint(freePort(v.t)), "--http-port", fmt.Sprint(freePort(v.t)), "--imds-host",
		"/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/default/providers/Microsoft.Compute/virtualMachines/host"}
	v.env = append(v.env, fmt.Sprintf("SEALRING_LISTEN_IMDS_PORT=%d", freePort(v.t)), fmt.Sprintf("SEALRING_LISTEN_PROXY_PORT=%d", freePort(v.t)))
}

// settleHost makes the machine and starts again, now that the subscription is known.
func (v *victim) settleHost() {
	v.t.Helper()
	v.signIn()
	host := v.group() + "/providers/Microsoft.Compute/virtualMachines/host"
	if a := v.arm("PUT", host, "2024-07-01", "", `{"location":"local","identity":{"type":"SystemAssigned"},"properties":{}}`); a.status/100 != 2 {
		v.t.Fatalf("machine: %d %s", a.status, a.body)
	}
	v.flags[len(v.flags)-1] = host
	v.stopPolitely()
	v.up("")
}

// S-15: while the server is killed and started again, whoever asks for a token gets one, a
// refusal in the endpoint's own form, or no connection; never an answer of something else.
func TestNoOpenWindow(t *testing.T) {
	v := newVictim(t, buildWithFailpoints(t), "sqlite")
	v.onFixedPorts()
	v.up("")
	v.settleHost()
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	imds := v.IMDS
	var mu sync.Mutex
	seen := map[string]int{}
	stop := make(chan struct{})
	var asking sync.WaitGroup
	for i := range 3 {
		asking.Go(func() {
			for tick := time.NewTicker(10 * time.Millisecond); ; <-tick.C {
				select {
				case <-stop:
					tick.Stop()
					return
				default:
				}
				req, _ := http.NewRequest("GET", imds+"/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://vault.azure.net", nil)
				if i > 0 {
					req.Header.Set("Metadata", "true")
				}
				if i > 1 {
					req.Header.Set("X-Forwarded-For", "127.0.0.1")
				}
				kind := "no connection"
				if resp, err := client.Do(req); err == nil {
					text := make([]byte, 4096)
					n, _ := resp.Body.Read(text)
					_ = resp.Body.Close()
					kind = fmt.Sprintf("caller %d: %d", i, resp.StatusCode)
					whole := string(text[:n])
					if (resp.StatusCode == 200) != strings.HasPrefix(whole, `{"access_token":"ey`) || resp.StatusCode == 200 && i != 1 || resp.StatusCode != 200 && !strings.Contains(whole, `"error"`) {
						kind = fmt.Sprintf("caller %d: %d %s", i, resp.StatusCode, tail(whole, 200))
						t.Errorf("%s", kind)
					}
				}
				mu.Lock()
				seen[kind]++
				mu.Unlock()
			}
		})
	}
	for range 8 {
		time.Sleep(300 * time.Millisecond) // asked a few dozen times in between
		v.kill()
		v.up("")
	}
	close(stop)
	asking.Wait()
	t.Logf("WINDOW %v", seen)
	if seen["caller 0: 400"] == 0 || seen["caller 1: 200"] == 0 || seen["caller 2: 400"] == 0 || seen["no connection"] == 0 {
		t.Errorf("too little was seen: %v", seen)
	}
}

// a program with an unmodified SDK notices nothing of planned restarts, by the
// SDK's default retries alone. Each request passes the cache of the SDK.
func TestAnSDKLivesThroughRestarts(t *testing.T) {
	v := newVictim(t, buildWithFailpoints(t), "sqlite")
	v.onFixedPorts()
	v.up("")
	v.settleHost()
	m := newModel(v)
	m.prepare()
	t.Setenv("IDENTITY_ENDPOINT", v.Node+"/msi/token")
	t.Setenv("IDENTITY_HEADER", m.register()) // outlives restarts
	options := &azidentity.ManagedIdentityCredentialOptions{}
	options.Transport = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		if !strings.HasPrefix(addr, "127.0.0.1:") {
			return nil, fmt.Errorf("%s is not this test's server", addr)
		}
		return new(net.Dialer).DialContext(ctx, network, addr)
	}}}
	stop := make(chan struct{})
	var asking sync.WaitGroup
	var mu sync.Mutex
	tokens, slowest := 0, time.Duration(0)
	for range 4 {
		asking.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				began := time.Now()
				c, err := azidentity.NewManagedIdentityCredential(options)
				if err == nil {
					_, err = c.GetToken(t.Context(), policy.TokenRequestOptions{
						Scopes: []string{"https://vault.azure.net/.default"}, Claims: `{"access_token":{"nbf":{"essential":true}}}`, // past the SDK's own cache
					})
				}
				if err != nil {
					t.Errorf("a program sees the restart: %v", err)
					return
				}
				mu.Lock()
				tokens, slowest = tokens+1, max(slowest, time.Since(began))
				mu.Unlock()
			}
		})
	}
	for range 5 {
		time.Sleep(500 * time.Millisecond) // tokens are asked for in between
		v.stopPolitely()
		v.up("")
	}
	close(stop)
	asking.Wait()
	t.Logf("RESTARTS 5, %d tokens, the slowest took %s", tokens, slowest.Round(time.Millisecond))
	if tokens < 20 {
		t.Errorf("%d tokens", tokens)
	}
}
