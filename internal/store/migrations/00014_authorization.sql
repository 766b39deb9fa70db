-- +goose Up
-- Conditions on assignments, and the scope as bytes, so that both engines range over it
-- alike. A release before this one leaves scope_path NULL; the next start fills it.
ALTER TABLE role_assignment ADD COLUMN condition TEXT NOT NULL DEFAULT '';
ALTER TABLE role_assignment ADD COLUMN condition_version TEXT NOT NULL DEFAULT '';
ALTER TABLE role_assignment ADD COLUMN delegated_id TEXT NOT NULL DEFAULT '';
ALTER TABLE role_assignment ADD COLUMN tenant_id TEXT NOT NULL DEFAULT '';
ALTER TABLE role_assignment ADD COLUMN scope_path BYTEA;
CREATE INDEX role_assignment_path ON role_assignment (scope_path, name);
CREATE INDEX role_assignment_principal ON role_assignment (principal_id);
ALTER TABLE role_definition ADD COLUMN tenant_id TEXT NOT NULL DEFAULT '';

-- permissions, principals and exclude are JSON.
CREATE TABLE deny_assignment (
    name         TEXT    NOT NULL PRIMARY KEY,
    scope        TEXT    NOT NULL,
    subscription TEXT    NOT NULL,
    display_name TEXT    NOT NULL,
    description  TEXT    NOT NULL,
    permissions  TEXT    NOT NULL,
    exact_scope  BOOLEAN NOT NULL,
    principals   TEXT    NOT NULL,
    exclude      TEXT    NOT NULL,
    protected    BOOLEAN NOT NULL,
    created_at   BIGINT  NOT NULL,
    created_by   TEXT    NOT NULL,
    updated_at   BIGINT  NOT NULL,
    updated_by   TEXT    NOT NULL
);

-- Management groups; the one at the root of a tenant is not stored until it gets a name
-- of its own. Names are unique in the installation: an id does not say its tenant.
CREATE TABLE management_group (
    name_key     TEXT   NOT NULL PRIMARY KEY,
    tenant_id    TEXT   NOT NULL,
    name         TEXT   NOT NULL,
    display_name TEXT   NOT NULL,
    parent_key   TEXT   NOT NULL,
    version      BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL,
    updated_by   TEXT   NOT NULL
);
CREATE TABLE management_group_subscription (
    subscription_id TEXT NOT NULL PRIMARY KEY,
    group_key       TEXT NOT NULL
);

-- Locks on subscriptions, groups and resources. owners is JSON.
CREATE TABLE management_lock (
    path         BYTEA  NOT NULL PRIMARY KEY,
    scope        TEXT   NOT NULL,
    name         TEXT   NOT NULL,
    level        TEXT   NOT NULL,
    notes        TEXT   NOT NULL,
    owners       TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    created_by   TEXT   NOT NULL,
    updated_at   BIGINT NOT NULL,
    updated_by   TEXT   NOT NULL
);
