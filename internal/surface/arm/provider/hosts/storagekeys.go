package hosts

import (
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"strings"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/managedidentity"
	"github.com/sealring/sealring/internal/resource"
	"github.com/sealring/sealring/internal/surface/arm"
	"github.com/sealring/sealring/internal/surface/arm/provider/tracked"
)

// storedKeys are the keys of a storage account as they are kept: sealed.
type storedKeys struct {
	Key1 string `json:"key1"`
	Key2 string `json:"key2"`
}

// wireKeys is the answer of listKeys and regenerateKey.
type wireKeys struct {
	Keys []wireKey `json:"keys"`
}

// wireKey is one key.
type wireKey struct {
	Name         string `json:"keyName"`
	Value        string `json:"value"`
	Permissions  string `json:"permissions"`
	CreationTime string `json:"creationTime"`
}

// newKey makes a key of 64 bytes out of 488 random bits.
func (d Deps) newKey() string {
	sum := sha512.Sum512([]byte(d.IDs.Text() + d.IDs.Text() + d.IDs.Text() + d.IDs.Text()))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// accountKeys answers with the keys of an account, after it has made those that are missing
// and the one called renew anew. That somebody read them is on record first (S-51).
func (d Deps) accountKeys(ctx context.Context, r *arm.Request, renew string) (arm.Response, error) {
	var keys storedKeys
	res, _, err := d.Identities.PutHost(ctx, managedidentity.HostWrite{ID: r.Target.Child("keys", "default"), Edit: func(res *resource.Resource, _ bool) error {
		res.Hidden = true
		o := tracked.Decode(res.Sealed)
		for name, to := range map[string]*string{"key1": &keys.Key1, "key2": &keys.Key2} {
			var err error
			if *to, err = o.Text(name); err != nil {
				return err
			}
			if *to == "" || strings.EqualFold(renew, name) {
				*to = d.newKey()
			}
		}
		res.Sealed = tracked.Encode(keys)
		return nil
	}})
	if err != nil {
		return arm.Response{}, err
	}
	err = d.Audit.Write(ctx, audit.Event{Kind: audit.Activity, Outcome: audit.Succeeded, Operation: r.Action, Target: r.Target.String(), Subscription: r.Subscription()})
	if err != nil {
		return arm.Response{}, err
	}
	since := arm.Time(res.Created.At)
	return arm.OK(wireKeys{[]wireKey{{"key1", keys.Key1, "FULL", since}, {"key2", keys.Key2, "FULL", since}}})
}

// listKeys answers with the keys of an account.
func (d Deps) listKeys(ctx context.Context, r *arm.Request) (arm.Response, error) {
	return d.accountKeys(ctx, r, "")
}

// regenerateKey makes one key anew.
func (d Deps) regenerateKey(ctx context.Context, r *arm.Request) (arm.Response, error) {
	body, err := r.Body()
	if err != nil {
		return arm.Response{}, err
	}
	name, err := body.Text("keyName")
	if err != nil {
		return arm.Response{}, err
	}
	if !strings.EqualFold(name, "key1") && !strings.EqualFold(name, "key2") {
		return arm.Response{}, arm.ErrContent.With("The member 'keyName' must be 'key1' or 'key2'.")
	}
	return d.accountKeys(ctx, r, name)
}

// makeServices gives a new account the services that every account has.
func (d Deps) makeServices(ctx context.Context, _ *arm.Request, res resource.Resource, _ arm.Object) (resource.Resource, error) {
	for _, service := range []string{"blobServices", "fileServices", "queueServices", "tableServices"} {
		at := res.ID.Child(service, "default")
		_, err := d.Resources.Get(ctx, at)
		if err == nil {
			continue
		}
		if !errors.Is(err, resource.ErrNotFound) {
			return res, err
		}
		_, _, err = d.Identities.PutHost(ctx, managedidentity.HostWrite{ID: at, Edit: func(res *resource.Resource, _ bool) error {
			res.Hidden = true
			return nil
		}})
		if err != nil {
			return res, err
		}
	}
	return res, nil
}

// checkAccountName says whether an account may have a name.
func (d Deps) checkAccountName(ctx context.Context, r *arm.Request) (arm.Response, error) {
	body, err := r.Body()
	if err != nil {
		return arm.Response{}, err
	}
	name, err := body.Text("name")
	if err != nil {
		return arm.Response{}, err
	}
	if !accountName.MatchString(name) {
		return arm.OK(tracked.NameAnswer{Reason: "AccountNameInvalid", Message: name + " is not a valid storage account name. Storage account name must be between 3 and 24 characters in length and use numbers and lower-case letters only."})
	}
	taken, err := d.Resources.NameTaken(ctx, storageAccounts, name)
	if err != nil {
		return arm.Response{}, err
	}
	if taken {
		return arm.OK(tracked.NameAnswer{Reason: "AlreadyExists", Message: "The storage account named " + name + " is already taken."})
	}
	return arm.OK(tracked.NameAnswer{NameAvailable: true})
}

// cors are rules that nobody set.
type cors struct {
	CORSRules []struct{} `json:"corsRules"`
}

// retention says whether deleted things can be brought back.
type retention struct {
	Enabled bool `json:"enabled"`
}

// showService fills in what azurerm dereferences in a service of an account.
func showService(_ *arm.Request, _ resource.Resource, _ *tracked.Resource, props arm.Object) {
	tracked.Fill(props, "cors", cors{[]struct{}{}})
	tracked.Fill(props, "deleteRetentionPolicy", retention{})
}
