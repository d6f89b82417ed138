-- Workspaces keep the experiments and models of teams apart. A registered model of another workspace
-- than the default one has the name WORKSPACE:NAME, so its table stays as it is.
CREATE TABLE workspaces (
    name          TEXT    PRIMARY KEY,
    description   TEXT,
    artifact_root TEXT,
    created       INTEGER NOT NULL,
    updated       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO workspaces (name, description, created, updated)
VALUES ('default', 'What names no other workspace', unixepoch() * 1000, unixepoch() * 1000);

-- Names of experiments are unique within a workspace now, which only a new table can say. The ids that
-- were given are remembered beyond those in use.
CREATE TABLE experiments_of_workspaces (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    workspace         TEXT    NOT NULL DEFAULT 'default' REFERENCES workspaces (name),
    name              TEXT    NOT NULL,
    artifact_location TEXT    NOT NULL,
    lifecycle         TEXT    NOT NULL,
    created           INTEGER NOT NULL,
    updated           INTEGER NOT NULL,
    UNIQUE (workspace, name)
) STRICT;
INSERT INTO experiments_of_workspaces (id, name, artifact_location, lifecycle, created, updated)
SELECT id, name, artifact_location, lifecycle, created, updated FROM experiments;
UPDATE sqlite_sequence SET seq = (SELECT seq FROM sqlite_sequence WHERE name = 'experiments')
WHERE name = 'experiments_of_workspaces'
  AND EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'experiments');
DROP TABLE experiments;
ALTER TABLE experiments_of_workspaces RENAME TO experiments;

ALTER TABLE evaluation_datasets ADD COLUMN workspace TEXT NOT NULL DEFAULT 'default';
ALTER TABLE webhooks ADD COLUMN workspace TEXT NOT NULL DEFAULT 'default';
