-- Attributes of units whose arms are served elsewhere, as they were when they first saw their arm.
ALTER TABLE ab_exposures ADD COLUMN attributes TEXT;

-- Lists that the rankings of two arms were merged into, with the arm of each item.
CREATE TABLE ab_interleaved (
    test    TEXT COLLATE "C" NOT NULL,
    phase   BIGINT NOT NULL,
    request TEXT COLLATE "C" NOT NULL,
    unit    TEXT COLLATE "C" NOT NULL,
    time    BIGINT NOT NULL,
    list    TEXT    NOT NULL,
    PRIMARY KEY (test, phase, request)
);

-- Which item of such a list an event is about.
ALTER TABLE metric_events ADD COLUMN request TEXT COLLATE "C";
ALTER TABLE metric_events ADD COLUMN item TEXT COLLATE "C";
