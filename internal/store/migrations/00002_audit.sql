-- +goose Up
-- The record of who did what. body is the exact text that hash covers; what is kept beside
-- it is searched, operation, target and subscription_id in lower case.
CREATE TABLE audit (
    server          TEXT   NOT NULL,
    seq             BIGINT NOT NULL,
    at              BIGINT NOT NULL,
    kind            TEXT   NOT NULL,
    tenant_id       TEXT   NOT NULL,
    principal_id    TEXT   NOT NULL,
    operation       TEXT   NOT NULL,
    target          TEXT   NOT NULL,
    subscription_id TEXT   NOT NULL,
    correlation_id  TEXT   NOT NULL,
    body            TEXT   NOT NULL,
    prev            BYTEA  NOT NULL,
    hash            BYTEA  NOT NULL,
    PRIMARY KEY (server, seq)
);
CREATE INDEX audit_by_time ON audit (kind, at);
CREATE INDEX audit_by_principal ON audit (principal_id, at);
