-- Attributes of units whose arms are served elsewhere, as they were when they first saw their arm.
ALTER TABLE ab_exposures ADD COLUMN attributes TEXT;

-- Lists that the rankings of two arms were merged into, with the arm of each item.
CREATE TABLE ab_interleaved (
    test    TEXT    NOT NULL,
    phase   INTEGER NOT NULL,
    request TEXT    NOT NULL,
    unit    TEXT    NOT NULL,
    time    INTEGER NOT NULL,
    list    TEXT    NOT NULL,
    PRIMARY KEY (test, phase, request)
) STRICT, WITHOUT ROWID;

-- Which item of such a list an event is about.
ALTER TABLE metric_events ADD COLUMN request TEXT;
ALTER TABLE metric_events ADD COLUMN item TEXT;
