-- +goose Up
-- Tenants, applications, service principals and credentials. Lists are JSON texts;
-- deleted_at is 0 while the object lives.
CREATE TABLE directory_tenants (
    id           TEXT   PRIMARY KEY,
    display_name TEXT   NOT NULL,
    domains      TEXT   NOT NULL,
    created_at   BIGINT NOT NULL
);
CREATE TABLE directory_domains (
    name      TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL REFERENCES directory_tenants (id)
);
CREATE TABLE directory_applications (
    app_id          TEXT   PRIMARY KEY,
    id              TEXT   NOT NULL UNIQUE,
    tenant_id       TEXT   NOT NULL REFERENCES directory_tenants (id),
    display_name    TEXT   NOT NULL,
    identifier_uris TEXT   NOT NULL,
    token_version   BIGINT NOT NULL,
    created_at      BIGINT NOT NULL,
    deleted_at      BIGINT NOT NULL
);
CREATE TABLE directory_service_principals (
    id                TEXT    PRIMARY KEY,
    tenant_id         TEXT    NOT NULL REFERENCES directory_tenants (id),
    app_id            TEXT    NOT NULL,
    kind              TEXT    NOT NULL,
    display_name      TEXT    NOT NULL,
    alternative_names TEXT    NOT NULL,
    names             TEXT    NOT NULL,
    enabled           BOOLEAN NOT NULL,
    created_at        BIGINT  NOT NULL,
    deleted_at        BIGINT  NOT NULL
);
CREATE UNIQUE INDEX directory_principal_of_app ON directory_service_principals (tenant_id, app_id) WHERE deleted_at = 0;
CREATE TABLE directory_secrets (
    key_id       TEXT   PRIMARY KEY,
    app_id       TEXT   NOT NULL REFERENCES directory_applications (app_id),
    display_name TEXT   NOT NULL,
    hint         TEXT   NOT NULL,
    hash         BYTEA  NOT NULL,
    start_at     BIGINT NOT NULL,
    end_at       BIGINT NOT NULL
);
CREATE INDEX directory_secrets_of_app ON directory_secrets (app_id);
CREATE TABLE directory_certificates (
    key_id       TEXT   PRIMARY KEY,
    app_id       TEXT   NOT NULL REFERENCES directory_applications (app_id),
    display_name TEXT   NOT NULL,
    der          BYTEA  NOT NULL,
    start_at     BIGINT NOT NULL,
    end_at       BIGINT NOT NULL
);
CREATE INDEX directory_certificates_of_app ON directory_certificates (app_id);
