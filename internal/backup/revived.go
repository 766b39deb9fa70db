package backup

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sealring/sealring/internal/audit"
	"github.com/sealring/sealring/internal/store"
)

// revivable is what can be removed and come back with a backup: the operation that removes
// it, and where it is found again by a key of the record.
var revivable = []struct {
	what, operation, from string
	key                   func(audit.Event) string
}{
	{"the role assignment", "Microsoft.Authorization/roleAssignments/delete", "role_assignment WHERE name = $1", lastOfTarget},
	{"the service principal", "directory.servicePrincipal.delete", "directory_service_principals WHERE id = $1 AND deleted_at = 0", targetOf},
	{"the user", "directory.user.delete", "directory_users WHERE id = $1 AND deleted_at = 0", targetOf},
	{"the group", "directory.group.delete", "relation_groups WHERE id = $1 AND deleted_at = 0", targetOf},
	{"the application", "directory.application.delete", "directory_applications WHERE app_id = $1 AND deleted_at = 0", targetOf},
	{"the signing key", "keyring.revoke", "signing_keys WHERE kid = $1 AND revoked_at = 0", targetOf},
}

// targetOf is what a record is about.
func targetOf(e audit.Event) string { return e.Target }

// lastOfTarget is the last segment of a resource id.
func lastOfTarget(e audit.Event) string { return e.Target[strings.LastIndex(e.Target, "/")+1:] }

// Revived compares what an exported audit log says was removed after since with what is
// there again.
func Revived(ctx context.Context, tx *store.Tx, exported io.Reader, since time.Time) ([]string, error) {
	out := []string{}
	if exported == nil {
		return out, nil
	}
	removed, err := audit.Removals(exported, since)
	if err != nil {
		return nil, err
	}
	for _, e := range removed {
		for _, kind := range revivable {
			if !strings.EqualFold(e.Operation, kind.operation) {
				continue
			}
			var one int
			found, err := tx.Get(ctx, "SELECT 1 FROM "+kind.from, []any{kind.key(e)}, &one)
			if err != nil {
				return nil, fmt.Errorf("look for %s: %w", e.Target, err)
			}
			if found {
				out = append(out, fmt.Sprintf("%s %s was removed at %s", kind.what, e.Target, e.Time.Format(time.RFC3339)))
			}
		}
	}
	return out, nil
}
