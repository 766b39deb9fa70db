// Command client makes the calls that an ordinary Go program makes with Azure Identity,
// MSAL and the Key Vault client, and prints one JSON line about how it ended.
// e2e/clients/README.md describes the commands, which four languages share.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"
	mi "github.com/AzureAD/microsoft-authentication-library-for-go/apps/managedidentity"
	"github.com/coreos/go-oidc/v3/oidc"
)

const usage = `usage:
  client secret VAULT-URL NAME [clientid=ID]
  client token mic|dac|msal SCOPE [client_id=ID|object_id=ID|resource_id=ID]
  client secretcred TENANT CLIENT-ID SECRET-FILE SCOPE
  client certcred TENANT CLIENT-ID PEM-FILE SCOPE
  client workload TENANT CLIENT-ID TOKEN-FILE SCOPE
  client assertion TENANT CLIENT-ID TOKEN-FILE SCOPE
  client identityassertion TENANT CLIENT-ID IDENTITY-CLIENT-ID SCOPE
  client verify ISSUER-URL AUDIENCE TOKEN-FILE
  client secretlife VAULT-URL NAME-PREFIX
  client secretdelete VAULT-URL NAME
  client secretlist VAULT-URL
  client person browser|device
  client armlife RESOURCE-MANAGER-URL SUBSCRIPTION TENANT NUMBER
  client armdeploy RESOURCE-MANAGER-URL SUBSCRIPTION NUMBER TEMPLATE-FILE`

// answer is the line. Which members are set depends on the command and on how it ended.
type answer struct {
	OK        bool   `json:"ok"`
	Value     string `json:"value,omitempty"`
	Token     string `json:"token,omitempty"`
	ExpiresOn int64  `json:"expires_on,omitempty"` // seconds since 1970
	Claims    any    `json:"claims,omitempty"`
	Steps     any    `json:"steps,omitempty"`
	Type      string `json:"type,omitempty"`
	Status    int    `json:"status,omitempty"`
	Code      string `json:"code,omitempty"`
	Message   string `json:"message,omitempty"`
}

// retry keeps refusals quick: one repetition, after at most a second.
var retry = azcore.ClientOptions{Retry: policy.RetryOptions{MaxRetries: 1, RetryDelay: 200 * time.Millisecond, MaxRetryDelay: time.Second}}

func main() {
	args := os.Args[1:]
	if len(args) == 2 && args[0] == "person" {
		person(args[1])
		return
	}
	need := map[string]int{"secret": 3, "token": 3, "secretcred": 5, "certcred": 5, "verify": 4, "workload": 5, "assertion": 5, "identityassertion": 5, "secretlife": 3, "secretdelete": 3, "secretlist": 2, "armlife": 5, "armpages": 5, "armdeploy": 5}
	if len(args) == 0 || need[args[0]] == 0 || len(args) < need[args[0]] {
		fmt.Fprintln(os.Stderr, usage)
		os.Exit(2)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	a, err := run(ctx, args)
	if err != nil {
		a = refusal(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(a); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run carries out one command.
func run(ctx context.Context, args []string) (answer, error) {
	switch args[0] {
	case "secret":
		return secret(ctx, args[1], args[2], selector(args[3:]))
	case "secretlife":
		return secretLife(ctx, args[1], args[2])
	case "secretdelete":
		return secretDelete(ctx, args[1], args[2])
	case "secretlist":
		return secretList(ctx, args[1])
	case "armdeploy":
		return armDeploy(ctx, args[1], args[2], args[3], args[4])
	case "armlife":
		return armLife(ctx, args[1], args[2], args[3], args[4])
	case "armpages":
		return armPages(ctx, args[1], args[2], args[3], args[4])
	case "token":
		if args[1] == "msal" {
			return msalToken(ctx, args[2], selector(args[3:]))
		}
		cred, err := credential(args[1], selector(args[3:]))
		return token(ctx, cred, err, args[2])
	case "secretcred":
		text, err := os.ReadFile(args[3])
		if err != nil {
			return answer{}, err
		}
		cred, err := azidentity.NewClientSecretCredential(args[1], args[2], strings.TrimSpace(string(text)), nil)
		return token(ctx, cred, err, args[4])
	case "workload", "assertion", "identityassertion":
		make := map[string]func(tenant, client, by string) (azcore.TokenCredential, error){
			"workload": workload, "assertion": assertion, "identityassertion": identityAssertion,
		}[args[0]]
		cred, err := make(args[1], args[2], args[3])
		return token(ctx, cred, err, args[4])
	case "certcred":
		pem, err := os.ReadFile(args[3])
		if err != nil {
			return answer{}, err
		}
		certs, key, err := azidentity.ParseCertificates(pem, nil)
		if err != nil {
			return answer{}, err
		}
		cred, err := azidentity.NewClientCertificateCredential(args[1], args[2], certs, key, nil)
		return token(ctx, cred, err, args[4])
	}
	return verify(ctx, args[1], args[2], args[3])
}

// selector reads the optional last argument, for example "client_id=…".
func selector(rest []string) (kindAndValue [2]string) {
	if len(rest) > 0 {
		kind, value, _ := strings.Cut(rest[0], "=")
		kindAndValue = [2]string{strings.ReplaceAll(kind, "_", ""), value}
	}
	return kindAndValue
}

// credential makes a ManagedIdentityCredential or a DefaultAzureCredential. The latter
// takes its client id from the environment, as its documentation says.
func credential(how string, by [2]string) (azcore.TokenCredential, error) {
	if how == "dac" {
		if by[0] == "clientid" {
			if err := os.Setenv("AZURE_CLIENT_ID", by[1]); err != nil {
				return nil, err
			}
		}
		return azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{ClientOptions: retry})
	}
	options := &azidentity.ManagedIdentityCredentialOptions{ClientOptions: retry}
	switch by[0] {
	case "clientid":
		options.ID = azidentity.ClientID(by[1])
	case "objectid":
		options.ID = azidentity.ObjectID(by[1])
	case "resourceid":
		options.ID = azidentity.ResourceID(by[1])
	}
	return azidentity.NewManagedIdentityCredential(options)
}

// token asks a credential for a token.
func token(ctx context.Context, cred azcore.TokenCredential, err error, scope string) (answer, error) {
	if err != nil {
		return answer{}, err
	}
	t, err := cred.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{scope}})
	if err != nil {
		return answer{}, err
	}
	return answer{OK: true, Token: t.Token, ExpiresOn: t.ExpiresOn.Unix()}, nil
}

// msalToken asks MSAL's own managed-identity client.
func msalToken(ctx context.Context, scope string, by [2]string) (answer, error) {
	var who mi.ID = mi.SystemAssigned()
	switch by[0] {
	case "clientid":
		who = mi.UserAssignedClientID(by[1])
	case "objectid":
		who = mi.UserAssignedObjectID(by[1])
	case "resourceid":
		who = mi.UserAssignedResourceID(by[1])
	}
	client, err := mi.New(who)
	if err != nil {
		return answer{}, err
	}
	t, err := client.AcquireToken(ctx, strings.TrimSuffix(scope, "/.default"))
	if err != nil {
		return answer{}, err
	}
	return answer{OK: true, Token: t.AccessToken, ExpiresOn: t.ExpiresOn.Unix()}, nil
}

// secretClient makes a client that signs in with DefaultAzureCredential.
func secretClient(vault string, by [2]string) (*azsecrets.Client, error) {
	cred, err := credential("dac", by)
	if err != nil {
		return nil, err
	}
	return azsecrets.NewClient(vault, cred, &azsecrets.ClientOptions{ClientOptions: retry})
}

// secret reads a secret with DefaultAzureCredential.
func secret(ctx context.Context, vault, name string, by [2]string) (answer, error) {
	client, err := secretClient(vault, by)
	if err != nil {
		return answer{}, err
	}
	got, err := client.GetSecret(ctx, name, "", nil)
	if err != nil {
		return answer{}, err
	}
	return answer{OK: true, Value: *got.Value}, nil
}

// verify checks a token with what the issuer publishes, and nothing else.
func verify(ctx context.Context, issuer, audience, file string) (answer, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return answer{}, err
	}
	provider, err := oidc.NewProvider(ctx, issuer)
	if err != nil {
		return answer{}, err
	}
	checked, err := provider.VerifierContext(ctx, &oidc.Config{ClientID: audience}).Verify(ctx, strings.TrimSpace(string(text)))
	if err != nil {
		return answer{}, err
	}
	a := answer{OK: true}
	err = checked.Claims(&a.Claims)
	return a, err
}

// refusal tells how a call failed: the innermost type, the HTTP status and the code where
// the SDK gives them.
func refusal(err error) answer {
	a := answer{Type: fmt.Sprintf("%T", err), Message: err.Error()}
	var response *azcore.ResponseError
	var failed *azidentity.AuthenticationFailedError
	switch {
	case errors.As(err, &response):
		a.Type, a.Status, a.Code = "azcore.ResponseError", response.StatusCode, response.ErrorCode
	case errors.As(err, &failed):
		a.Type = "azidentity.AuthenticationFailedError"
		if failed.RawResponse != nil {
			a.Status, a.Code = failed.RawResponse.StatusCode, http.StatusText(failed.RawResponse.StatusCode)
		}
	}
	return a
}
