-- +goose Up
-- Template deployments. path and scope are ids in lower case, as bytes. document is what
-- became of the deployment, template what was submitted, without defaults of secure
-- parameters; neither holds a secure value. A deployment that runs is kept alive by its
-- server; wanted is "cancel" once somebody asked for that.
CREATE TABLE deployments (
    path       BYTEA  PRIMARY KEY,
    scope      BYTEA  NOT NULL,
    id         TEXT   NOT NULL,
    state      TEXT   NOT NULL,
    wanted     TEXT   NOT NULL,
    location   TEXT   NOT NULL,
    server     TEXT   NOT NULL,
    alive_at   BIGINT NOT NULL,
    started_at BIGINT NOT NULL,
    revision   BIGINT NOT NULL,
    document   TEXT   NOT NULL,
    template   TEXT   NOT NULL
);
CREATE INDEX deployments_by_scope ON deployments (scope, started_at);
CREATE INDEX deployments_by_state ON deployments (state);
-- What a deployment did, a row for every resource. document is JSON.
CREATE TABLE deployment_operations (
    path     BYTEA  NOT NULL,
    id       TEXT   NOT NULL,
    place    BIGINT NOT NULL,
    document TEXT   NOT NULL,
    PRIMARY KEY (path, id)
);
