//! Aliases: names that point to a version.

use crate::{RegistryError, Result, StageCheck, models, validation, versions};
use mainspring_domain::events::Record;
use mainspring_domain::registry::{ModelVersion, Stage};
use mainspring_metadata_store::{ReadTx, WriteTx};
use serde_json::json;

/// The alias of the version that serves: it is set only through the check for production.
pub const CHAMPION: &str = "champion";

/// What the one who changes an alias expects it to be now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpectedAlias {
    /// Not set.
    Unset,
    /// Pointing to this version.
    Version(u32),
}

/// Checks that an alias is what is expected, before it is changed in the same transaction.
///
/// # Errors
/// When it is not.
pub fn expect_alias(tx: &dyn ReadTx, name: &str, alias: &str, expected: ExpectedAlias) -> Result<()> {
    let found = tx.alias(name, alias)?;
    let fits = match expected {
        ExpectedAlias::Unset => found.is_none(),
        ExpectedAlias::Version(version) => found == Some(version),
    };
    if fits {
        return Ok(());
    }
    let is = found.map_or_else(|| "is not set".to_owned(), |version| format!("points to version {version}"));
    Err(RegistryError::Conflict(format!(
        "The alias '{alias}' of model '{name}' {is}, which is not what the request expects. Read it again and \
         decide anew."
    )))
}

/// Points an alias to a version.
///
/// # Errors
/// When the alias is not taken, there is no such version, or the check refuses a champion.
pub fn set_alias(
    tx: &mut dyn WriteTx,
    check: &StageCheck<'_>,
    name: &str,
    alias: &str,
    version: u32,
) -> Result<()> {
    validation::alias(alias)?;
    validation::free_alias(alias)?;
    let target = versions::get(tx, name, version)?;
    if alias == CHAMPION {
        check(tx, &target, Stage::Production)?;
    }
    let before = tx.alias(name, alias)?;
    tx.set_alias(name, alias, version)?;
    models::touch_named(tx, name)?;
    let details = json!({ "alias": alias, "version": version, "before": before });
    tx.record(Record::new("model.alias_set", models::subject(name)).with(details))?;
    Ok(())
}

/// Removes an alias; none there is no error.
///
/// # Errors
/// When there is no such model.
pub fn delete_alias(tx: &mut dyn WriteTx, name: &str, alias: &str) -> Result<()> {
    validation::alias(alias)?;
    models::get(tx, name)?;
    let version = tx.alias(name, alias)?;
    if tx.delete_alias(name, alias)? {
        models::touch_named(tx, name)?;
        let details = json!({ "alias": alias, "version": version });
        tx.record(Record::new("model.alias_deleted", models::subject(name)).with(details))?;
    }
    Ok(())
}

/// The version that an alias points to; `latest` means the newest.
///
/// # Errors
/// When there is no such model, alias or version.
pub fn resolve(tx: &dyn ReadTx, name: &str, alias: &str) -> Result<ModelVersion> {
    validation::alias(alias)?;
    models::get(tx, name)?;
    if alias.eq_ignore_ascii_case("latest") {
        return tx.model_versions(name)?.pop().ok_or_else(|| RegistryError::NoLatest(name.to_owned()));
    }
    let version = tx.alias(name, alias)?.ok_or_else(|| RegistryError::NoAlias(alias.to_owned()))?;
    versions::get(tx, name, version)
}
