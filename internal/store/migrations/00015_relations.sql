-- +goose Up
-- What Graph keeps of applications and service principals beside what decides: app_roles and
-- scopes are JSON lists, profile is a JSON object of further properties, group_claims is
-- groupMembershipClaims.
ALTER TABLE directory_applications ADD COLUMN app_roles TEXT NOT NULL DEFAULT '[]';
ALTER TABLE directory_applications ADD COLUMN scopes TEXT NOT NULL DEFAULT '[]';
ALTER TABLE directory_applications ADD COLUMN group_claims TEXT NOT NULL DEFAULT '';
ALTER TABLE directory_applications ADD COLUMN profile TEXT NOT NULL DEFAULT '{}';
ALTER TABLE directory_service_principals ADD COLUMN role_required BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE directory_service_principals ADD COLUMN profile TEXT NOT NULL DEFAULT '{}';
-- Groups. deleted_at is 0 while the group lives.
CREATE TABLE relation_groups (
    id               TEXT    PRIMARY KEY,
    tenant_id        TEXT    NOT NULL REFERENCES directory_tenants (id),
    display_name     TEXT    NOT NULL,
    mail_nickname    TEXT    NOT NULL,
    security_enabled BOOLEAN NOT NULL,
    mail_enabled     BOOLEAN NOT NULL,
    unified          BOOLEAN NOT NULL,
    role_assignable  BOOLEAN NOT NULL,
    profile          TEXT    NOT NULL,
    created_at       BIGINT  NOT NULL,
    deleted_at       BIGINT  NOT NULL
);
CREATE INDEX relation_groups_of_tenant ON relation_groups (tenant_id, id);
-- Who belongs to what: kind is member (group, member), owner (object, owner) or role
-- (directory role template, member).
CREATE TABLE relation_edges (
    tenant_id  TEXT   NOT NULL REFERENCES directory_tenants (id),
    kind       TEXT   NOT NULL,
    source     TEXT   NOT NULL,
    target     TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, kind, source, target)
);
CREATE INDEX relation_edges_back ON relation_edges (tenant_id, kind, target, source);
-- App roles that a principal has at a resource.
CREATE TABLE relation_app_roles (
    id           TEXT   PRIMARY KEY,
    tenant_id    TEXT   NOT NULL REFERENCES directory_tenants (id),
    role_id      TEXT   NOT NULL,
    principal_id TEXT   NOT NULL,
    kind         TEXT   NOT NULL,
    resource_id  TEXT   NOT NULL,
    created_at   BIGINT NOT NULL
);
CREATE UNIQUE INDEX relation_app_role_once ON relation_app_roles (tenant_id, principal_id, resource_id, role_id);
-- Delegated permissions that a client has at a resource: for everybody, or for principal_id.
CREATE TABLE relation_grants (
    id           TEXT   PRIMARY KEY,
    tenant_id    TEXT   NOT NULL REFERENCES directory_tenants (id),
    client_id    TEXT   NOT NULL,
    principal_id TEXT   NOT NULL,
    resource_id  TEXT   NOT NULL,
    scope        TEXT   NOT NULL,
    created_at   BIGINT NOT NULL
);
CREATE UNIQUE INDEX relation_grant_once ON relation_grants (tenant_id, client_id, principal_id, resource_id);
