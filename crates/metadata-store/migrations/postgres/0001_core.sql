-- The audit trail: one line per change, chained by hash.
CREATE TABLE audit (
    seq       BIGINT PRIMARY KEY,
    time      BIGINT NOT NULL,
    actor     TEXT COLLATE "C" NOT NULL,
    action    TEXT COLLATE "C" NOT NULL,
    subject   TEXT COLLATE "C" NOT NULL,
    reason    TEXT COLLATE "C",
    details   TEXT NOT NULL,
    prev_hash TEXT COLLATE "C" NOT NULL,
    hash      TEXT COLLATE "C" NOT NULL
);
CREATE INDEX audit_subject ON audit (subject, seq);

-- Events that somebody still has to react to. A row names the audit line it came with.
CREATE TABLE outbox (
    seq BIGINT PRIMARY KEY REFERENCES audit (seq)
);

-- How far each reader of a numbered sequence has come.
CREATE TABLE cursors (
    reader TEXT COLLATE "C" PRIMARY KEY,
    seq    BIGINT NOT NULL
);
