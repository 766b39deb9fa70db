-- +goose Up
-- The change feed: which objects of which package changed, in commit order.
CREATE TABLE feed (
    seq   BIGINT PRIMARY KEY,
    topic TEXT   NOT NULL,
    key   TEXT   NOT NULL,
    at    BIGINT NOT NULL
);
