-- Traces, their spans, and what was said about them.

CREATE TABLE traces (
    id                TEXT    PRIMARY KEY,
    experiment        INTEGER NOT NULL REFERENCES experiments (id) ON DELETE CASCADE,
    started           INTEGER NOT NULL,
    duration          INTEGER,
    state             TEXT    NOT NULL,
    client_request_id TEXT,
    request_preview   TEXT,
    response_preview  TEXT
) STRICT;
CREATE INDEX traces_by_start ON traces (experiment, started DESC, id);

CREATE TABLE trace_tags (
    trace TEXT NOT NULL REFERENCES traces (id) ON DELETE CASCADE,
    key   TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (trace, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE trace_metadata (
    trace TEXT NOT NULL REFERENCES traces (id) ON DELETE CASCADE,
    key   TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (trace, key)
) STRICT, WITHOUT ROWID;
-- For the traces of a session.
CREATE INDEX trace_metadata_by_value ON trace_metadata (key, value)
    WHERE key = 'mlflow.trace.session';

-- Figures of whole traces, such as tokens and costs.
CREATE TABLE trace_measures (
    trace TEXT NOT NULL REFERENCES traces (id) ON DELETE CASCADE,
    key   TEXT NOT NULL,
    value REAL NOT NULL,
    PRIMARY KEY (trace, key)
) STRICT, WITHOUT ROWID;

-- `content` is the whole span as a document; the other columns are what is searched and counted.
CREATE TABLE spans (
    trace          TEXT    NOT NULL REFERENCES traces (id) ON DELETE CASCADE,
    id             TEXT    NOT NULL,
    parent         TEXT,
    name           TEXT    NOT NULL,
    type           TEXT,
    status         TEXT    NOT NULL,
    started        INTEGER NOT NULL,
    ended          INTEGER,
    model_name     TEXT,
    model_provider TEXT,
    input_cost     REAL,
    output_cost    REAL,
    total_cost     REAL,
    size           INTEGER NOT NULL,
    content        TEXT    NOT NULL,
    PRIMARY KEY (trace, id)
) STRICT;

-- `value` is the judgement as JSON text; `number` what it counts as in averages. `for_session` marks
-- what was said about a whole session.
CREATE TABLE assessments (
    id          TEXT    PRIMARY KEY,
    trace       TEXT    NOT NULL REFERENCES traces (id) ON DELETE CASCADE,
    kind        TEXT    NOT NULL,
    name        TEXT    NOT NULL,
    value       TEXT    NOT NULL,
    number      REAL,
    is_number   INTEGER NOT NULL,
    for_session INTEGER NOT NULL,
    valid       INTEGER NOT NULL,
    created     INTEGER NOT NULL,
    document    TEXT    NOT NULL
) STRICT;
CREATE INDEX assessments_by_trace ON assessments (trace, created);
CREATE INDEX assessments_by_name ON assessments (name, kind);

-- Links may come before their trace, so they do not refer to it.
CREATE TABLE trace_runs (
    run   TEXT NOT NULL,
    trace TEXT NOT NULL,
    PRIMARY KEY (run, trace)
) STRICT, WITHOUT ROWID;
CREATE INDEX trace_runs_by_trace ON trace_runs (trace);

CREATE TABLE trace_prompts (
    trace  TEXT NOT NULL REFERENCES traces (id) ON DELETE CASCADE,
    prompt TEXT NOT NULL,
    PRIMARY KEY (trace, prompt)
) STRICT, WITHOUT ROWID;
CREATE INDEX trace_prompts_by_prompt ON trace_prompts (prompt);
