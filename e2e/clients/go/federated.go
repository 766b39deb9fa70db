package main

import (
	"context"
	"os"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// workload makes a WorkloadIdentityCredential over a token file, as a pod does.
func workload(tenant, client, file string) (azcore.TokenCredential, error) {
	return azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
		ClientOptions: retry, TenantID: tenant, ClientID: client, TokenFilePath: file,
	})
}

// assertion makes a ClientAssertionCredential over a file, as a pipeline does.
func assertion(tenant, client, file string) (azcore.TokenCredential, error) {
	read := func(context.Context) (string, error) {
		text, err := os.ReadFile(file)
		return strings.TrimSpace(string(text)), err
	}
	return azidentity.NewClientAssertionCredential(tenant, client, read, &azidentity.ClientAssertionCredentialOptions{ClientOptions: retry})
}

// identityAssertion makes a ClientAssertionCredential whose assertions are the tokens of a
// managed identity.
func identityAssertion(tenant, client, identity string) (azcore.TokenCredential, error) {
	mic, err := credential("mic", [2]string{"clientid", identity})
	if err != nil {
		return nil, err
	}
	ask := func(ctx context.Context) (string, error) {
		t, err := mic.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{"api://AzureADTokenExchange/.default"}})
		return t.Token, err
	}
	return azidentity.NewClientAssertionCredential(tenant, client, ask, &azidentity.ClientAssertionCredentialOptions{ClientOptions: retry})
}
