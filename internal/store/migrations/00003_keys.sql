-- +goose Up
-- Data keys, wrapped under the key-encryption key. use is seal or mac; uses counts
-- encryptions, roughly.
CREATE TABLE data_keys (
    id         BIGINT PRIMARY KEY,
    use        TEXT   NOT NULL,
    wrapped    BYTEA  NOT NULL,
    created_at BIGINT NOT NULL,
    uses       BIGINT NOT NULL
);
-- Token signing keys. sealed is empty once the key is removed; revoked_at is 0 or when.
CREATE TABLE signing_keys (
    kid         TEXT PRIMARY KEY,
    certificate BYTEA  NOT NULL,
    sealed      BYTEA  NOT NULL,
    created_at  BIGINT NOT NULL,
    active_from BIGINT NOT NULL,
    revoked_at  BIGINT NOT NULL,
    reason      TEXT   NOT NULL
);
-- One row as soon as the installation has issued: keys missing after that are lost, not new.
CREATE TABLE signing_issuer (
    id         BIGINT PRIMARY KEY,
    created_at BIGINT NOT NULL
);
-- Certificate authorities by name.
CREATE TABLE authorities (
    name        TEXT PRIMARY KEY,
    certificate BYTEA  NOT NULL,
    sealed      BYTEA  NOT NULL,
    created_at  BIGINT NOT NULL
);
