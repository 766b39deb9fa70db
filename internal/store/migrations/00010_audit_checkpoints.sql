-- +goose Up
-- The keys that sign checkpoints, sealed, and the checkpoints. body is the exact text that
-- is signed.
CREATE TABLE audit_keys (
    id         TEXT   PRIMARY KEY,
    sealed     BYTEA  NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE TABLE audit_checkpoints (
    number    BIGINT PRIMARY KEY,
    at        BIGINT NOT NULL,
    server    TEXT   NOT NULL,
    reason    TEXT   NOT NULL,
    body      TEXT   NOT NULL,
    signature BYTEA  NOT NULL
);
