//! Users, tokens and roles.

use crate::Result;
use mainspring_domain::access::{AccessToken, Grant, Role, Scope, User};

/// Reading users, tokens and roles.
pub trait AccessRead {
    /// All users, by name.
    fn users(&self) -> Result<Vec<User>>;
    /// One user.
    fn user(&self, name: &str) -> Result<Option<User>>;
    /// The token with this hash (SHA-256 in hexadecimal).
    fn access_token(&self, sha256: &str) -> Result<Option<AccessToken>>;
    /// The tokens of a user, oldest first.
    fn access_tokens(&self, user: &str) -> Result<Vec<AccessToken>>;
    /// The roles that a user holds, by scope.
    fn grants_of(&self, user: &str) -> Result<Vec<Grant>>;
    /// The roles that are held on a scope, by user.
    fn grants_on(&self, scope: &Scope) -> Result<Vec<Grant>>;
}

/// Writing users, tokens and roles.
pub trait AccessWrite {
    /// Adds a user.
    fn insert_user(&mut self, user: &User) -> Result<()>;
    /// Removes a user with its tokens and roles; says whether there was one.
    fn delete_user(&mut self, name: &str) -> Result<bool>;
    /// Adds a token by its hash (SHA-256 in hexadecimal).
    fn insert_access_token(&mut self, token: &AccessToken, sha256: &str) -> Result<()>;
    /// Removes a token of a user; says whether there was one.
    fn delete_access_token(&mut self, user: &str, id: &str) -> Result<bool>;
    /// Gives a user a role on a scope in place of the one it held; `None` takes it away. Says whether
    /// that changed anything.
    fn set_grant(&mut self, user: &str, scope: &Scope, role: Option<Role>) -> Result<bool>;
    /// Removes the roles that are held on a scope.
    fn delete_grants_on(&mut self, scope: &Scope) -> Result<()>;
    /// Lets the roles that are held on one scope count on another instead.
    fn move_grants(&mut self, from: &Scope, to: &Scope) -> Result<()>;
}
