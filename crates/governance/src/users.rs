//! Users, their tokens and roles. Every change is in the audit trail; secrets never are.

use mainspring_domain::access::{AccessToken, Grant, Role, Scope, User};
use mainspring_domain::events::Record;
use mainspring_domain::{Actor, Timestamp};
use mainspring_metadata_store::{ReadTx, StoreError, WriteTx, new_token, token_sha256};
use serde_json::json;
use thiserror::Error;

/// Characters of a label at most.
const LABEL: usize = 200;
/// Tokens that a user may have at once.
const TOKENS: usize = 100;

/// What can go wrong with users.
#[derive(Debug, Error)]
pub enum AccessError {
    /// A value that is not taken; the text says which and why.
    #[error("{0}")]
    Invalid(String),
    /// There is no such thing.
    #[error("{0}")]
    Missing(String),
    /// The name is taken.
    #[error("there is a user `{0}` already")]
    UserExists(String),
    /// Somebody must be left who can manage users.
    #[error("`{0}` is the last admin; make somebody else admin first")]
    LastAdmin(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

type Result<T> = std::result::Result<T, AccessError>;

fn subject(user: &str) -> String {
    format!("user:{user}")
}

fn get(tx: &dyn WriteTx, name: &str) -> Result<User> {
    tx.user(name)?.ok_or_else(|| AccessError::Missing(format!("there is no user `{name}`")))
}

/// Adds a user, perhaps with a role on the whole server.
///
/// # Errors
/// When the name is not taken or in use.
pub fn add(tx: &mut dyn WriteTx, name: &str, role: Option<Role>) -> Result<User> {
    let usual = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '@' | '+');
    if name.is_empty() || name.chars().count() > 100 || !name.chars().all(usual) {
        return Err(AccessError::Invalid(format!(
            "`{name}` is no user name: 1 to 100 letters, digits or any of . _ - @ +"
        )));
    }
    if tx.user(name)?.is_some() {
        return Err(AccessError::UserExists(name.to_owned()));
    }
    let user = User { name: name.to_owned(), created: tx.now() };
    tx.insert_user(&user)?;
    if let Some(role) = role {
        tx.set_grant(name, &Scope::Server, Some(role))?;
    }
    let details = json!({ "role": role.map(Role::as_str) });
    tx.record(Record::new("user.added", subject(name)).with(details))?;
    Ok(user)
}

/// Removes a user with its tokens and roles.
///
/// # Errors
/// When there is none, or it is the last admin.
pub fn remove(tx: &mut dyn WriteTx, name: &str) -> Result<()> {
    get(tx, name)?;
    keep_an_admin(tx, name)?;
    tx.delete_user(name)?;
    tx.record(Record::new("user.removed", subject(name)))?;
    Ok(())
}

fn keep_an_admin(tx: &dyn WriteTx, without: &str) -> Result<()> {
    let admins: Vec<Grant> =
        tx.grants_on(&Scope::Server)?.into_iter().filter(|grant| grant.role == Role::Admin).collect();
    match admins.as_slice() {
        [last] if last.user == without => Err(AccessError::LastAdmin(without.to_owned())),
        _ => Ok(()),
    }
}

/// Makes a token; gives it with its secret, which is not kept.
///
/// # Errors
/// When there is no such user, or the label is too long, or the user has too many.
pub fn make_token(
    tx: &mut dyn WriteTx,
    user: &str,
    label: &str,
    expires: Option<Timestamp>,
) -> Result<(AccessToken, String)> {
    get(tx, user)?;
    if label.chars().count() > LABEL {
        return Err(AccessError::Invalid(format!("a label has at most {LABEL} characters")));
    }
    if tx.access_tokens(user)?.len() >= TOKENS {
        return Err(AccessError::Invalid(format!("`{user}` has {TOKENS} tokens; revoke one first")));
    }
    let secret = new_token();
    let hash = token_sha256(&secret);
    let token = AccessToken {
        // A part of the hash names it without giving it away.
        id: hash.chars().take(12).collect(),
        user: user.to_owned(),
        label: label.to_owned(),
        created: tx.now(),
        expires,
    };
    tx.insert_access_token(&token, &hash)?;
    let details = json!({ "token": token.id, "label": label });
    tx.record(Record::new("user.token_made", subject(user)).with(details))?;
    Ok((token, secret))
}

/// Takes a token away.
///
/// # Errors
/// When there is none.
pub fn revoke_token(tx: &mut dyn WriteTx, user: &str, id: &str) -> Result<()> {
    get(tx, user)?;
    if !tx.delete_access_token(user, id)? {
        return Err(AccessError::Missing(format!("`{user}` has no token `{id}`")));
    }
    tx.record(Record::new("user.token_revoked", subject(user)).with(json!({ "token": id })))?;
    Ok(())
}

/// Gives a user a role on a scope in place of the one it held; `None` takes it away.
///
/// # Errors
/// When there is no such user, experiment or model, the role does not exist there, or nobody would
/// be left to manage users.
pub fn grant(tx: &mut dyn WriteTx, user: &str, scope: &Scope, role: Option<Role>) -> Result<()> {
    get(tx, user)?;
    if role.is_some() {
        let known = match scope {
            Scope::Server => true,
            Scope::Experiment(id) => tx.experiment(*id)?.is_some(),
            Scope::Model(name) => tx.registered_model(name)?.is_some(),
            Scope::Workspace(name) => tx.workspace(name)?.is_some(),
        };
        if !known {
            return Err(AccessError::Missing(format!("there is no {}", scope.to_text())));
        }
    }
    if role == Some(Role::Admin) && *scope != Scope::Server {
        return Err(AccessError::Invalid("`admin` is a role on the whole server only".to_owned()));
    }
    if *scope == Scope::Server && role != Some(Role::Admin) {
        keep_an_admin(tx, user)?;
    }
    if tx.set_grant(user, scope, role)? {
        let details = json!({ "scope": scope.to_text(), "role": role.map(Role::as_str) });
        tx.record(Record::new("user.role_changed", subject(user)).with(details))?;
    } else {
        tx.bookkeeping();
    }
    Ok(())
}

/// Lets whoever makes an experiment or a model manage it, as far as it is a user.
///
/// # Errors
/// When the store fails.
pub fn own(tx: &mut dyn WriteTx, scope: &Scope) -> std::result::Result<(), StoreError> {
    let Some(name) = tx.actor().as_str().strip_prefix("user:").map(str::to_owned) else { return Ok(()) };
    if tx.user(&name)?.is_some() {
        tx.set_grant(&name, scope, Some(Role::Manager))?;
    }
    Ok(())
}

/// Makes the first admin with a token, when there is no user yet; gives its name and secret.
///
/// # Errors
/// When the store fails.
pub fn first_admin(tx: &mut dyn WriteTx) -> Result<Option<(String, String)>> {
    if !tx.users()?.is_empty() {
        tx.bookkeeping();
        return Ok(None);
    }
    let user = add(tx, "admin", Some(Role::Admin))?;
    let (_, secret) = make_token(tx, &user.name, "made at the first start", None)?;
    Ok(Some((user.name, secret)))
}

/// A user as it is shown.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The user.
    pub user: User,
    /// Its roles.
    pub grants: Vec<Grant>,
    /// Its tokens, without secrets.
    pub tokens: Vec<AccessToken>,
}

/// All users with what they hold.
///
/// # Errors
/// When the store fails.
pub fn all(tx: &dyn ReadTx) -> std::result::Result<Vec<Shown>, StoreError> {
    let shown = |user: User| {
        let (grants, tokens) = (tx.grants_of(&user.name)?, tx.access_tokens(&user.name)?);
        Ok(Shown { user, grants, tokens })
    };
    tx.users()?.into_iter().map(shown).collect()
}

/// The actor that changes made without a login belong to.
#[must_use]
pub fn anonymous() -> Actor {
    Actor::user("anonymous")
}
