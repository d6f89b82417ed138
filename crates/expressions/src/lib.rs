//! CEL gates, MLflow search filters, cron and durations: text in, syntax tree or value out.
