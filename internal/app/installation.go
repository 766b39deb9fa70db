package app

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/sealring/sealring/internal/fault"
	"github.com/sealring/sealring/internal/id"
	"github.com/sealring/sealring/internal/keyring"
	"github.com/sealring/sealring/internal/store"
)

// installation is what was settled at first start: it is the same after every restart, on
// every port and on every replica (L-1).
type installation struct {
	id           string // names the key-encryption key's file
	domain       string
	port         int // the TLS port that names are advertised with
	tenant       id.Tenant
	subscription id.Subscription
	adminApp     id.App
	complete     bool      // the first objects all exist
	epoch        int64     // how often it was restored from a backup
	restored     time.Time // when last; zero: never
}

// defaultDomain is the suffix of our names where nobody chose one.
const defaultDomain = "sealring.internal"

// settle reads the installation, or founds it with the given domain and port. The record
// is one row a value, so that a release can add one.
func settle(ctx context.Context, db *store.DB, ids *id.Source, domain string, port int) (installation, error) {
	var in installation
	err := db.Update(ctx, func(tx *store.Tx) error {
		values, err := readInstallation(ctx, tx)
		if err != nil {
			return err
		}
		if len(values) == 0 {
			issued, err := keyring.Issued(ctx, tx)
			if err != nil {
				return err
			}
			if issued {
				return errInstallation.With("this store was an issuer and the record of its installation is gone: restore a backup; nothing is made in its place")
			}
			if domain == "" {
				domain = defaultDomain
			}
			values = map[string]string{
				"installation_id": ids.Text(), "domain": domain, "port": strconv.Itoa(port),
				"subscription_id": string(ids.Subscription()),
			}
			for name, value := range values {
				if err := writeInstallation(ctx, tx, name, value); err != nil {
					return err
				}
			}
		}
		in, err = parseInstallation(values)
		return err
	})
	if err != nil {
		return in, err
	}
	if domain != "" && domain != in.domain {
		return in, ErrFrozen.With("the domain is %s since the first start and cannot become %s: use another data directory", in.domain, domain)
	}
	return in, nil
}

// readInstallation returns all values.
func readInstallation(ctx context.Context, tx *store.Tx) (map[string]string, error) {
	values := map[string]string{}
	err := tx.Query(ctx, func(r store.Row) error {
		var name, value string
		if err := r.Scan(&name, &value); err != nil {
			return fmt.Errorf("scan installation: %w", err)
		}
		values[name] = value
		return nil
	}, "SELECT name, value FROM installation")
	return values, err
}

// writeInstallation adds or replaces one value.
func writeInstallation(ctx context.Context, tx *store.Tx, name, value string) error {
	_, err := tx.Exec(ctx, "INSERT INTO installation (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value", name, value)
	if err != nil {
		return fmt.Errorf("write installation %s: %w", name, err)
	}
	return nil
}

// errInstallation is a record that this release cannot read.
var errInstallation = fault.New(fault.Precondition, "the installation's record in the store is damaged")

// parseInstallation checks the values that must be there.
func parseInstallation(values map[string]string) (installation, error) {
	port, err := strconv.Atoi(values["port"])
	if err != nil || values["installation_id"] == "" || values["domain"] == "" || values["subscription_id"] == "" {
		return installation{}, errInstallation.With("the record of the installation in the store is damaged: restore a backup; nothing is made in its place")
	}
	in := installation{
		id: values["installation_id"], domain: values["domain"], port: port,
		tenant: id.Tenant(values["tenant_id"]), subscription: id.Subscription(values["subscription_id"]),
		adminApp: id.App(values["admin_client_id"]), complete: values["complete"] == "true",
	}
	if values["epoch"] == "" {
		return in, nil
	}
	at, err := strconv.ParseInt(values["restored_at"], 10, 64)
	if err == nil {
		in.epoch, err = strconv.ParseInt(values["epoch"], 10, 64)
	}
	if err != nil || in.epoch < 1 {
		return installation{}, errInstallation
	}
	in.restored = time.Unix(at, 0).UTC()
	return in, nil
}

// host returns a name of the domain with the advertised port, as it stands in URLs: no
// port if it is 443.
func (in installation) host(name string) string {
	if in.port == 443 {
		return name + "." + in.domain
	}
	return net.JoinHostPort(name+"."+in.domain, strconv.Itoa(in.port))
}

// chain names the chain of audit records that a server of this host writes: another one after
// each restore, since what followed the backup is on record elsewhere.
func (in installation) chain(hostname string) string {
	if in.epoch == 0 {
		return hostname
	}
	return hostname + "#" + strconv.FormatInt(in.epoch, 10)
}

// url is host as an https URL without a trailing slash.
func (in installation) url(name string) string { return "https://" + in.host(name) }
