-- When a run was deleted, and whether the deletion of its experiment took it along: restoring the
-- experiment brings back exactly those.
ALTER TABLE runs ADD COLUMN deleted_at BIGINT;
ALTER TABLE runs ADD COLUMN deleted_with_experiment BOOLEAN NOT NULL DEFAULT false;
UPDATE runs SET deleted_at = COALESCE(end_time, start_time) WHERE lifecycle = 'deleted';
CREATE INDEX runs_deleted ON runs (deleted_at) WHERE lifecycle = 'deleted';

-- Artifacts whose owner is gone for good; a row goes away with its files.
CREATE TABLE artifact_garbage (
    path   TEXT COLLATE "C" PRIMARY KEY,
    queued BIGINT NOT NULL,
    error  TEXT COLLATE "C"
);

-- `secret` is encrypted with a key that is not in the database.
CREATE TABLE webhooks (
    id          TEXT COLLATE "C" PRIMARY KEY,
    name        TEXT COLLATE "C" NOT NULL,
    description TEXT COLLATE "C" NOT NULL,
    url         TEXT COLLATE "C" NOT NULL,
    status      TEXT COLLATE "C" NOT NULL,
    secret      TEXT COLLATE "C",
    created     BIGINT NOT NULL,
    updated     BIGINT NOT NULL
);
CREATE INDEX webhooks_by_creation ON webhooks (created DESC, id);

CREATE TABLE webhook_events (
    webhook  TEXT COLLATE "C" NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    event    TEXT COLLATE "C" NOT NULL,
    position BIGINT NOT NULL,
    PRIMARY KEY (webhook, event)
);
CREATE INDEX webhook_events_by_event ON webhook_events (event, webhook);

-- Messages on their way; a row goes away when its message was taken or given up.
CREATE TABLE webhook_deliveries (
    id      TEXT COLLATE "C" PRIMARY KEY,
    webhook TEXT COLLATE "C" NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    event   TEXT COLLATE "C" NOT NULL,
    time    BIGINT NOT NULL,
    payload TEXT COLLATE "C" NOT NULL,
    tries   BIGINT NOT NULL,
    due     BIGINT NOT NULL
);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (due, id);
CREATE INDEX webhook_deliveries_by_webhook ON webhook_deliveries (webhook, due, id);

CREATE TABLE evaluation_datasets (
    id         TEXT COLLATE "C" PRIMARY KEY,
    name       TEXT COLLATE "C" NOT NULL,
    digest     TEXT COLLATE "C" NOT NULL,
    created    BIGINT NOT NULL,
    updated    BIGINT NOT NULL,
    created_by TEXT COLLATE "C",
    updated_by TEXT COLLATE "C",
    schema     TEXT COLLATE "C",
    profile    TEXT COLLATE "C"
);
CREATE INDEX evaluation_datasets_by_creation ON evaluation_datasets (created DESC, id DESC);

CREATE TABLE evaluation_dataset_tags (
    dataset TEXT COLLATE "C" NOT NULL REFERENCES evaluation_datasets (id) ON DELETE CASCADE,
    key     TEXT COLLATE "C" NOT NULL,
    value   TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (dataset, key)
);

CREATE TABLE evaluation_dataset_experiments (
    dataset    TEXT COLLATE "C" NOT NULL REFERENCES evaluation_datasets (id) ON DELETE CASCADE,
    experiment BIGINT NOT NULL REFERENCES experiments (id) ON DELETE CASCADE,
    PRIMARY KEY (dataset, experiment)
);
CREATE INDEX evaluation_dataset_experiments_by_experiment
    ON evaluation_dataset_experiments (experiment, dataset);

-- A record is known by the hash of its inputs: the same inputs again change it.
CREATE TABLE evaluation_records (
    id         TEXT COLLATE "C" PRIMARY KEY,
    dataset    TEXT COLLATE "C" NOT NULL REFERENCES evaluation_datasets (id) ON DELETE CASCADE,
    input_hash TEXT COLLATE "C" NOT NULL,
    created    BIGINT NOT NULL,
    doc        TEXT COLLATE "C" NOT NULL,
    UNIQUE (dataset, input_hash)
);
CREATE INDEX evaluation_records_in_order ON evaluation_records (dataset, created, id);

-- Which versions are made from a logged model: it must outlive them.
CREATE INDEX model_versions_by_logged_model ON model_versions (model_id);
