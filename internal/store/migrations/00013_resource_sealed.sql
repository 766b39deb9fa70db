-- +goose Up
-- What settings of resources hold that may be credentials, encrypted under the data keys of
-- the installation; path is that of the setting.
CREATE TABLE resource_sealed (
    path   BYTEA PRIMARY KEY,
    sealed BYTEA NOT NULL
);
-- Namespaces that a subscription has registered or unregistered itself; state is that of
-- answers. Without a row the installation decides.
CREATE TABLE resource_registrations (
    subscription_id TEXT NOT NULL,
    namespace       TEXT NOT NULL,
    state           TEXT NOT NULL,
    PRIMARY KEY (subscription_id, namespace)
);
