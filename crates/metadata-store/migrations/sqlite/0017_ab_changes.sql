-- When an exposure or a request of the unit last came, in milliseconds since 1970, in steps of ten seconds: a look
-- at a test reads what came since the one before.
ALTER TABLE ab_exposures ADD COLUMN changed INTEGER NOT NULL DEFAULT 0;
CREATE INDEX ab_exposures_changed ON ab_exposures (changed, test, phase);
CREATE INDEX metric_events_received ON metric_events (name, received);

-- Labels come to requests.
CREATE INDEX ab_requests_by_request ON ab_requests (request);
