-- +goose Up
-- What Resource Manager manages. path is the id in lower case, as bytes, so that both
-- engines order and range over it alike, whatever their collation.
CREATE TABLE resource_subscriptions (
    id         TEXT   PRIMARY KEY,
    tenant_id  TEXT   NOT NULL,
    name       TEXT   NOT NULL,
    tags       TEXT   NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE TABLE resource_groups (
    path            BYTEA  PRIMARY KEY,
    id              TEXT   NOT NULL,
    tenant_id       TEXT   NOT NULL,
    subscription_id TEXT   NOT NULL,
    location        TEXT   NOT NULL,
    managed_by      TEXT   NOT NULL,
    tags            TEXT   NOT NULL,
    revision        BIGINT NOT NULL,
    created_at      BIGINT NOT NULL,
    created_by      TEXT   NOT NULL,
    created_by_type TEXT   NOT NULL,
    changed_at      BIGINT NOT NULL,
    changed_by      TEXT   NOT NULL,
    changed_by_type TEXT   NOT NULL
);
-- Resources, children and settings. sku, plan, properties and extra are JSON objects or ''.
CREATE TABLE resources (
    path               BYTEA   PRIMARY KEY,
    parent             BYTEA   NOT NULL,
    id                 TEXT    NOT NULL,
    type               TEXT    NOT NULL,
    tenant_id          TEXT    NOT NULL,
    location           TEXT    NOT NULL,
    kind               TEXT    NOT NULL,
    managed_by         TEXT    NOT NULL,
    tags               TEXT    NOT NULL,
    sku                TEXT    NOT NULL,
    plan               TEXT    NOT NULL,
    properties         TEXT    NOT NULL,
    extra              TEXT    NOT NULL,
    hidden             BOOLEAN NOT NULL,
    system_identity    BOOLEAN NOT NULL,
    principal_id       TEXT    NOT NULL,
    client_id          TEXT    NOT NULL,
    identity_tenant_id TEXT    NOT NULL,
    revision           BIGINT  NOT NULL,
    created_at         BIGINT  NOT NULL,
    created_by         TEXT    NOT NULL,
    created_by_type    TEXT    NOT NULL,
    changed_at         BIGINT  NOT NULL,
    changed_by         TEXT    NOT NULL,
    changed_by_type    TEXT    NOT NULL
);
CREATE INDEX resources_by_parent ON resources (parent, path);
CREATE INDEX resources_by_type ON resources (type, path);
-- User-assigned identities named in the identity blocks of resources. principal_id and
-- client_id are those at the time of attaching; '' once the identity is deleted.
CREATE TABLE resource_attachments (
    path          BYTEA NOT NULL,
    identity_path BYTEA NOT NULL,
    identity_id   TEXT  NOT NULL,
    principal_id  TEXT  NOT NULL,
    client_id     TEXT  NOT NULL,
    PRIMARY KEY (path, identity_path)
);
CREATE INDEX resource_attachments_by_identity ON resource_attachments (identity_path, path);
-- Names that are unique across the installation, in lower case.
CREATE TABLE resource_names (
    type TEXT  NOT NULL,
    name TEXT  NOT NULL,
    path BYTEA NOT NULL,
    PRIMARY KEY (type, name)
);
-- The last revision given to anything; never given twice.
CREATE TABLE resource_revision (last BIGINT NOT NULL);
INSERT INTO resource_revision (last) VALUES (0);
-- What a user-assigned identity is beside its resource row. providers is a JSON list.
CREATE TABLE managedidentity_identities (
    path         BYTEA   PRIMARY KEY,
    tenant_id    TEXT    NOT NULL,
    principal_id TEXT    NOT NULL,
    client_id    TEXT    NOT NULL,
    regional     BOOLEAN NOT NULL,
    providers    TEXT    NOT NULL
);
