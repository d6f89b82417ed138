-- When a run was deleted, and whether the deletion of its experiment took it along: restoring the
-- experiment brings back exactly those.
ALTER TABLE runs ADD COLUMN deleted_at INTEGER;
ALTER TABLE runs ADD COLUMN deleted_with_experiment INTEGER NOT NULL DEFAULT 0;
UPDATE runs SET deleted_at = COALESCE(end_time, start_time) WHERE lifecycle = 'deleted';
CREATE INDEX runs_deleted ON runs (deleted_at) WHERE lifecycle = 'deleted';

-- Artifacts whose owner is gone for good; a row goes away with its files.
CREATE TABLE artifact_garbage (
    path   TEXT    PRIMARY KEY,
    queued INTEGER NOT NULL,
    error  TEXT
) STRICT, WITHOUT ROWID;

-- `secret` is encrypted with a key that is not in the database.
CREATE TABLE webhooks (
    id          TEXT    PRIMARY KEY,
    name        TEXT    NOT NULL,
    description TEXT    NOT NULL,
    url         TEXT    NOT NULL,
    status      TEXT    NOT NULL,
    secret      TEXT,
    created     INTEGER NOT NULL,
    updated     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX webhooks_by_creation ON webhooks (created DESC, id);

CREATE TABLE webhook_events (
    webhook  TEXT    NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    event    TEXT    NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (webhook, event)
) STRICT, WITHOUT ROWID;
CREATE INDEX webhook_events_by_event ON webhook_events (event, webhook);

-- Messages on their way; a row goes away when its message was taken or given up.
CREATE TABLE webhook_deliveries (
    id      TEXT    PRIMARY KEY,
    webhook TEXT    NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    event   TEXT    NOT NULL,
    time    INTEGER NOT NULL,
    payload TEXT    NOT NULL,
    tries   INTEGER NOT NULL,
    due     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (due, id);
CREATE INDEX webhook_deliveries_by_webhook ON webhook_deliveries (webhook, due, id);

CREATE TABLE evaluation_datasets (
    id         TEXT    PRIMARY KEY,
    name       TEXT    NOT NULL,
    digest     TEXT    NOT NULL,
    created    INTEGER NOT NULL,
    updated    INTEGER NOT NULL,
    created_by TEXT,
    updated_by TEXT,
    schema     TEXT,
    profile    TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX evaluation_datasets_by_creation ON evaluation_datasets (created DESC, id DESC);

CREATE TABLE evaluation_dataset_tags (
    dataset TEXT NOT NULL REFERENCES evaluation_datasets (id) ON DELETE CASCADE,
    key     TEXT NOT NULL,
    value   TEXT NOT NULL,
    PRIMARY KEY (dataset, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE evaluation_dataset_experiments (
    dataset    TEXT    NOT NULL REFERENCES evaluation_datasets (id) ON DELETE CASCADE,
    experiment INTEGER NOT NULL REFERENCES experiments (id) ON DELETE CASCADE,
    PRIMARY KEY (dataset, experiment)
) STRICT, WITHOUT ROWID;
CREATE INDEX evaluation_dataset_experiments_by_experiment
    ON evaluation_dataset_experiments (experiment, dataset);

-- A record is known by the hash of its inputs: the same inputs again change it.
CREATE TABLE evaluation_records (
    id         TEXT    PRIMARY KEY,
    dataset    TEXT    NOT NULL REFERENCES evaluation_datasets (id) ON DELETE CASCADE,
    input_hash TEXT    NOT NULL,
    created    INTEGER NOT NULL,
    doc        TEXT    NOT NULL,
    UNIQUE (dataset, input_hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX evaluation_records_in_order ON evaluation_records (dataset, created, id);

-- Which versions are made from a logged model: it must outlive them.
CREATE INDEX model_versions_by_logged_model ON model_versions (model_id);
