-- Traces, their spans, and what was said about them.

CREATE TABLE traces (
    id TEXT COLLATE "C" PRIMARY KEY,
    experiment BIGINT NOT NULL REFERENCES experiments (id) ON DELETE CASCADE,
    started BIGINT NOT NULL,
    duration BIGINT,
    state TEXT COLLATE "C" NOT NULL,
    client_request_id TEXT COLLATE "C",
    request_preview TEXT COLLATE "C",
    response_preview TEXT COLLATE "C"
);
CREATE INDEX traces_by_start ON traces (experiment, started DESC, id);

CREATE TABLE trace_tags (
    trace TEXT COLLATE "C" NOT NULL REFERENCES traces (id) ON DELETE CASCADE,
    key TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (trace, key)
);

CREATE TABLE trace_metadata (
    trace TEXT COLLATE "C" NOT NULL REFERENCES traces (id) ON DELETE CASCADE,
    key TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (trace, key)
);
-- For the traces of a session.
CREATE INDEX trace_metadata_by_value ON trace_metadata (key, value)
    WHERE key = 'mlflow.trace.session';

-- Figures of whole traces, such as tokens and costs.
CREATE TABLE trace_measures (
    trace TEXT COLLATE "C" NOT NULL REFERENCES traces (id) ON DELETE CASCADE,
    key TEXT COLLATE "C" NOT NULL,
    value DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (trace, key)
);

-- `content` is the whole span as a document; the other columns are what is searched and counted.
CREATE TABLE spans (
    trace TEXT COLLATE "C" NOT NULL REFERENCES traces (id) ON DELETE CASCADE,
    id TEXT COLLATE "C" NOT NULL,
    parent TEXT COLLATE "C",
    name TEXT COLLATE "C" NOT NULL,
    type TEXT COLLATE "C",
    status TEXT COLLATE "C" NOT NULL,
    started BIGINT NOT NULL,
    ended BIGINT,
    model_name TEXT COLLATE "C",
    model_provider TEXT COLLATE "C",
    input_cost DOUBLE PRECISION,
    output_cost DOUBLE PRECISION,
    total_cost DOUBLE PRECISION,
    size BIGINT NOT NULL,
    content TEXT NOT NULL,
    PRIMARY KEY (trace, id)
);

-- `value` is the judgement as JSON text; `number` what it counts as in averages. `for_session` marks
-- what was said about a whole session.
CREATE TABLE assessments (
    id TEXT COLLATE "C" PRIMARY KEY,
    trace TEXT COLLATE "C" NOT NULL REFERENCES traces (id) ON DELETE CASCADE,
    kind TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    number DOUBLE PRECISION,
    is_number BOOLEAN NOT NULL,
    for_session BOOLEAN NOT NULL,
    valid BOOLEAN NOT NULL,
    created BIGINT NOT NULL,
    document TEXT NOT NULL
);
CREATE INDEX assessments_by_trace ON assessments (trace, created);
CREATE INDEX assessments_by_name ON assessments (name, kind);

-- Links may come before their trace, so they do not refer to it.
CREATE TABLE trace_runs (
    run TEXT COLLATE "C" NOT NULL,
    trace TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (run, trace)
);
CREATE INDEX trace_runs_by_trace ON trace_runs (trace);

CREATE TABLE trace_prompts (
    trace TEXT COLLATE "C" NOT NULL REFERENCES traces (id) ON DELETE CASCADE,
    prompt TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (trace, prompt)
);
CREATE INDEX trace_prompts_by_prompt ON trace_prompts (prompt);
