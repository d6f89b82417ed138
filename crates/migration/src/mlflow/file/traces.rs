//! Traces of an experiment. Their spans lie in a file among their artifacts.

use super::{tree, yaml};
use crate::Result;
use crate::import::{Importer, SourceTrace, set};
use crate::mlflow::trace::{Info, Said};
use mainspring_domain::tracking::KeyValue;
use std::path::Path;

/// Traces that are asked about at a time.
const PAGE: usize = 200;

pub(super) fn read(experiment: i64, folder: &Path, importer: &mut Importer<'_>) -> Result<()> {
    for page in tree::folders(&folder.join("traces"), &mut importer.report).chunks(PAGE) {
        let wanted = importer.wanted_traces(page.iter().map(|one| tree::name(one).to_owned()).collect())?;
        for folder in page.iter().filter(|folder| wanted.contains(tree::name(folder))) {
            match info(folder) {
                Ok(info) => one(info, experiment, folder, importer)?,
                Err(why) => {
                    importer.report.left_out(folder.join("trace_info.yaml").display().to_string(), why);
                }
            }
        }
    }
    Ok(())
}

fn info(folder: &Path) -> std::result::Result<Info, String> {
    let info: Info = yaml::read(&folder.join("trace_info.yaml"))?;
    if info.trace_id == tree::name(folder) {
        return Ok(info);
    }
    Err(format!("it says trace {}, which is not its folder", info.trace_id))
}

fn one(info: Info, experiment: i64, folder: &Path, importer: &mut Importer<'_>) -> Result<()> {
    let (mut info, _) = info.into_info(experiment);
    let values = |name: &str, importer: &mut Importer<'_>| -> Vec<KeyValue> {
        tree::values(&folder.join(name), &mut importer.report)
    };
    for tag in values("tags", importer) {
        set(&mut info.tags, &tag.key, tag.value);
    }
    for pair in values("request_metadata", importer) {
        set(&mut info.metadata, &pair.key, pair.value);
    }
    for (_, path) in tree::keys(&folder.join("assessments"), &mut importer.report) {
        match yaml::read(&path).and_then(|said: Said| said.into_assessment(&info.id)) {
            Ok(assessment) => info.assessments.push(assessment),
            Err(why) => importer.report.left_out(path.display().to_string(), why),
        }
    }
    info.assessments.sort_by_key(|said| said.created);
    importer.trace(SourceTrace { info, spans: Vec::new(), runs: Vec::new() }, Some(&folder.join("artifacts")))
}
