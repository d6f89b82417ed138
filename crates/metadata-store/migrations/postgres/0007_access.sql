-- Users, the hashes of their tokens, and the roles they hold.

CREATE TABLE users (
    name    TEXT COLLATE "C" PRIMARY KEY,
    created BIGINT NOT NULL
);

CREATE TABLE access_tokens (
    id        TEXT COLLATE "C" PRIMARY KEY,
    sha256    TEXT COLLATE "C" NOT NULL UNIQUE,
    user_name TEXT COLLATE "C" NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    label     TEXT COLLATE "C" NOT NULL,
    created   BIGINT NOT NULL,
    expires   BIGINT
);
CREATE INDEX access_tokens_by_user ON access_tokens (user_name);

CREATE TABLE grants (
    user_name TEXT COLLATE "C" NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    scope     TEXT COLLATE "C" NOT NULL,
    role      TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (user_name, scope)
);
CREATE INDEX grants_by_scope ON grants (scope);
