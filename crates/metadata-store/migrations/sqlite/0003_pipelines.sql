CREATE TABLE dags (
    dag_id TEXT PRIMARY KEY,
    file   TEXT NOT NULL,
    doc    TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE import_errors (
    file TEXT PRIMARY KEY,
    doc  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE dag_runs (
    num            INTEGER PRIMARY KEY,
    run_id         TEXT    NOT NULL UNIQUE,
    dag_id         TEXT    NOT NULL,
    state          TEXT    NOT NULL,
    run_type       TEXT    NOT NULL,
    interval_start INTEGER NOT NULL,
    doc            TEXT    NOT NULL
) STRICT;
CREATE INDEX dag_runs_dag ON dag_runs (dag_id, num);
CREATE INDEX dag_runs_open ON dag_runs (num) WHERE state IN ('queued', 'running');

CREATE TABLE attempts (
    id           TEXT PRIMARY KEY,
    run_id       TEXT NOT NULL,
    task_id      TEXT NOT NULL,
    try_number   INTEGER NOT NULL,
    state        TEXT NOT NULL,
    token_sha256 TEXT NOT NULL,
    doc          TEXT NOT NULL,
    UNIQUE (run_id, task_id, try_number)
) STRICT, WITHOUT ROWID;
CREATE INDEX attempts_token ON attempts (token_sha256);
CREATE INDEX attempts_open ON attempts (id) WHERE state = 'running';
