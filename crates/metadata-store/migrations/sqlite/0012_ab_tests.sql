-- A/B tests and what is collected for them.

CREATE TABLE ab_tests (
    num    INTEGER PRIMARY KEY,
    id     TEXT NOT NULL UNIQUE,
    name   TEXT NOT NULL UNIQUE,
    status TEXT NOT NULL,
    doc    TEXT NOT NULL
) STRICT;
CREATE INDEX ab_tests_running ON ab_tests (status) WHERE status = 'running';

CREATE TABLE ab_phases (
    test   TEXT    NOT NULL REFERENCES ab_tests (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    doc    TEXT    NOT NULL,
    PRIMARY KEY (test, number)
) STRICT, WITHOUT ROWID;

-- Units by phase, with the arm that they saw first.
CREATE TABLE ab_exposures (
    test    TEXT    NOT NULL,
    phase   INTEGER NOT NULL,
    unit    TEXT    NOT NULL,
    arm     INTEGER NOT NULL,
    first   INTEGER NOT NULL,
    times   INTEGER NOT NULL,
    crossed INTEGER NOT NULL,
    PRIMARY KEY (test, phase, unit)
) STRICT, WITHOUT ROWID;

-- Which predictions were made for which unit.
CREATE TABLE ab_requests (
    test    TEXT    NOT NULL,
    phase   INTEGER NOT NULL,
    unit    TEXT    NOT NULL,
    request TEXT    NOT NULL,
    PRIMARY KEY (test, phase, unit, request)
) STRICT, WITHOUT ROWID;

CREATE TABLE metric_events (
    id    TEXT    NOT NULL PRIMARY KEY,
    name  TEXT    NOT NULL,
    unit  TEXT    NOT NULL,
    value REAL    NOT NULL,
    time  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX metric_events_by_name ON metric_events (name, unit, time, id);

CREATE TABLE ab_decisions (
    test   TEXT    NOT NULL REFERENCES ab_tests (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    doc    TEXT    NOT NULL,
    PRIMARY KEY (test, number)
) STRICT, WITHOUT ROWID;

-- Copies of requests are joined with the requests.
CREATE INDEX shadows_by_request ON shadows (rollout, request_id);
