//! The middleware around all routes.

use super::ids::Named;
use super::permissions::{self, Needs, On};
use super::refusal::Refusal;
use super::target;
use axum::body::{Body, to_bytes};
use axum::extract::{MatchedPath, RawPathParams, Request, State};
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::{RequestPartsExt as _, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mainspring_domain::Clock;
use mainspring_domain::access::{Role, Scope};
use mainspring_domain::workspaces::WorkspaceName;
use mainspring_governance::access::Principal;
use mainspring_metadata_store::{Store, StoreError};
use std::sync::Arc;

/// Bytes of a body that are read for its ids; no JSON route takes more.
const BODY_LIMIT: usize = 32 << 20;
/// The header in which clients name the workspace that a request is in.
pub(crate) const WORKSPACE_HEADER: &str = "x-mlflow-workspace";
/// User names by which clients that know no users send a token.
const TOKEN_USERS: [&str; 3] = ["", "api", "token"];

/// What the server asks of whoever calls it.
#[derive(Clone, Debug, Default)]
pub struct AccessPolicy {
    /// Whether a login is needed at all.
    pub login: bool,
    /// The names, without port, by which this server may be called; empty for any.
    pub hosts: Vec<String>,
    /// The origins of foreign pages that may send changes, as `https://name:port`.
    pub origins: Vec<String>,
    /// Whether clients of MLflow may name workspaces; without, all are in the default one.
    pub workspaces: bool,
}

/// Lets requests through, or not.
#[derive(Clone)]
pub struct Gate {
    store: Store,
    clock: Arc<dyn Clock>,
    policy: Arc<AccessPolicy>,
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate").field("policy", &self.policy).finish_non_exhaustive()
    }
}

impl Gate {
    /// A gate with users in a store.
    #[must_use]
    pub fn new(store: Store, clock: Arc<dyn Clock>, policy: AccessPolicy) -> Self {
        Self { store, clock, policy: Arc::new(policy) }
    }

    /// Who sends a request. A secret that nobody has counts as none.
    async fn identify(&self, headers: &HeaderMap) -> Result<Option<Principal>, Refusal> {
        let Some((claimed, secret)) = credentials(headers) else { return Ok(None) };
        let now = self.clock.now();
        let found =
            self.store.read(move |tx| Principal::by_secret(tx, &secret, claimed.as_deref(), now)).await;
        found.map_err(failed)
    }

    /// Refuses requests that a foreign page or name smuggles in.
    fn check_origin(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        // HTTP/2 says it in the address.
        let host = text(HOST).or_else(|| uri.authority().map(Authority::as_str)).unwrap_or_default();
        let name = without_port(host);
        if !self.policy.hosts.is_empty()
            && !self.policy.hosts.iter().any(|own| own.eq_ignore_ascii_case(name))
        {
            return Err(Refusal::Foreign(format!("This server is not called `{name}`.")));
        }
        let reads = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
        let Some(origin) = text(ORIGIN).filter(|_| !reads) else { return Ok(()) };
        let own = origin.split_once("://").is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(host));
        if own || self.policy.origins.iter().any(|known| known.eq_ignore_ascii_case(origin)) {
            return Ok(());
        }
        Err(Refusal::Foreign(format!("Changes from pages of `{origin}` are not taken.")))
    }

    /// The workspace that a request is in.
    async fn workspace(&self, headers: &HeaderMap) -> Result<WorkspaceName, Refusal> {
        let named = headers.get(WORKSPACE_HEADER).map(|value| value.to_str().unwrap_or("?").trim());
        let Some(name) = named.filter(|name| !name.is_empty()) else { return Ok(WorkspaceName::default()) };
        if !self.policy.workspaces {
            return Err(Refusal::NoWorkspaces);
        }
        let name = WorkspaceName::parse(name).map_err(|error| Refusal::WorkspaceName(error.to_string()))?;
        if name.is_default() {
            return Ok(name);
        }
        let asked = name.clone();
        let found = self.store.read(move |tx| tx.workspace(&asked)).await.map_err(failed)?;
        found.map(|found| found.name).ok_or_else(|| Refusal::NoWorkspace(name.to_string()))
    }

    async fn admit(&self, mut request: Request) -> Result<Request, Refusal> {
        self.check_origin(request.method(), request.uri(), request.headers())?;
        let (needs, of_workspace) = match request.extensions().get::<MatchedPath>() {
            Some(pattern) => {
                let pattern = pattern.as_str();
                (permissions::of(request.method(), pattern), permissions::lies_in_workspace(pattern))
            }
            // No route: the answer says so, to whoever may ask at all.
            None => (Some(Needs::Login), false),
        };
        let needs = needs.ok_or_else(|| unlisted(&request))?;
        let known = self.identify(request.headers()).await?;
        let principal = match known {
            Some(principal) if self.policy.login => principal,
            // Without logins everybody may do everything; a token only says who it was.
            Some(principal) => Principal::with_role(principal.actor, Role::Admin),
            None if !self.policy.login => {
                Principal::with_role(mainspring_governance::users::anonymous(), Role::Admin)
            }
            None if needs == Needs::Nothing => {
                request.extensions_mut().insert(mainspring_governance::users::anonymous());
                return Ok(request);
            }
            None => return Err(Refusal::Login),
        };
        let workspace = if of_workspace { Some(self.workspace(request.headers()).await?) } else { None };
        let principal = match &workspace {
            Some(workspace) => principal.within(workspace),
            None => principal,
        };
        if let Needs::Role(role, on) = needs
            && !(on == On::Visible || principal.may(role, &Scope::Server))
        {
            request = self.check(request, &principal, workspace.clone(), (role, on)).await?;
        }
        if let Some(workspace) = workspace {
            request.extensions_mut().insert(workspace);
        }
        request.extensions_mut().insert(principal.actor.clone());
        request.extensions_mut().insert(Arc::new(principal));
        Ok(request)
    }

    /// Checks a role on what the request names.
    async fn check(
        &self,
        request: Request,
        principal: &Principal,
        workspace: Option<WorkspaceName>,
        (role, on): (Role, On),
    ) -> Result<Request, Refusal> {
        let (mut parts, mut body) = request.into_parts();
        let mut named = Named::default();
        named.add_query(&parts.uri);
        if on == On::ExperimentHeader {
            named.add_headers(&parts.headers);
        }
        if on.reads_body() && parts.method != Method::GET {
            let bytes = to_bytes(body, BODY_LIMIT).await.map_err(|_| Refusal::TooLarge)?;
            if !named.add_body(&bytes) {
                return Err(Refusal::Forbidden(
                    "The request does not say plainly what it is about.".to_owned(),
                ));
            }
            body = Body::from(bytes);
        }
        let path: Vec<(String, String)> = match parts.extract::<RawPathParams>().await {
            Ok(params) => params.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
            Err(_) => Vec::new(),
        };
        let store = match workspace {
            Some(workspace) => self.store.within(workspace),
            None => self.store.clone(),
        };
        let needed =
            store.read(move |tx| target::needed(tx, role, on, &named, &path)).await.map_err(failed)?;
        for (role, scope) in &needed {
            if !principal.may(*role, scope) {
                let place = match scope {
                    Scope::Server => "the whole server".to_owned(),
                    Scope::Experiment(id) => format!("experiment {id}"),
                    Scope::Model(name) => format!("the model `{name}`"),
                    Scope::Workspace(name) => format!("the workspace `{name}`"),
                };
                return Err(Refusal::Forbidden(format!(
                    "`{}` needs the role {} on {place}.",
                    principal.actor,
                    role.as_str()
                )));
            }
        }
        Ok(Request::from_parts(parts, body))
    }
}

/// Routes behind a gate.
pub fn guarded(routes: Router, gate: Gate) -> Router {
    routes.layer(middleware::from_fn_with_state(gate, guard))
}

/// The middleware: puts the [`mainspring_domain::Actor`], the [`Principal`] and, where there is
/// one, the workspace of a request into its extensions.
async fn guard(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    match gate.admit(request).await {
        Ok(request) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

/// A route that is not listed: another method of a listed one, or a mistake in this program.
fn unlisted(request: &Request) -> Refusal {
    const METHODS: [Method; 5] = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
    let pattern = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    if METHODS.iter().any(|method| permissions::of(method, pattern).is_some()) {
        return Refusal::Method(format!("{} does not take {}", request.uri().path(), request.method()));
    }
    tracing::error!(pattern, "a route declares no permission");
    Refusal::Undeclared
}

#[expect(clippy::needless_pass_by_value, reason = "it is the end of the error")]
fn failed(error: StoreError) -> Refusal {
    if let StoreError::Unstorable(_) = error {
        return Refusal::Unstorable(error.to_string());
    }
    tracing::error!(%error, "cannot ask for permissions");
    Refusal::Failed
}

/// The secret of a request, and the user name that came with it.
fn credentials(headers: &HeaderMap) -> Option<(Option<String>, String)> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, rest) = value.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some((None, rest.trim().to_owned()));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
    let (user, secret) = text.split_once(':')?;
    let claimed = (!TOKEN_USERS.contains(&user)).then(|| user.to_owned());
    Some((claimed, secret.to_owned()))
}

/// The name in a `Host` header: `[::1]:5000` gives `[::1]`.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::{credentials, without_port};
    use axum::http::{HeaderMap, HeaderValue, header::AUTHORIZATION};

    #[test]
    fn secrets_come_in_the_forms_that_clients_send() {
        for (value, expected) in [
            ("Bearer s", Some((None, "s".to_owned()))),
            ("Basic YW5uOnM=", Some((Some("ann".to_owned()), "s".to_owned()))),
            ("basic YXBpOnM=", Some((None, "s".to_owned()))),
            ("Basic ???", None),
            ("Digest x", None),
            ("s", None),
        ] {
            let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(value))]);
            assert_eq!(credentials(&headers), expected, "{value}");
        }
    }

    #[test]
    fn a_host_is_known_without_its_port() {
        for (host, name) in [
            ("a:5000", "a"),
            ("a", "a"),
            ("[::1]:5000", "[::1]"),
            ("[::1]", "[::1]"),
            ("127.0.0.1:1", "127.0.0.1"),
        ] {
            assert_eq!(without_port(host), name);
        }
    }
}
