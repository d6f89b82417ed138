-- A run by its name, in an experiment of any size. Start and id are there so that the usual order comes
-- from the index too, or the planner would rather walk all runs in that order.
CREATE INDEX runs_by_name ON runs (experiment, name, start_time DESC, id);
