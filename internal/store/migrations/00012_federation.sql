-- +goose Up
-- Federated identity credentials of applications and of user-assigned identities; app_id is
-- the client id of the owner, name_key its name in lower case. Empty texts stand for absent.
CREATE TABLE directory_federated_credentials (
    id                 TEXT   PRIMARY KEY,
    tenant_id          TEXT   NOT NULL,
    app_id             TEXT   NOT NULL,
    name               TEXT   NOT NULL,
    name_key           TEXT   NOT NULL,
    issuer             TEXT   NOT NULL,
    subject            TEXT   NOT NULL,
    audience           TEXT   NOT NULL,
    description        TEXT   NOT NULL,
    expression         TEXT   NOT NULL,
    expression_version BIGINT NOT NULL,
    key_set            TEXT   NOT NULL,
    created_at         BIGINT NOT NULL,
    changed_at         BIGINT NOT NULL,
    UNIQUE (app_id, name_key)
);
-- Applications whose client assertions work once, and the assertions that were used.
CREATE TABLE directory_single_use (
    app_id TEXT PRIMARY KEY
);
CREATE TABLE directory_used_assertions (
    app_id     TEXT   NOT NULL,
    digest     BYTEA  NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (app_id, digest)
);
CREATE INDEX directory_used_assertions_end ON directory_used_assertions (expires_at);
-- From when on the tokens of a principal are accepted: what is older was revoked.
CREATE TABLE directory_token_floors (
    object_id  TEXT   PRIMARY KEY,
    tenant_id  TEXT   NOT NULL,
    valid_from BIGINT NOT NULL
);
