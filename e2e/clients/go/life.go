package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"
)

// first and second are the values that the life of a secret uses. No other value is
// printed in any form.
const first, second = "canary-first", "canary-second"

// life is one run through the API of secrets.
type life struct {
	client   *azsecrets.Client
	vault    string // its address
	prefix   string
	versions []string // as they were first seen
	steps    map[string]any
	err      error // the first one that was not expected
}

// fields is what a step returned, in a form that is the same in every language.
type fields = map[string]any

// secretLife takes secrets through everything that can happen to them.
func secretLife(ctx context.Context, vault, prefix string) (answer, error) {
	client, err := secretClient(vault, [2]string{})
	if err != nil {
		return answer{}, err
	}
	l := &life{client: client, vault: vault, prefix: prefix, steps: map[string]any{}}
	for _, part := range []func(context.Context){l.write, l.list, l.deletion, l.backup, l.refusals} {
		if part(ctx); l.err != nil {
			return answer{}, l.err
		}
	}
	return answer{OK: true, Steps: l.steps}, nil
}

// secretDelete deletes a secret to the end and tries to read it before and after.
func secretDelete(ctx context.Context, vault, name string) (answer, error) {
	client, err := secretClient(vault, [2]string{})
	if err != nil {
		return answer{}, err
	}
	l := &life{client: client, steps: map[string]any{}}
	_, err = client.GetSecret(ctx, name, "", nil)
	l.refused("before", err)
	_, err = client.DeleteSecret(ctx, name, nil)
	if l.ok(err) {
		l.wait(ctx, func() error { _, err := client.GetDeletedSecret(ctx, name, nil); return err })
	}
	_, err = client.GetSecret(ctx, name, "", nil)
	l.refused("after", err)
	return answer{OK: true, Steps: l.steps}, l.err
}

// secretList counts the secrets of a vault.
func secretList(ctx context.Context, vault string) (answer, error) {
	client, err := secretClient(vault, [2]string{})
	if err != nil {
		return answer{}, err
	}
	n := 0
	for pager := client.NewListSecretPropertiesPager(nil); pager.More(); {
		page, err := pager.NextPage(ctx)
		if err != nil {
			return answer{}, err
		}
		n += len(page.Value)
	}
	return answer{OK: true, Steps: fields{"count": n}}, nil
}

// write sets, reads and updates.
func (l *life) write(ctx context.Context) {
	name := l.prefix + "life"
	set, err := l.client.SetSecret(ctx, name, azsecrets.SetSecretParameters{
		Value: to.Ptr(first), ContentType: to.Ptr("text/plain"), Tags: map[string]*string{"a": to.Ptr("1"), "b": to.Ptr("2")},
		SecretAttributes: &azsecrets.SecretAttributes{Enabled: to.Ptr(true), NotBefore: to.Ptr(time.Unix(1700000000, 0)), Expires: to.Ptr(time.Unix(2000000000, 0))},
	}, nil)
	l.secret("set", set.Secret, err)
	got, err := l.client.GetSecret(ctx, name, "", nil)
	l.secret("latest", got.Secret, err)
	set, err = l.client.SetSecret(ctx, name, azsecrets.SetSecretParameters{Value: to.Ptr(second)}, nil)
	l.secret("set_again", set.Secret, err)
	if l.err != nil {
		return
	}
	got, err = l.client.GetSecret(ctx, name, l.versions[0], nil)
	l.secret("by_version", got.Secret, err)
	updated, err := l.client.UpdateSecretProperties(ctx, name, l.versions[1], azsecrets.UpdateSecretPropertiesParameters{
		ContentType: to.Ptr("application/json"), Tags: map[string]*string{"c": to.Ptr("3")},
		SecretAttributes: &azsecrets.SecretAttributes{Expires: to.Ptr(time.Unix(2000000001, 0))},
	}, nil)
	l.secret("update", updated.Secret, err)
	got, err = l.client.GetSecret(ctx, name, "", nil)
	l.secret("updated", got.Secret, err)
	if l.err == nil { // this SDK's parser has no member for the vault's address
		id := azsecrets.ID(l.vault + "/secrets/" + name + "/" + l.versions[1])
		l.steps["identifier"] = fields{"vault": id == *got.ID, "name": strings.TrimPrefix(got.ID.Name(), l.prefix), "version": l.version(got.ID.Version())}
	}
	got, err = l.client.GetSecret(ctx, strings.ToUpper(name), "", nil)
	l.secret("upper_case", got.Secret, err)
	_, err = l.client.SetSecret(ctx, l.prefix+"old", azsecrets.SetSecretParameters{
		Value: to.Ptr(first), SecretAttributes: &azsecrets.SecretAttributes{Expires: to.Ptr(time.Unix(1000000000, 0))},
	}, nil)
	l.ok(err)
	got, err = l.client.GetSecret(ctx, l.prefix+"old", "", nil)
	l.secret("expired", got.Secret, err)
}

// list sets more secrets than fit on a page and lists them, and the versions of one.
func (l *life) list(ctx context.Context) {
	for i := range 30 {
		_, err := l.client.SetSecret(ctx, fmt.Sprintf("%spage-%02d", l.prefix, i), azsecrets.SetSecretParameters{Value: to.Ptr(first)}, nil)
		if !l.ok(err) {
			return
		}
	}
	var names []string
	pages := 0
	for pager := l.client.NewListSecretPropertiesPager(nil); pager.More(); pages++ {
		page, err := pager.NextPage(ctx)
		if !l.ok(err) {
			return
		}
		for _, item := range page.Value {
			names = append(names, item.ID.Name())
			if item.ID.Name() == l.prefix+"life" {
				l.steps["listed"] = l.fields(item.ID, nil, item.ContentType, item.Tags, item.Attributes)
			}
		}
	}
	l.steps["list"] = fields{"count": l.mine(names), "several_pages": pages > 1}
	l.listVersions(ctx, "versions")
}

// deletion deletes, looks at what is deleted, and recovers.
func (l *life) deletion(ctx context.Context) {
	name := l.prefix + "life"
	l.delete(ctx, "delete")
	deleted, err := l.client.GetDeletedSecret(ctx, name, nil)
	if !l.ok(err) {
		return
	}
	d := deleted.DeletedSecret
	l.steps["deleted"] = l.fields(d.ID, d.Value, d.ContentType, d.Tags, d.Attributes)
	var names []string
	for pager := l.client.NewListDeletedSecretPropertiesPager(nil); pager.More(); {
		page, err := pager.NextPage(ctx)
		if !l.ok(err) {
			return
		}
		for _, item := range page.Value {
			names = append(names, item.ID.Name())
		}
	}
	l.steps["list_deleted"] = fields{"count": l.mine(names)}
	_, err = l.client.GetSecret(ctx, name, "", nil)
	l.refused("get_while_deleted", err)
	_, err = l.client.SetSecret(ctx, name, azsecrets.SetSecretParameters{Value: to.Ptr(first)}, nil)
	l.refused("set_while_deleted", err)
	back, err := l.client.RecoverDeletedSecret(ctx, name, nil)
	if l.ok(err) {
		l.wait(ctx, func() error { _, err := l.client.GetSecret(ctx, name, "", nil); return err })
	}
	l.secret("recover", back.Secret, err)
	got, err := l.client.GetSecret(ctx, name, "", nil)
	l.secret("recovered", got.Secret, err)
	l.listVersions(ctx, "recovered_versions")
}

// backup backs up, deletes for good and restores.
func (l *life) backup(ctx context.Context) {
	name := l.prefix + "life"
	saved, err := l.client.BackupSecret(ctx, name, nil)
	if !l.ok(err) {
		return
	}
	l.steps["backup"] = fields{"empty": len(saved.Value) == 0}
	l.delete(ctx, "delete_again")
	var answered *http.Response
	_, err = l.client.PurgeDeletedSecret(policy.WithCaptureResponse(ctx, &answered), name, nil)
	if !l.ok(err) {
		return
	}
	l.steps["purge"] = fields{"status": answered.StatusCode}
	_, err = l.client.GetDeletedSecret(ctx, name, nil)
	l.refused("purged", err)
	restored, err := l.client.RestoreSecret(ctx, azsecrets.RestoreSecretParameters{SecretBackup: saved.Value}, nil)
	l.secret("restore", restored.Secret, err)
	got, err := l.client.GetSecret(ctx, name, "", nil)
	l.secret("restored", got.Secret, err)
	l.listVersions(ctx, "restored_versions")
	got, err = l.client.GetSecret(ctx, name, l.versions[0], nil)
	l.secret("restored_by_version", got.Secret, err)
	_, err = l.client.RestoreSecret(ctx, azsecrets.RestoreSecretParameters{SecretBackup: saved.Value}, nil)
	l.refused("restore_again", err)
}

// refusals asks for what is not to be had.
func (l *life) refusals(ctx context.Context) {
	name := l.prefix + "off"
	set, err := l.client.SetSecret(ctx, name, azsecrets.SetSecretParameters{
		Value: to.Ptr(first), ContentType: to.Ptr("text/plain"), Tags: map[string]*string{"a": to.Ptr("1")},
	}, nil)
	if !l.ok(err) {
		return
	}
	off, err := l.client.UpdateSecretProperties(ctx, name, set.ID.Version(), azsecrets.UpdateSecretPropertiesParameters{
		SecretAttributes: &azsecrets.SecretAttributes{Enabled: to.Ptr(false)},
	}, nil)
	l.secret("disable", off.Secret, err)
	_, err = l.client.GetSecret(ctx, name, "", nil)
	l.refused("disabled", err)
	_, err = l.client.GetSecret(ctx, l.prefix+"nothing", "", nil)
	l.refused("missing", err)
	_, err = l.client.SetSecret(ctx, l.prefix+"bad_name", azsecrets.SetSecretParameters{Value: to.Ptr(first)}, nil)
	l.refused("invalid", err)
}

// delete deletes the secret and waits for the end of it. This SDK has no poller: the
// program does what those of the others do.
func (l *life) delete(ctx context.Context, step string) {
	name := l.prefix + "life"
	deleted, err := l.client.DeleteSecret(ctx, name, nil)
	if !l.ok(err) {
		return
	}
	_, path, _ := strings.Cut(strings.TrimPrefix(*deleted.RecoveryID, "https://"), "/")
	days := deleted.ScheduledPurgeDate.Sub(*deleted.DeletedDate).Hours() / 24
	l.steps[step] = fields{"recovery": strings.Replace(path, l.prefix, "", 1), "days": days}
	l.wait(ctx, func() error { _, err := l.client.GetDeletedSecret(ctx, name, nil); return err })
}

// wait asks until the answer is another than 404. 403 is an end as well.
func (l *life) wait(ctx context.Context, ask func() error) {
	for err := ask(); err != nil; err = ask() {
		var refused *azcore.ResponseError
		if errors.As(err, &refused) && refused.StatusCode == http.StatusForbidden {
			return
		}
		if !errors.As(err, &refused) || refused.StatusCode != http.StatusNotFound || ctx.Err() != nil {
			l.ok(err)
			return
		}
		time.Sleep(2 * time.Second)
	}
}

// listVersions records the versions that the list has.
func (l *life) listVersions(ctx context.Context, step string) {
	var listed []string
	for pager := l.client.NewListSecretPropertiesVersionsPager(l.prefix+"life", nil); pager.More(); {
		page, err := pager.NextPage(ctx)
		if !l.ok(err) {
			return
		}
		for _, item := range page.Value {
			listed = append(listed, l.version(item.ID.Version()))
		}
	}
	slices.Sort(listed)
	l.steps[step] = listed
}

// ok remembers an error that was not expected.
func (l *life) ok(err error) bool {
	if l.err == nil {
		l.err = err
	}
	return err == nil
}

// secret records a secret.
func (l *life) secret(step string, s azsecrets.Secret, err error) {
	if l.ok(err) && l.err == nil {
		l.steps[step] = l.fields(s.ID, s.Value, s.ContentType, s.Tags, s.Attributes)
	}
}

// refused records a refusal.
func (l *life) refused(step string, err error) {
	var refused *azcore.ResponseError
	switch {
	case errors.As(err, &refused):
		l.steps[step] = fields{"status": refused.StatusCode, "code": refused.ErrorCode}
	case err == nil:
		l.steps[step] = "not refused"
	default:
		l.ok(err)
	}
}

// fields lists what a secret says of itself. What is absent is zero.
func (l *life) fields(id *azsecrets.ID, value, contentType *string, tags map[string]*string, a *azsecrets.SecretAttributes) fields {
	own := fields{}
	for k, v := range tags {
		own[k] = *v
	}
	seconds := func(t *time.Time) int64 {
		if t == nil {
			return 0
		}
		return t.Unix()
	}
	return fields{
		"name": strings.TrimPrefix(id.Name(), l.prefix), "version": l.version(id.Version()), "value": canary(value),
		"content_type": deref(contentType), "tags": own, "enabled": *a.Enabled, "nbf": seconds(a.NotBefore), "exp": seconds(a.Expires),
		"level": deref(a.RecoveryLevel), "days": deref(a.RecoverableDays), "dated": a.Created != nil && a.Updated != nil && !a.Updated.Before(*a.Created),
	}
}

// version numbers versions as they are seen; "" is none.
func (l *life) version(v string) string {
	if v == "" {
		return ""
	}
	if !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(v) {
		return "malformed"
	}
	if !slices.Contains(l.versions, v) {
		l.versions = append(l.versions, v)
	}
	return fmt.Sprintf("v%d", slices.Index(l.versions, v)+1)
}

// mine counts the names that begin with the prefix. One that is listed twice counts twice.
func (l *life) mine(names []string) int {
	return len(slices.DeleteFunc(names, func(n string) bool { return !strings.HasPrefix(n, l.prefix) }))
}

// canary says which of our values a value is.
func canary(value *string) string {
	switch {
	case value == nil:
		return "none"
	case *value == first:
		return "first"
	case *value == second:
		return "second"
	}
	return "other"
}

// deref is *p, or zero for nil.
func deref[T any](p *T) T {
	var v T
	if p != nil {
		v = *p
	}
	return v
}
