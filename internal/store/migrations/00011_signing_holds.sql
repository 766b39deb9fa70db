-- +goose Up
-- A hold keeps a signing key from being succeeded or removed by the schedule. held_from is
-- 0, or since when: a successor due after it waits.
ALTER TABLE signing_keys ADD COLUMN held_from BIGINT NOT NULL DEFAULT 0;
ALTER TABLE signing_keys ADD COLUMN hold_reason TEXT NOT NULL DEFAULT '';
-- The authority that the keys sign for. Empty until the next start where an older release
-- made the mark.
ALTER TABLE signing_issuer ADD COLUMN authority TEXT NOT NULL DEFAULT '';
