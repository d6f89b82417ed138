-- Experiments, runs and what is logged to them; registered models and their versions.

CREATE TABLE experiments (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    name              TEXT    NOT NULL UNIQUE,
    artifact_location TEXT    NOT NULL,
    lifecycle         TEXT    NOT NULL,
    created           INTEGER NOT NULL,
    updated           INTEGER NOT NULL
) STRICT;

INSERT INTO experiments (id, name, artifact_location, lifecycle, created, updated)
VALUES (0, 'Default', 'mlflow-artifacts:/0', 'active', unixepoch() * 1000, unixepoch() * 1000);

CREATE TABLE experiment_tags (
    experiment INTEGER NOT NULL REFERENCES experiments (id) ON DELETE CASCADE,
    key        TEXT    NOT NULL,
    value      TEXT    NOT NULL,
    PRIMARY KEY (experiment, key)
) STRICT, WITHOUT ROWID;

-- `num` is the run within the database: what is logged refers to it, not to the long id.
CREATE TABLE runs (
    num          INTEGER PRIMARY KEY,
    id           TEXT    NOT NULL UNIQUE,
    experiment   INTEGER NOT NULL REFERENCES experiments (id) ON DELETE CASCADE,
    name         TEXT    NOT NULL,
    user_name    TEXT    NOT NULL,
    status       TEXT    NOT NULL,
    start_time   INTEGER NOT NULL,
    end_time     INTEGER,
    lifecycle    TEXT    NOT NULL,
    artifact_uri TEXT    NOT NULL,
    created_by   TEXT    NOT NULL
) STRICT;
CREATE INDEX runs_by_start ON runs (experiment, start_time DESC, id);
CREATE INDEX runs_by_creator ON runs (created_by);

CREATE TABLE run_params (
    run   INTEGER NOT NULL REFERENCES runs (num) ON DELETE CASCADE,
    key   TEXT    NOT NULL,
    value TEXT    NOT NULL,
    PRIMARY KEY (run, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE run_tags (
    run   INTEGER NOT NULL REFERENCES runs (num) ON DELETE CASCADE,
    key   TEXT    NOT NULL,
    value TEXT    NOT NULL,
    PRIMARY KEY (run, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE metric_keys (
    id  INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE
) STRICT;

-- Every point, in the order in which a history is read. The key makes repeated points disappear.
-- NaN is stored as value 0 with its mark.
CREATE TABLE metric_points (
    run    INTEGER NOT NULL REFERENCES runs (num) ON DELETE CASCADE,
    key    INTEGER NOT NULL,
    step   INTEGER NOT NULL,
    ts     INTEGER NOT NULL,
    is_nan INTEGER NOT NULL,
    value  REAL    NOT NULL,
    PRIMARY KEY (run, key, step, ts, is_nan, value)
) STRICT, WITHOUT ROWID;

CREATE TABLE latest_metrics (
    run    INTEGER NOT NULL REFERENCES runs (num) ON DELETE CASCADE,
    key    INTEGER NOT NULL,
    step   INTEGER NOT NULL,
    ts     INTEGER NOT NULL,
    is_nan INTEGER NOT NULL,
    value  REAL    NOT NULL,
    PRIMARY KEY (run, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE datasets (
    id          INTEGER PRIMARY KEY,
    experiment  INTEGER NOT NULL REFERENCES experiments (id) ON DELETE CASCADE,
    name        TEXT    NOT NULL,
    digest      TEXT    NOT NULL,
    source_type TEXT    NOT NULL,
    source      TEXT    NOT NULL,
    schema      TEXT,
    profile     TEXT,
    UNIQUE (experiment, name, digest)
) STRICT;

CREATE TABLE run_inputs (
    run     INTEGER NOT NULL REFERENCES runs (num) ON DELETE CASCADE,
    dataset INTEGER NOT NULL REFERENCES datasets (id),
    PRIMARY KEY (run, dataset)
) STRICT, WITHOUT ROWID;

CREATE TABLE run_input_tags (
    run     INTEGER NOT NULL,
    dataset INTEGER NOT NULL,
    key     TEXT    NOT NULL,
    value   TEXT    NOT NULL,
    PRIMARY KEY (run, dataset, key),
    FOREIGN KEY (run, dataset) REFERENCES run_inputs (run, dataset) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE run_model_inputs (
    run      INTEGER NOT NULL REFERENCES runs (num) ON DELETE CASCADE,
    model_id TEXT    NOT NULL,
    PRIMARY KEY (run, model_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE run_outputs (
    run      INTEGER NOT NULL REFERENCES runs (num) ON DELETE CASCADE,
    model_id TEXT    NOT NULL,
    step     INTEGER NOT NULL,
    PRIMARY KEY (run, model_id, step)
) STRICT, WITHOUT ROWID;

CREATE TABLE logged_models (
    id           TEXT    PRIMARY KEY,
    experiment   INTEGER NOT NULL REFERENCES experiments (id) ON DELETE CASCADE,
    name         TEXT    NOT NULL,
    created      INTEGER NOT NULL,
    updated      INTEGER NOT NULL,
    artifact_uri TEXT    NOT NULL,
    status       TEXT    NOT NULL,
    model_type   TEXT    NOT NULL,
    source_run   TEXT,
    lifecycle    TEXT    NOT NULL
) STRICT;
CREATE INDEX logged_models_by_creation ON logged_models (experiment, created DESC, id);
CREATE INDEX logged_models_by_run ON logged_models (source_run);

CREATE TABLE logged_model_params (
    model TEXT NOT NULL REFERENCES logged_models (id) ON DELETE CASCADE,
    key   TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (model, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE logged_model_tags (
    model TEXT NOT NULL REFERENCES logged_models (id) ON DELETE CASCADE,
    key   TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (model, key)
) STRICT, WITHOUT ROWID;

-- Points that were logged with a model, and perhaps with a data set that it was measured on.
CREATE TABLE logged_model_metrics (
    model          TEXT    NOT NULL REFERENCES logged_models (id) ON DELETE CASCADE,
    key            TEXT    NOT NULL,
    run            TEXT    NOT NULL,
    step           INTEGER NOT NULL,
    ts             INTEGER NOT NULL,
    is_nan         INTEGER NOT NULL,
    value          REAL    NOT NULL,
    dataset_name   TEXT,
    dataset_digest TEXT,
    PRIMARY KEY (model, key, run, step, ts)
) STRICT, WITHOUT ROWID;

-- `last_version` keeps the number of a deleted version from being given again.
CREATE TABLE registered_models (
    name         TEXT    PRIMARY KEY,
    description  TEXT    NOT NULL,
    created      INTEGER NOT NULL,
    updated      INTEGER NOT NULL,
    last_version INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE registered_model_tags (
    model TEXT NOT NULL REFERENCES registered_models (name) ON UPDATE CASCADE ON DELETE CASCADE,
    key   TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (model, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE model_versions (
    model            TEXT    NOT NULL
        REFERENCES registered_models (name) ON UPDATE CASCADE ON DELETE CASCADE,
    version          INTEGER NOT NULL,
    created          INTEGER NOT NULL,
    updated          INTEGER NOT NULL,
    stage            TEXT    NOT NULL,
    description      TEXT    NOT NULL,
    source           TEXT    NOT NULL,
    storage_location TEXT    NOT NULL,
    run_id           TEXT,
    model_id         TEXT,
    run_link         TEXT    NOT NULL,
    user_name        TEXT    NOT NULL,
    created_by       TEXT    NOT NULL,
    PRIMARY KEY (model, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX model_versions_by_run ON model_versions (run_id);

CREATE TABLE model_version_tags (
    model   TEXT    NOT NULL,
    version INTEGER NOT NULL,
    key     TEXT    NOT NULL,
    value   TEXT    NOT NULL,
    PRIMARY KEY (model, version, key),
    FOREIGN KEY (model, version) REFERENCES model_versions (model, version)
        ON UPDATE CASCADE ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE model_aliases (
    model   TEXT    NOT NULL,
    alias   TEXT    NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (model, alias),
    FOREIGN KEY (model, version) REFERENCES model_versions (model, version)
        ON UPDATE CASCADE ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX model_aliases_by_version ON model_aliases (model, version);
