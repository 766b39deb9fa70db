-- +goose Up
CREATE TABLE role_assignment (
    name           TEXT NOT NULL PRIMARY KEY,
    scope          TEXT NOT NULL,
    scope_key      TEXT NOT NULL,
    subscription   TEXT NOT NULL,
    role_id        TEXT NOT NULL,
    principal_id   TEXT NOT NULL,
    principal_type TEXT NOT NULL,
    description    TEXT NOT NULL,
    created_at     BIGINT NOT NULL,
    created_by     TEXT NOT NULL,
    updated_at     BIGINT NOT NULL,
    updated_by     TEXT NOT NULL,
    UNIQUE (scope_key, principal_id, role_id)
);
CREATE INDEX role_assignment_subscription ON role_assignment (subscription);
CREATE INDEX role_assignment_role ON role_assignment (role_id);

CREATE TABLE role_definition (
    id                TEXT NOT NULL PRIMARY KEY,
    name              TEXT NOT NULL,
    name_key          TEXT NOT NULL UNIQUE,
    description       TEXT NOT NULL,
    permissions       TEXT NOT NULL,
    assignable_scopes TEXT NOT NULL,
    created_at        BIGINT NOT NULL,
    created_by        TEXT NOT NULL,
    updated_at        BIGINT NOT NULL,
    updated_by        TEXT NOT NULL
);
