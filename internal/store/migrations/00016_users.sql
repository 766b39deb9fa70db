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
