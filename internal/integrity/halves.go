package integrity

// half is a question to the store that must have no answer: its query returns the names of
// objects that lost, or never got, their other half. The halves are rows of different
// packages, so the questions stand together, beside none of them.
type half struct{ what, query string }

// halves are all of them. A row that only looks like a half, such as the assignment of a
// principal that was deleted since, which L-9 counts as clean, is not returned.
var halves = []half{
	{"a system identity without its service principal", `SELECT id FROM resources r WHERE r.system_identity AND NOT EXISTS
		(SELECT 1 FROM directory_service_principals p WHERE p.id = r.principal_id AND p.app_id = r.client_id AND p.deleted_at = 0)`},
	{"a user-assigned identity without its service principal", `SELECT principal_id FROM managedidentity_identities i WHERE NOT EXISTS
		(SELECT 1 FROM directory_service_principals p WHERE p.id = i.principal_id AND p.app_id = i.client_id AND p.deleted_at = 0)`},
	{"a service principal without its identity", `SELECT id FROM directory_service_principals p WHERE p.kind = 'ManagedIdentity' AND p.deleted_at = 0
		AND NOT EXISTS (SELECT 1 FROM resources r WHERE r.system_identity AND r.principal_id = p.id)
		AND NOT EXISTS (SELECT 1 FROM managedidentity_identities i WHERE i.principal_id = p.id)`},
	{"a user-assigned identity without its resource", `SELECT principal_id FROM managedidentity_identities i
		WHERE NOT EXISTS (SELECT 1 FROM resources r WHERE r.path = i.path)`},
	{"a resource without its user-assigned identity", `SELECT id FROM resources r WHERE LOWER(r.type) = 'microsoft.managedidentity/userassignedidentities'
		AND NOT EXISTS (SELECT 1 FROM managedidentity_identities i WHERE i.path = r.path)`},
	{"an attachment without its host", `SELECT identity_id FROM resource_attachments a WHERE NOT EXISTS (SELECT 1 FROM resources r WHERE r.path = a.path)`},
	{"an attachment without its identity", `SELECT identity_id FROM resource_attachments a WHERE a.principal_id <> ''
		AND NOT EXISTS (SELECT 1 FROM managedidentity_identities i WHERE i.path = a.identity_path)`},
	{"a resource that takes part in no group", `SELECT id FROM resources r WHERE NOT EXISTS (SELECT 1 FROM resource_groups g WHERE g.path = r.parent)
		AND NOT EXISTS (SELECT 1 FROM resources p WHERE p.path = r.parent)`},
	{"a group without its subscription", `SELECT id FROM resource_groups g WHERE NOT EXISTS (SELECT 1 FROM resource_subscriptions s WHERE s.id = g.subscription_id)`},
	{"an assignment without its principal", `SELECT name FROM role_assignment a WHERE NOT EXISTS (SELECT 1 FROM directory_service_principals p WHERE p.id = a.principal_id)
		AND NOT EXISTS (SELECT 1 FROM directory_users u WHERE u.id = a.principal_id) AND NOT EXISTS (SELECT 1 FROM relation_groups g WHERE g.id = a.principal_id)`},
	{"a secret without its current version", `SELECT name FROM vault_secrets s WHERE NOT EXISTS
		(SELECT 1 FROM vault_secret_versions v WHERE v.vault = s.vault AND v.name_key = s.name_key AND v.version = s.current)`},
	{"a secret that miscounts its versions", `SELECT name FROM vault_secrets s WHERE s.versions <>
		(SELECT COUNT(*) FROM vault_secret_versions v WHERE v.vault = s.vault AND v.name_key = s.name_key)`},
	{"a version without its secret", `SELECT version FROM vault_secret_versions v WHERE NOT EXISTS
		(SELECT 1 FROM vault_secrets s WHERE s.vault = v.vault AND s.name_key = v.name_key)`},
	{"a secret without its vault", `SELECT name FROM vault_secrets s WHERE NOT EXISTS (SELECT 1 FROM vaults v WHERE v.uid = s.vault)`},
	{"a client secret without its application", `SELECT key_id FROM directory_secrets c WHERE NOT EXISTS (SELECT 1 FROM directory_applications a WHERE a.app_id = c.app_id)`},
	{"a federated credential without its owner", `SELECT name FROM directory_federated_credentials c
		WHERE NOT EXISTS (SELECT 1 FROM directory_applications a WHERE a.app_id = c.app_id AND a.deleted_at = 0)
		AND NOT EXISTS (SELECT 1 FROM managedidentity_identities i WHERE i.client_id = c.app_id)`},
	{"a feed with a gap", `SELECT topic FROM feed WHERE (SELECT COUNT(*) FROM feed) <> (SELECT MAX(seq) - MIN(seq) + 1 FROM feed)`},
	{"a removed principal with an unremoved resource", `SELECT r.id FROM resources r JOIN directory_service_principals p ON p.id = r.principal_id
		WHERE r.system_identity AND p.deleted_at <> 0`},
}
