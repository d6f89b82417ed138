-- When an event came, in milliseconds since 1970; 0 for those from before it was noted.
ALTER TABLE metric_events ADD COLUMN received INTEGER NOT NULL DEFAULT 0;

-- Events about items are looked up by the request whose list has them.
CREATE INDEX metric_events_by_request ON metric_events (request, name) WHERE request IS NOT NULL;
