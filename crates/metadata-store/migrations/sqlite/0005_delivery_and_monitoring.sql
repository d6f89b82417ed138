CREATE TABLE deployments (
    model TEXT PRIMARY KEY,
    doc   TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE rollouts (
    num   INTEGER PRIMARY KEY,
    id    TEXT    NOT NULL UNIQUE,
    model TEXT    NOT NULL,
    ended INTEGER,
    doc   TEXT    NOT NULL
) STRICT;
CREATE INDEX rollouts_model ON rollouts (model, num);

CREATE TABLE predictions (
    num           INTEGER PRIMARY KEY,
    id            TEXT    NOT NULL UNIQUE,
    time          INTEGER NOT NULL,
    event_time    INTEGER,
    model         TEXT    NOT NULL,
    version       INTEGER NOT NULL,
    arm           TEXT    NOT NULL,
    rollout       TEXT,
    canary_weight INTEGER NOT NULL,
    features      TEXT    NOT NULL,
    score         REAL,
    error         TEXT,
    -- Tries of the same request that failed before this one.
    failures      INTEGER NOT NULL DEFAULT 0,
    latency_us    INTEGER NOT NULL,
    label         REAL,
    label_time    INTEGER,
    label_num     INTEGER
) STRICT;
CREATE INDEX predictions_time ON predictions (model, time);
-- The order in which labels came, which is the order in which the monitor reads them.
CREATE UNIQUE INDEX predictions_label ON predictions (label_num) WHERE label_num IS NOT NULL;
CREATE INDEX predictions_labelled ON predictions (model, label_num) WHERE label_num IS NOT NULL;

-- Feedback that names no known request.
CREATE TABLE feedback_orphans (
    request_id TEXT PRIMARY KEY,
    label      REAL    NOT NULL,
    time       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE monitor_windows (
    id    INTEGER PRIMARY KEY,
    model TEXT NOT NULL,
    doc   TEXT NOT NULL
) STRICT;
CREATE INDEX monitor_windows_model ON monitor_windows (model, id);

CREATE TABLE alerts (
    id       INTEGER PRIMARY KEY,
    model    TEXT NOT NULL,
    resolved INTEGER,
    doc      TEXT NOT NULL
) STRICT;
CREATE INDEX alerts_model ON alerts (model, id);
