package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// person signs a person in, "browser" or "device", at the authority of SEALRING_AUTHORITY. It
// prints where they have to go (OPEN by the program that opens browsers, MESSAGE), and what it
// got (RESULT, JSON).
func person(how string) {
	options := azcore.ClientOptions{Cloud: cloud.Configuration{ActiveDirectoryAuthorityHost: os.Getenv("SEALRING_AUTHORITY") + "/"}}
	var credential azcore.TokenCredential
	var err error
	if how == "browser" {
		credential, err = azidentity.NewInteractiveBrowserCredential(&azidentity.InteractiveBrowserCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: true})
	} else {
		credential, err = azidentity.NewDeviceCodeCredential(&azidentity.DeviceCodeCredentialOptions{
			ClientOptions: options, DisableInstanceDiscovery: true,
			UserPrompt: func(_ context.Context, m azidentity.DeviceCodeMessage) error {
				fmt.Println("MESSAGE", m.Message)
				return nil
			},
		})
	}
	result := map[string]any{}
	if err == nil {
		err = personResult(credential, result)
	}
	if err != nil {
		result["error"] = err.Error()
	}
	text, err := json.Marshal(result)
	if err != nil {
		panic(err)
	}
	fmt.Println("RESULT", string(text))
}

// personResult gets two tokens with one sign-in, and says what the first holds.
func personResult(credential azcore.TokenCredential, result map[string]any) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	token, err := credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{"https://management.core.windows.net//.default"}})
	if err != nil {
		return err
	}
	again, err := credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{"https://management.core.windows.net//.default"}})
	if err != nil {
		return err
	}
	other, err := credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{"https://graph.microsoft.com/.default"}})
	if err != nil {
		return err
	}
	for name, text := range map[string]string{"": token.Token, "other": other.Token} {
		raw, err := base64.RawURLEncoding.DecodeString(strings.Split(text, ".")[1])
		if err != nil {
			return err
		}
		var c struct{ Oid, Tid, Upn, Aud string }
		if err := json.Unmarshal(raw, &c); err != nil {
			return err
		}
		if name == "other" {
			result["others"] = []string{c.Aud}
			continue
		}
		result["oid"], result["tid"], result["username"], result["aud"] = c.Oid, c.Tid, c.Upn, c.Aud
	}
	result["hit"] = again.Token == token.Token
	return nil
}
