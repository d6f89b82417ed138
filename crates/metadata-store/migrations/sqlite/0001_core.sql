-- The audit trail: one line per change, chained by hash.
CREATE TABLE audit (
    seq       INTEGER PRIMARY KEY,
    time      INTEGER NOT NULL,
    actor     TEXT    NOT NULL,
    action    TEXT    NOT NULL,
    subject   TEXT    NOT NULL,
    reason    TEXT,
    details   TEXT    NOT NULL,
    prev_hash TEXT    NOT NULL,
    hash      TEXT    NOT NULL
) STRICT;
CREATE INDEX audit_subject ON audit (subject, seq);

-- Events that somebody still has to react to. A row names the audit line it came with.
CREATE TABLE outbox (
    seq INTEGER PRIMARY KEY REFERENCES audit (seq)
) STRICT;

-- How far each reader of a numbered sequence has come.
CREATE TABLE cursors (
    reader TEXT PRIMARY KEY,
    seq    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
