//! Collections, versions and files of artifacts.

use super::tx::{SqlTx, place, to_i64, to_text, to_u64};
use crate::Result;
use crate::driver::{Row, ToValue as _, Value, params};
use mainspring_domain::Timestamp;
use mainspring_domain::wandb::{ArtifactEntry, ArtifactState, ArtifactVersion, Collection};

const COLLECTION: &str = "SELECT id, experiment, kind, name, description, client_id, created, updated,
    last_version FROM wandb_collections";
const ARTIFACT: &str = "SELECT a.id, a.collection, a.version, a.digest, a.state, a.run, a.client_id,
    a.created, a.updated, a.details FROM wandb_artifacts a";
const ENTRY: &str = "SELECT path, digest, size, reference FROM wandb_entries";

fn collection(row: &Row<'_>) -> Result<Collection> {
    Ok(Collection {
        id: row.get(0)?,
        experiment: row.get(1)?,
        kind: row.get(2)?,
        name: row.get(3)?,
        description: row.get(4)?,
        client_id: row.get(5)?,
        created: Timestamp::from_millis(row.get(6)?),
        updated: Timestamp::from_millis(row.get(7)?),
        last_version: row.get(8)?,
    })
}

fn artifact(row: &Row<'_>) -> Result<ArtifactVersion> {
    Ok(ArtifactVersion {
        id: row.get(0)?,
        collection: row.get(1)?,
        version: row.get(2)?,
        digest: row.get(3)?,
        state: ArtifactState::from_stored(row.text(4)?),
        run: row.get(5)?,
        client_id: row.get(6)?,
        created: Timestamp::from_millis(row.get(7)?),
        updated: Timestamp::from_millis(row.get(8)?),
        details: serde_json::from_str(row.text(9)?)?,
    })
}

fn entry(row: &Row<'_>) -> Result<ArtifactEntry> {
    Ok(ArtifactEntry {
        path: row.get(0)?,
        digest: row.get(1)?,
        size: to_u64(row.get(2)?),
        reference: row.get(3)?,
    })
}

impl SqlTx<'_> {
    pub(super) fn collections_of(&self, experiment: i64, kind: Option<&str>) -> Result<Vec<Collection>> {
        self.rows(
            &format!(
                "{COLLECTION} WHERE experiment = ?1 AND (CAST(?2 AS TEXT) IS NULL OR kind = ?2) ORDER BY name"
            ),
            params![experiment, kind],
            collection,
        )
    }

    pub(super) fn collection_row(&self, id: i64) -> Result<Option<Collection>> {
        self.row(&format!("{COLLECTION} WHERE id = ?1"), [id], collection)
    }

    pub(super) fn collection_named(&self, experiment: i64, name: &str) -> Result<Option<Collection>> {
        let sql = format!("{COLLECTION} WHERE experiment = ?1 AND name = ?2");
        self.row(&sql, params![experiment, name], collection)
    }

    pub(super) fn insert_collection(&self, new: &Collection) -> Result<i64> {
        self.scalar(
            "INSERT INTO wandb_collections
                 (experiment, kind, name, description, client_id, created, updated, last_version)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) RETURNING id",
            params![
                new.experiment,
                new.kind,
                new.name,
                new.description,
                new.client_id,
                new.created.as_millis(),
                new.updated.as_millis(),
                new.last_version
            ],
        )
    }

    pub(super) fn update_collection(&self, held: &Collection) -> Result<()> {
        self.execute(
            "UPDATE wandb_collections SET kind = ?2, name = ?3, description = ?4, client_id = ?5,
                 updated = ?6, last_version = ?7 WHERE id = ?1",
            params![
                held.id,
                held.kind,
                held.name,
                held.description,
                held.client_id,
                held.updated.as_millis(),
                held.last_version
            ],
        )?;
        Ok(())
    }

    pub(super) fn artifact_row(&self, id: &str) -> Result<Option<ArtifactVersion>> {
        self.row(&format!("{ARTIFACT} WHERE a.id = ?1"), [id], artifact)
    }

    pub(super) fn artifacts_of(&self, collection: i64) -> Result<Vec<ArtifactVersion>> {
        let sql = format!(
            "{ARTIFACT} WHERE a.collection = ?1 AND a.state = 'COMMITTED' ORDER BY a.version DESC, a.id"
        );
        self.rows(&sql, [collection], artifact)
    }

    pub(super) fn artifacts_with_digest(
        &self,
        collection: i64,
        digest: &str,
    ) -> Result<Vec<ArtifactVersion>> {
        self.rows(
            &format!(
                "{ARTIFACT} WHERE a.collection = ?1 AND a.digest = ?2 AND a.state <> 'DELETED'
                 ORDER BY a.created DESC, a.id"
            ),
            params![collection, digest],
            artifact,
        )
    }

    pub(super) fn artifact_aliased(&self, collection: i64, alias: &str) -> Result<Option<ArtifactVersion>> {
        self.row(
            &format!(
                "{ARTIFACT} JOIN wandb_aliases l ON l.artifact = a.id
                 WHERE l.collection = ?1 AND l.alias = ?2"
            ),
            params![collection, alias],
            artifact,
        )
    }

    pub(super) fn artifacts_made_by(&self, run: &str) -> Result<Vec<ArtifactVersion>> {
        let sql = format!("{ARTIFACT} WHERE a.run = ?1 AND a.state = 'COMMITTED' ORDER BY a.created, a.id");
        self.rows(&sql, [run], artifact)
    }

    pub(super) fn artifacts_used_by(&self, run: &str) -> Result<Vec<ArtifactVersion>> {
        let sql = format!(
            "{ARTIFACT} JOIN wandb_uses u ON u.artifact = a.id WHERE u.run = ?1 ORDER BY a.created, a.id"
        );
        self.rows(&sql, [run], artifact)
    }

    pub(super) fn artifact_of_client(&self, client_id: &str) -> Result<Option<ArtifactVersion>> {
        let sql = format!("{ARTIFACT} WHERE a.client_id = ?1 ORDER BY a.created DESC, a.id LIMIT 1");
        if let Some(found) = self.row(&sql, [client_id], artifact)? {
            return Ok(Some(found));
        }
        let sql = format!(
            "{ARTIFACT} JOIN wandb_collections c ON c.id = a.collection
             WHERE c.client_id = ?1 AND a.state = 'COMMITTED' ORDER BY a.version DESC LIMIT 1"
        );
        self.row(&sql, [client_id], artifact)
    }

    pub(super) fn put_artifact(&self, new: &ArtifactVersion) -> Result<()> {
        self.execute(
            "INSERT INTO wandb_artifacts
                 (id, collection, version, digest, state, run, client_id, created, updated, details)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
             ON CONFLICT (id) DO UPDATE SET version = excluded.version, state = excluded.state,
                 run = excluded.run, updated = excluded.updated, details = excluded.details",
            params![
                new.id,
                new.collection,
                new.version,
                new.digest,
                new.state.as_str(),
                new.run,
                new.client_id,
                new.created.as_millis(),
                new.updated.as_millis(),
                to_text(&new.details)?
            ],
        )?;
        Ok(())
    }

    pub(super) fn entries_after(
        &self,
        artifact: &str,
        after: &str,
        limit: usize,
    ) -> Result<Vec<ArtifactEntry>> {
        let sql = format!("{ENTRY} WHERE artifact = ?1 AND path > ?2 ORDER BY path LIMIT ?3");
        self.rows(&sql, params![artifact, after, place(limit)], entry)
    }

    pub(super) fn entry(&self, artifact: &str, path: &str) -> Result<Option<ArtifactEntry>> {
        self.row(&format!("{ENTRY} WHERE artifact = ?1 AND path = ?2"), [artifact, path], entry)
    }

    pub(super) fn insert_entries(&self, artifact: &str, entries: &[ArtifactEntry]) -> Result<()> {
        self.execute_many(
            "INSERT INTO wandb_entries (artifact, path, digest, size, reference)
             VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
            entries.iter().map(|entry| {
                [
                    artifact.to_value(),
                    entry.path.to_value(),
                    entry.digest.to_value(),
                    Value::Integer(to_i64(entry.size)),
                    entry.reference.to_value(),
                ]
            }),
        )?;
        Ok(())
    }
}
