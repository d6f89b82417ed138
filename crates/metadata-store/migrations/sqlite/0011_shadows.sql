-- Copies of live requests that a version on trial was asked, compared with what the client got.
CREATE TABLE shadows (
    num             INTEGER PRIMARY KEY,
    time            INTEGER NOT NULL,
    rollout         TEXT    NOT NULL,
    model           TEXT    NOT NULL,
    version         INTEGER NOT NULL,
    live_version    INTEGER NOT NULL,
    request_id      TEXT    NOT NULL,
    features        TEXT    NOT NULL,
    live_score      REAL,
    score           REAL,
    agrees          INTEGER,
    error           TEXT,
    live_latency_us INTEGER NOT NULL,
    latency_us      INTEGER NOT NULL
) STRICT;
CREATE INDEX shadows_rollout ON shadows (rollout, num);
