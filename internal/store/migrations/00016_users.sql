-- +goose Up
-- People. upn_key is the user principal name in lower case; profile a JSON object of further
-- Graph properties. password is a PHC text of argon2id whose hash is keyed, '' if there is
-- none. epoch grows whenever everything issued to the user so far ends.
CREATE TABLE directory_users (
    id                  TEXT    PRIMARY KEY,
    tenant_id           TEXT    NOT NULL REFERENCES directory_tenants (id),
    upn                 TEXT    NOT NULL,
    upn_key             TEXT    NOT NULL,
    display_name        TEXT    NOT NULL,
    mail                TEXT    NOT NULL,
    profile             TEXT    NOT NULL,
    enabled             BOOLEAN NOT NULL,
    password            TEXT    NOT NULL,
    must_change         BOOLEAN NOT NULL,
    password_changed_at BIGINT  NOT NULL,
    sessions_valid_from BIGINT  NOT NULL,
    epoch               BIGINT  NOT NULL,
    created_at          BIGINT  NOT NULL,
    deleted_at          BIGINT  NOT NULL
);
CREATE UNIQUE INDEX directory_user_of_name ON directory_users (tenant_id, upn_key) WHERE deleted_at = 0;
-- Wrong passwords in a row, by a keyed hash of tenant and name: names that nobody has are
-- counted like those of users, so that being locked says nothing about who exists.
CREATE TABLE directory_password_failures (
    subject      TEXT   PRIMARY KEY,
    failures     BIGINT NOT NULL,
    last_at      BIGINT NOT NULL,
    locked_until BIGINT NOT NULL
);
CREATE INDEX directory_password_failures_by_age ON directory_password_failures (last_at);
-- What a person's sign-in leaves behind. Keys and hashes are keyed hashes of what the
-- browser or client holds. used_at, revoked_at and decided_at are 0 until it happened.
CREATE TABLE signin_sessions (
    hash         TEXT   PRIMARY KEY,
    id           TEXT   NOT NULL,
    tenant_id    TEXT   NOT NULL,
    user_id      TEXT   NOT NULL,
    epoch        BIGINT NOT NULL,
    signed_in_at BIGINT NOT NULL,
    seen_at      BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL
);
CREATE INDEX signin_sessions_by_end ON signin_sessions (expires_at);
CREATE TABLE signin_codes (
    hash       TEXT   PRIMARY KEY,
    family_id  TEXT   NOT NULL,
    grant_json TEXT   NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at    BIGINT NOT NULL
);
CREATE INDEX signin_codes_by_end ON signin_codes (expires_at);
-- A refresh token is derived from family, generation, salt and the installation's key, so
-- none is stored, and every one that was ever handed out is recognised.
CREATE TABLE signin_families (
    id         TEXT   PRIMARY KEY,
    grant_json TEXT   NOT NULL,
    salt       BYTEA  NOT NULL,
    generation BIGINT NOT NULL,
    rotated_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT NOT NULL
);
CREATE INDEX signin_families_by_end ON signin_families (expires_at);
CREATE TABLE signin_devices (
    hash       TEXT   PRIMARY KEY,
    user_hash  TEXT   NOT NULL UNIQUE,
    tenant_id  TEXT   NOT NULL,
    client_id  TEXT   NOT NULL,
    scope      TEXT   NOT NULL,
    expires_at BIGINT NOT NULL,
    state      TEXT   NOT NULL,
    grant_json TEXT   NOT NULL
);
CREATE INDEX signin_devices_by_end ON signin_devices (expires_at);
-- Client secrets that work once: those by which a server that others can reach is taken into
-- use. used_at is 0 until then.
CREATE TABLE directory_bootstrap_secrets (
    key_id  TEXT   PRIMARY KEY,
    used_at BIGINT NOT NULL
);
