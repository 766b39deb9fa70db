-- +goose Up
-- Vaults, alive and soft-deleted. A name stays taken until it is purged. uid is never
-- reused, so that what is sealed for one vault opens in no later one of the same name.
CREATE TABLE vaults (
    uid              TEXT    PRIMARY KEY,
    name_key         TEXT    NOT NULL UNIQUE,
    name             TEXT    NOT NULL,
    resource_id      TEXT    NOT NULL,
    subscription_id  TEXT    NOT NULL,
    group_key        TEXT    NOT NULL,
    tenant_id        TEXT    NOT NULL,
    location         TEXT    NOT NULL,
    sku              TEXT    NOT NULL,
    rbac             BOOLEAN NOT NULL,
    purge_protection BOOLEAN NOT NULL,
    retention_days   BIGINT  NOT NULL,
    policies         TEXT    NOT NULL,
    tags             TEXT    NOT NULL,
    properties       TEXT    NOT NULL,
    revision         BIGINT  NOT NULL,
    created_at       BIGINT  NOT NULL,
    created_by       TEXT    NOT NULL,
    created_by_type  TEXT    NOT NULL,
    changed_at       BIGINT  NOT NULL,
    changed_by       TEXT    NOT NULL,
    changed_by_type  TEXT    NOT NULL,
    deleted_at       BIGINT  NOT NULL,
    purge_at         BIGINT  NOT NULL
);
CREATE INDEX vaults_by_subscription ON vaults (subscription_id, deleted_at);
CREATE INDEX vaults_by_purge ON vaults (purge_at);

-- One row per secret name. name_key is bytes, so that both engines sort it alike.
CREATE TABLE vault_secrets (
    vault      TEXT   NOT NULL,
    name_key   BYTEA  NOT NULL,
    name       TEXT   NOT NULL,
    current    TEXT   NOT NULL,
    versions   BIGINT NOT NULL,
    deleted_at BIGINT NOT NULL,
    purge_at   BIGINT NOT NULL,
    PRIMARY KEY (vault, name_key)
);
CREATE INDEX vault_secrets_by_purge ON vault_secrets (purge_at);

-- One row per version; seq counts them from 1. value is sealed.
CREATE TABLE vault_secret_versions (
    vault        TEXT    NOT NULL,
    name_key     BYTEA   NOT NULL,
    version      TEXT    NOT NULL,
    seq          BIGINT  NOT NULL,
    value        BYTEA   NOT NULL,
    content_type TEXT    NOT NULL,
    tags         TEXT    NOT NULL,
    enabled      BOOLEAN NOT NULL,
    not_before   BIGINT,
    expires      BIGINT,
    created_at   BIGINT  NOT NULL,
    updated_at   BIGINT  NOT NULL,
    previous     TEXT    NOT NULL,
    PRIMARY KEY (vault, name_key, version),
    UNIQUE (vault, name_key, seq)
);
