//! What somebody may do: roles on the server, on experiments and on registered models.
//!
//! A role on the server counts everywhere; a role on a workspace, an experiment or a model counts there. Roles only
//! add up: the highest one counts, and who holds none may do nothing.

use mainspring_domain::Actor;
use mainspring_domain::access::{Role, Scope};
use mainspring_domain::workspaces::WorkspaceName;
use mainspring_metadata_store::{ReadTx, StoreError, token_sha256};
use std::collections::HashMap;

/// Who acts, and with which roles.
#[derive(Clone, Debug)]
pub struct Principal {
    /// The name in the audit trail.
    pub actor: Actor,
    server: Option<Role>,
    /// The role on the workspace that the request is in.
    here: Option<Role>,
    grants: HashMap<Scope, Role>,
}

impl Principal {
    /// Somebody who holds a role on the whole server: anybody where no login is asked for, and the
    /// tasks of the project's own pipelines.
    #[must_use]
    pub fn with_role(actor: Actor, role: Role) -> Self {
        Self { actor, server: Some(role), here: None, grants: HashMap::new() }
    }

    /// The user or task attempt that a secret belongs to; `None` when it belongs to nobody or is no
    /// longer taken. `claimed` is the user name that came with it, if any.
    ///
    /// # Errors
    /// When the store fails.
    pub fn by_secret(
        tx: &dyn ReadTx,
        secret: &str,
        claimed: Option<&str>,
        now: mainspring_domain::Timestamp,
    ) -> Result<Option<Self>, StoreError> {
        let hash = token_sha256(secret);
        if let Some(attempt) = tx.attempt_by_token(&hash)? {
            let actor = Actor::task(&attempt.dag_id, &attempt.run_id, &attempt.task_id, attempt.try_number);
            return Ok(Some(Self::with_role(actor, Role::Manager)));
        }
        let Some(token) = tx.access_token(&hash)? else { return Ok(None) };
        let expired = token.expires.is_some_and(|end| end <= now);
        if expired || claimed.is_some_and(|name| name != token.user) {
            return Ok(None);
        }
        let mut principal =
            Self { actor: Actor::user(&token.user), server: None, here: None, grants: HashMap::new() };
        for grant in tx.grants_of(&token.user)? {
            match grant.scope {
                Scope::Server => principal.server = Some(grant.role),
                scope => {
                    // Users are managed on the server only.
                    principal.grants.insert(scope, grant.role.min(Role::Manager));
                }
            }
        }
        Ok(Some(principal))
    }

    /// The same, for a request that sees one workspace: the role held there counts on all that it finds.
    #[must_use]
    pub fn within(mut self, workspace: &WorkspaceName) -> Self {
        self.here = self.grants.get(&Scope::Workspace(workspace.clone())).copied();
        self
    }

    /// The role held on the whole server.
    #[must_use]
    pub const fn server_role(&self) -> Option<Role> {
        self.server
    }

    /// The role that counts on a scope.
    #[must_use]
    pub fn role_on(&self, scope: &Scope) -> Option<Role> {
        let here = match scope {
            Scope::Server | Scope::Workspace(_) => None,
            Scope::Experiment(_) | Scope::Model(_) => self.here,
        };
        self.server.max(here).max(self.grants.get(scope).copied())
    }

    /// Whether a role is held on a scope.
    #[must_use]
    pub fn may(&self, role: Role, scope: &Scope) -> bool {
        self.role_on(scope) >= Some(role)
    }
}
