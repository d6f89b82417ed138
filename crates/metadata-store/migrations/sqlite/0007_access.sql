-- Users, the hashes of their tokens, and the roles they hold.

CREATE TABLE users (
    name    TEXT    PRIMARY KEY,
    created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE access_tokens (
    id        TEXT    PRIMARY KEY,
    sha256    TEXT    NOT NULL UNIQUE,
    user_name TEXT    NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    label     TEXT    NOT NULL,
    created   INTEGER NOT NULL,
    expires   INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX access_tokens_by_user ON access_tokens (user_name);

CREATE TABLE grants (
    user_name TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    scope     TEXT NOT NULL,
    role      TEXT NOT NULL,
    PRIMARY KEY (user_name, scope)
) STRICT, WITHOUT ROWID;
CREATE INDEX grants_by_scope ON grants (scope);
