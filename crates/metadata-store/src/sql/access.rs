//! Users, tokens and roles.

use super::tx::SqlTx;
use crate::Result;
use crate::driver::{Row, params};
use crate::traits::{AccessRead, AccessWrite};
use mainspring_domain::Timestamp;
use mainspring_domain::access::{AccessToken, Grant, Role, Scope, User};

const TOKEN: &str = "SELECT id, user_name, label, created, expires FROM access_tokens";

fn user(row: &Row<'_>) -> Result<User> {
    Ok(User { name: row.get(0)?, created: Timestamp::from_millis(row.get(1)?) })
}

fn token(row: &Row<'_>) -> Result<AccessToken> {
    Ok(AccessToken {
        id: row.get(0)?,
        user: row.get(1)?,
        label: row.get(2)?,
        created: Timestamp::from_millis(row.get(3)?),
        expires: row.get::<Option<i64>>(4)?.map(Timestamp::from_millis),
    })
}

/// A grant as it is stored. What a newer version stored and this one does not know gives nothing.
fn grants(rows: Vec<(String, String, String)>) -> Vec<Grant> {
    let known = |(user, scope, role): (String, String, String)| {
        Some(Grant { user, scope: Scope::parse(&scope)?, role: Role::parse(&role)? })
    };
    rows.into_iter().filter_map(known).collect()
}

fn texts(row: &Row<'_>) -> Result<(String, String, String)> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
}

impl AccessRead for SqlTx<'_> {
    fn users(&self) -> Result<Vec<User>> {
        self.rows("SELECT name, created FROM users ORDER BY name", [], user)
    }

    fn user(&self, name: &str) -> Result<Option<User>> {
        self.row("SELECT name, created FROM users WHERE name = ?1", [name], user)
    }

    fn access_token(&self, sha256: &str) -> Result<Option<AccessToken>> {
        self.row(&format!("{TOKEN} WHERE sha256 = ?1"), [sha256], token)
    }

    fn access_tokens(&self, user: &str) -> Result<Vec<AccessToken>> {
        self.rows(&format!("{TOKEN} WHERE user_name = ?1 ORDER BY created, id"), [user], token)
    }

    fn grants_of(&self, user: &str) -> Result<Vec<Grant>> {
        let sql = "SELECT user_name, scope, role FROM grants WHERE user_name = ?1 ORDER BY scope";
        Ok(grants(self.rows(sql, [user], texts)?))
    }

    fn grants_on(&self, scope: &Scope) -> Result<Vec<Grant>> {
        let sql = "SELECT user_name, scope, role FROM grants WHERE scope = ?1 ORDER BY user_name";
        Ok(grants(self.rows(sql, [scope.to_text()], texts)?))
    }
}

impl AccessWrite for SqlTx<'_> {
    fn insert_user(&mut self, user: &User) -> Result<()> {
        self.execute(
            "INSERT INTO users (name, created) VALUES (?1, ?2)",
            params![user.name, user.created.as_millis()],
        )?;
        Ok(())
    }

    fn delete_user(&mut self, name: &str) -> Result<bool> {
        Ok(self.execute("DELETE FROM users WHERE name = ?1", [name])? > 0)
    }

    fn insert_access_token(&mut self, token: &AccessToken, sha256: &str) -> Result<()> {
        self.execute(
            "INSERT INTO access_tokens (id, sha256, user_name, label, created, expires)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                token.id,
                sha256,
                token.user,
                token.label,
                token.created.as_millis(),
                token.expires.map(Timestamp::as_millis)
            ],
        )?;
        Ok(())
    }

    fn delete_access_token(&mut self, user: &str, id: &str) -> Result<bool> {
        let sql = "DELETE FROM access_tokens WHERE user_name = ?1 AND id = ?2";
        Ok(self.execute(sql, params![user, id])? > 0)
    }

    fn set_grant(&mut self, user: &str, scope: &Scope, role: Option<Role>) -> Result<bool> {
        let scope = scope.to_text();
        let changed = match role {
            Some(role) => self.execute(
                "INSERT INTO grants (user_name, scope, role) VALUES (?1, ?2, ?3)
                 ON CONFLICT (user_name, scope) DO UPDATE SET role = excluded.role
                 WHERE grants.role <> excluded.role",
                params![user, scope, role.as_str()],
            )?,
            None => {
                self.execute("DELETE FROM grants WHERE user_name = ?1 AND scope = ?2", params![user, scope])?
            }
        };
        Ok(changed > 0)
    }

    fn delete_grants_on(&mut self, scope: &Scope) -> Result<()> {
        self.execute("DELETE FROM grants WHERE scope = ?1", [scope.to_text()])?;
        Ok(())
    }

    fn move_grants(&mut self, from: &Scope, to: &Scope) -> Result<()> {
        self.delete_grants_on(to)?;
        self.execute("UPDATE grants SET scope = ?2 WHERE scope = ?1", params![from.to_text(), to.to_text()])?;
        Ok(())
    }
}
