//! Durable state: one trait per area, SQLite implementation with a group-committing writer.
