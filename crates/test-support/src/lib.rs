//! Shared test fixtures: fake clock, temporary store, test server.
