-- Workspaces keep the experiments and models of teams apart. A registered model of another workspace
-- than the default one has the name WORKSPACE:NAME, so its table stays as it is.
CREATE TABLE workspaces (
    name          TEXT COLLATE "C" PRIMARY KEY,
    description   TEXT COLLATE "C",
    artifact_root TEXT COLLATE "C",
    created       BIGINT NOT NULL,
    updated       BIGINT NOT NULL
);

INSERT INTO workspaces (name, description, created, updated)
SELECT 'default', 'What names no other workspace', now.ms, now.ms
FROM (SELECT CAST(EXTRACT(EPOCH FROM now()) * 1000 AS BIGINT) AS ms) AS now;

-- Names of experiments are unique within a workspace now.
ALTER TABLE experiments
    ADD COLUMN workspace TEXT COLLATE "C" NOT NULL DEFAULT 'default' REFERENCES workspaces (name),
    DROP CONSTRAINT experiments_name_key,
    ADD CONSTRAINT experiments_workspace_name_key UNIQUE (workspace, name);

ALTER TABLE evaluation_datasets ADD COLUMN workspace TEXT COLLATE "C" NOT NULL DEFAULT 'default';
ALTER TABLE webhooks ADD COLUMN workspace TEXT COLLATE "C" NOT NULL DEFAULT 'default';
