//! Registered models and their versions.

use super::tables::Table;
use super::write::ExportReport;
use crate::Result;
use crate::report::LeftOut;
use mainspring_domain::workspaces::WorkspaceName;
use mainspring_metadata_store::traits::search::Search;
use mainspring_metadata_store::{Cell, ForeignDatabase, ReadTx};

/// Models that are read at a time.
const PAGE: usize = 200;

pub(super) fn write(db: &ForeignDatabase, tx: &dyn ReadTx, report: &mut ExportReport) -> Result<()> {
    let mut table = |name, columns: &[&str]| Table::of(db, name, columns, &mut report.left_out);
    let mut models =
        table("registered_models", &["name", "creation_time", "last_updated_time", "description"])?;
    let mut tags = table("registered_model_tags", &["name", "key", "value"])?;
    let mut aliases = table("registered_model_aliases", &["name", "alias", "version"])?;
    let mut versions = table(
        "model_versions",
        &[
            "name",
            "version",
            "creation_time",
            "last_updated_time",
            "description",
            "user_id",
            "current_stage",
            "source",
            "storage_location",
            "run_id",
            "run_link",
            "status",
        ],
    )?;
    let mut version_tags = table("model_version_tags", &["name", "version", "key", "value"])?;
    let mut offset = 0;
    loop {
        let found = tx.search_registered_models(&Search { limit: PAGE, offset, ..Search::default() })?;
        for model in &found {
            let workspace = WorkspaceName::of_model(&model.name);
            if !workspace.is_default() {
                report.left_out.push(LeftOut {
                    place: format!("registered model {}", model.name),
                    why: format!("it is in the workspace `{workspace}`; only `default` is written"),
                });
                continue;
            }
            report.written.registered_models += 1;
            report.written.aliases += model.aliases.len() as u64;
            let (name, time) = (Cell::from(model.name.as_str()), |time: i64| Cell::Integer(time));
            models.add(
                db,
                [
                    name.clone(),
                    time(model.created.as_millis()),
                    time(model.updated.as_millis()),
                    some(&model.description),
                ],
            )?;
            models.flush(db)?;
            for tag in &model.tags {
                tags.add(db, [name.clone(), tag.key.as_str().into(), tag.value.as_str().into()])?;
            }
            for (alias, version) in &model.aliases {
                aliases.add(db, [name.clone(), alias.as_str().into(), Cell::Integer((*version).into())])?;
            }
            for version in tx.model_versions(&model.name)? {
                report.written.model_versions += 1;
                let number = Cell::Integer(version.version.into());
                versions.add(
                    db,
                    [
                        name.clone(),
                        number.clone(),
                        time(version.created.as_millis()),
                        time(version.updated.as_millis()),
                        some(&version.description),
                        some(&version.user),
                        version.stage.as_str().into(),
                        version.source.as_str().into(),
                        report.location(&version.storage_location).into(),
                        Cell::optional(version.run_id.as_deref()),
                        some(&version.run_link),
                        "READY".into(),
                    ],
                )?;
                for tag in &version.tags {
                    let row =
                        [name.clone(), number.clone(), tag.key.as_str().into(), tag.value.as_str().into()];
                    version_tags.add(db, row)?;
                }
            }
            versions.flush(db)?;
        }
        if found.len() < PAGE {
            break;
        }
        offset += PAGE;
    }
    [tags, aliases, version_tags].iter_mut().try_for_each(|table| table.flush(db))
}

/// A text that is absent when it is empty.
fn some(text: &str) -> Cell {
    if text.is_empty() { Cell::Null } else { Cell::from(text) }
}
