//! Data sets for evaluation.

use super::search::{Entity, Property};
use super::tx::{SqlTx, gathered, place, to_text, to_u64};
use crate::Result;
use crate::driver::{Row, ToValue as _, Value, params};
use crate::traits::search::{Attribute, Search};
use crate::traits::{EvaluationRead, EvaluationWrite};
use mainspring_domain::Timestamp;
use mainspring_domain::evaluation::{EvaluationDataset, EvaluationRecord};
use mainspring_domain::tracking::KeyValue;
use mainspring_domain::workspaces::WorkspaceName;

const DATASET: &str = "SELECT e.id, e.name, e.digest, e.created, e.updated, e.created_by, e.updated_by,
    e.schema, e.profile,
    (SELECT json_group_array(json_object('key', t.key, 'value', t.value) ORDER BY t.key)
     FROM evaluation_dataset_tags t WHERE t.dataset = e.id),
    (SELECT json_group_array(x.experiment ORDER BY x.experiment)
     FROM evaluation_dataset_experiments x WHERE x.dataset = e.id), e.workspace
    FROM evaluation_datasets e";

const DATASETS: Entity = Entity {
    column,
    tags: "evaluation_dataset_tags t WHERE t.dataset = e.id",
    params: None,
    metrics: None,
    datasets: None,
    one_metric: false,
    default_order: "e.created DESC, e.id DESC",
};

const fn column(attribute: Attribute) -> Option<Property> {
    Some(match attribute {
        Attribute::Name => Property::Text("e.name"),
        Attribute::Created => Property::Number("e.created"),
        Attribute::Updated => Property::Number("e.updated"),
        Attribute::User => Property::Text("e.created_by"),
        Attribute::Updater => Property::Text("e.updated_by"),
        _ => return None,
    })
}

fn dataset(row: &Row<'_>) -> Result<EvaluationDataset> {
    Ok(EvaluationDataset {
        id: row.get(0)?,
        name: row.get(1)?,
        digest: row.get(2)?,
        created: Timestamp::from_millis(row.get(3)?),
        updated: Timestamp::from_millis(row.get(4)?),
        created_by: row.get(5)?,
        updated_by: row.get(6)?,
        schema: row.get(7)?,
        profile: row.get(8)?,
        tags: gathered(row, 9)?,
        experiments: gathered(row, 10)?,
        workspace: WorkspaceName::from_stored(row.get(11)?),
    })
}

impl EvaluationRead for SqlTx<'_> {
    fn evaluation_dataset(&self, id: &str) -> Result<Option<EvaluationDataset>> {
        let found = self.row(&format!("{DATASET} WHERE e.id = ?1"), [id], dataset)?;
        Ok(found.filter(|found| self.sees(&found.workspace)))
    }

    fn search_evaluation_datasets(
        &self,
        experiments: &[i64],
        search: &Search,
    ) -> Result<Vec<EvaluationDataset>> {
        let mut statement = self.select(DATASET);
        if let Some(within) = &self.within {
            statement.in_workspace(within);
        }
        if !experiments.is_empty() {
            let list = statement.bind(to_text(experiments)?);
            statement.and(&format!(
                "EXISTS (SELECT 1 FROM evaluation_dataset_experiments x WHERE x.dataset = e.id
                         AND x.experiment IN (SELECT value FROM json_each({list})))"
            ));
        }
        let statement = statement.search(&DATASETS, search)?;
        self.rows(&statement.sql, statement.values, dataset)
    }

    fn evaluation_records(
        &self,
        dataset: &str,
        after: Option<(Timestamp, &str)>,
        limit: usize,
    ) -> Result<Vec<EvaluationRecord>> {
        let (time, id) = after.map_or((i64::MIN, ""), |(time, id)| (time.as_millis(), id));
        self.documents(
            "SELECT doc FROM evaluation_records WHERE dataset = ?1 AND (created, id) > (?2, ?3)
             ORDER BY created, id LIMIT ?4",
            params![dataset, time, id, place(limit)],
        )
    }

    fn evaluation_record(&self, dataset: &str, input_hash: &str) -> Result<Option<EvaluationRecord>> {
        let sql = "SELECT doc FROM evaluation_records WHERE dataset = ?1 AND input_hash = ?2";
        self.document(sql, [dataset, input_hash])
    }

    fn count_evaluation_records(&self, dataset: &str) -> Result<u64> {
        let sql = "SELECT COUNT(*) FROM evaluation_records WHERE dataset = ?1";
        Ok(to_u64(self.scalar(sql, [dataset])?))
    }
}

impl EvaluationWrite for SqlTx<'_> {
    fn insert_evaluation_dataset(&mut self, dataset: &EvaluationDataset) -> Result<()> {
        self.execute(
            "INSERT INTO evaluation_datasets
                 (id, name, digest, created, updated, created_by, updated_by, schema, profile, workspace)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            params![
                dataset.id,
                dataset.name,
                dataset.digest,
                dataset.created.as_millis(),
                dataset.updated.as_millis(),
                dataset.created_by,
                dataset.updated_by,
                dataset.schema,
                dataset.profile,
                dataset.workspace.as_str()
            ],
        )?;
        dataset.tags.iter().try_for_each(|tag| self.set_evaluation_dataset_tag(&dataset.id, tag))?;
        self.add_evaluation_dataset_to(&dataset.id, &dataset.experiments)?;
        Ok(())
    }

    fn update_evaluation_dataset(&mut self, dataset: &EvaluationDataset) -> Result<()> {
        self.execute(
            "UPDATE evaluation_datasets
             SET digest = ?2, updated = ?3, updated_by = ?4, schema = ?5, profile = ?6 WHERE id = ?1",
            params![
                dataset.id,
                dataset.digest,
                dataset.updated.as_millis(),
                dataset.updated_by,
                dataset.schema,
                dataset.profile
            ],
        )?;
        Ok(())
    }

    fn delete_evaluation_dataset(&mut self, id: &str) -> Result<()> {
        self.execute("DELETE FROM evaluation_datasets WHERE id = ?1", [id])?;
        Ok(())
    }

    fn set_evaluation_dataset_tag(&mut self, id: &str, tag: &KeyValue) -> Result<()> {
        self.execute(
            "INSERT INTO evaluation_dataset_tags (dataset, key, value) VALUES (?1, ?2, ?3)
             ON CONFLICT (dataset, key) DO UPDATE SET value = excluded.value",
            [id, &tag.key, &tag.value],
        )?;
        Ok(())
    }

    fn delete_evaluation_dataset_tag(&mut self, id: &str, key: &str) -> Result<bool> {
        let sql = "DELETE FROM evaluation_dataset_tags WHERE dataset = ?1 AND key = ?2";
        Ok(self.execute(sql, [id, key])? > 0)
    }

    fn add_evaluation_dataset_to(&mut self, id: &str, experiments: &[i64]) -> Result<usize> {
        self.execute_many(
            "INSERT INTO evaluation_dataset_experiments (dataset, experiment) VALUES (?1, ?2)
             ON CONFLICT DO NOTHING",
            experiments.iter().map(|experiment| [id.to_value(), Value::Integer(*experiment)]),
        )
    }

    fn remove_evaluation_dataset_from(&mut self, id: &str, experiments: &[i64]) -> Result<usize> {
        self.execute_many(
            "DELETE FROM evaluation_dataset_experiments WHERE dataset = ?1 AND experiment = ?2",
            experiments.iter().map(|experiment| [id.to_value(), Value::Integer(*experiment)]),
        )
    }

    fn put_evaluation_record(
        &mut self,
        dataset: &str,
        input_hash: &str,
        record: &EvaluationRecord,
    ) -> Result<()> {
        self.execute(
            "INSERT INTO evaluation_records (id, dataset, input_hash, created, doc)
             VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (dataset, input_hash) DO UPDATE SET doc = excluded.doc",
            params![record.id, dataset, input_hash, record.created.as_millis(), to_text(record)?],
        )?;
        Ok(())
    }

    fn delete_evaluation_records(&mut self, dataset: &str, ids: &[String]) -> Result<usize> {
        self.execute(
            "DELETE FROM evaluation_records
             WHERE dataset = ?1 AND id IN (SELECT value FROM json_each(?2))",
            params![dataset, to_text(ids)?],
        )
    }
}
