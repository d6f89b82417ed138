-- The runs of an experiment in the order of a metric. Runs stay in their experiment.
ALTER TABLE latest_metrics ADD COLUMN experiment BIGINT NOT NULL DEFAULT 0;
UPDATE latest_metrics SET experiment = (SELECT r.experiment FROM runs r WHERE r.num = run);
CREATE INDEX latest_metrics_by_value ON latest_metrics (experiment, key, value);
