CREATE TABLE arrivals (
    id          INTEGER PRIMARY KEY,
    path        TEXT    NOT NULL,
    size        INTEGER NOT NULL,
    modified_ns INTEGER NOT NULL,
    time        INTEGER NOT NULL,
    claimed_by  TEXT,
    UNIQUE (path, size, modified_ns)
) STRICT;
CREATE INDEX arrivals_open ON arrivals (id) WHERE claimed_by IS NULL;

CREATE TABLE data_versions (
    id         INTEGER PRIMARY KEY,
    path       TEXT    NOT NULL,
    md5        TEXT    NOT NULL,
    size       INTEGER NOT NULL,
    git_commit TEXT,
    time       INTEGER NOT NULL,
    actor      TEXT    NOT NULL
) STRICT;
CREATE INDEX data_versions_path ON data_versions (path, id);

CREATE TABLE gate_reports (
    num     INTEGER PRIMARY KEY,
    id      TEXT    NOT NULL UNIQUE,
    gate    TEXT    NOT NULL,
    subject TEXT    NOT NULL,
    verdict TEXT    NOT NULL,
    time    INTEGER NOT NULL,
    actor   TEXT    NOT NULL,
    summary TEXT    NOT NULL,
    report  TEXT    NOT NULL
) STRICT;
CREATE INDEX gate_reports_subject ON gate_reports (subject, gate, num);
