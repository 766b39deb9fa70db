-- +goose Up
-- What was settled at first start and never changes: names, issuer, first objects.
CREATE TABLE installation (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
