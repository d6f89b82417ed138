-- What clients of W&B keep that runs, metrics and artifacts have no place for.

-- A run under the id that its client chose. `details` is a JSON document.
CREATE TABLE wandb_runs (
    run        TEXT    PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
    experiment INTEGER NOT NULL REFERENCES experiments (id) ON DELETE CASCADE,
    name       TEXT    NOT NULL,
    details    TEXT    NOT NULL,
    UNIQUE (experiment, name)
) STRICT, WITHOUT ROWID;

-- The lines of a run's streams, as they were sent, by their number.
CREATE TABLE wandb_lines (
    run    TEXT    NOT NULL REFERENCES wandb_runs (run) ON DELETE CASCADE,
    stream TEXT    NOT NULL,
    line   INTEGER NOT NULL,
    step   INTEGER,
    text   TEXT    NOT NULL,
    PRIMARY KEY (run, stream, line)
) STRICT, WITHOUT ROWID;
CREATE INDEX wandb_lines_by_step ON wandb_lines (run, stream, step);

-- `last_version` keeps the number of a deleted version from being given again.
CREATE TABLE wandb_collections (
    id           INTEGER PRIMARY KEY,
    experiment   INTEGER NOT NULL REFERENCES experiments (id) ON DELETE CASCADE,
    kind         TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    description  TEXT,
    client_id    TEXT,
    created      INTEGER NOT NULL,
    updated      INTEGER NOT NULL,
    last_version INTEGER NOT NULL DEFAULT -1,
    UNIQUE (experiment, name)
) STRICT;
CREATE INDEX wandb_collections_by_client ON wandb_collections (client_id);

CREATE TABLE wandb_artifacts (
    id         TEXT    PRIMARY KEY,
    collection INTEGER NOT NULL REFERENCES wandb_collections (id) ON DELETE CASCADE,
    version    INTEGER,
    digest     TEXT    NOT NULL,
    state      TEXT    NOT NULL,
    run        TEXT,
    client_id  TEXT,
    created    INTEGER NOT NULL,
    updated    INTEGER NOT NULL,
    details    TEXT    NOT NULL,
    UNIQUE (collection, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX wandb_artifacts_by_digest ON wandb_artifacts (collection, digest);
CREATE INDEX wandb_artifacts_by_run ON wandb_artifacts (run);
CREATE INDEX wandb_artifacts_by_client ON wandb_artifacts (client_id);

CREATE TABLE wandb_aliases (
    collection INTEGER NOT NULL REFERENCES wandb_collections (id) ON DELETE CASCADE,
    alias      TEXT    NOT NULL,
    artifact   TEXT    NOT NULL REFERENCES wandb_artifacts (id) ON DELETE CASCADE,
    PRIMARY KEY (collection, alias)
) STRICT, WITHOUT ROWID;
CREATE INDEX wandb_aliases_by_artifact ON wandb_aliases (artifact);

-- The files of an artifact, as its manifest lists them.
CREATE TABLE wandb_entries (
    artifact  TEXT    NOT NULL REFERENCES wandb_artifacts (id) ON DELETE CASCADE,
    path      TEXT    NOT NULL,
    digest    TEXT    NOT NULL,
    size      INTEGER NOT NULL,
    reference TEXT,
    PRIMARY KEY (artifact, path)
) STRICT, WITHOUT ROWID;

CREATE TABLE wandb_uses (
    run      TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    artifact TEXT NOT NULL REFERENCES wandb_artifacts (id) ON DELETE CASCADE,
    PRIMARY KEY (run, artifact)
) STRICT, WITHOUT ROWID;
CREATE INDEX wandb_uses_by_artifact ON wandb_uses (artifact);

-- The secret that signs URLs for uploads and downloads.
CREATE TABLE wandb_secrets (
    id     INTEGER PRIMARY KEY,
    secret TEXT    NOT NULL
) STRICT;
