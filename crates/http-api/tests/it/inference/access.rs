//! Who may ask which model, over REST and over gRPC.

use super::World;
use axum::body::{Body, HttpBody as _};
use axum::http::{Request, Version, header};
use mainspring_domain::Actor;
use mainspring_domain::access::{Role, Scope};
use mainspring_governance::users::{self, AccessError};
use mainspring_http_api::access::AccessPolicy;
use serde_json::json;
use std::future::poll_fn;
use std::pin::Pin;
use tower::ServiceExt as _;

/// A user with a role on one model; gives a token.
async fn user(world: &World, name: &'static str, role: Option<(Role, &'static str)>) -> String {
    let made = world.store.write(Actor::system("test"), move |tx| {
        users::add(tx, name, None)?;
        if let Some((role, model)) = role {
            users::grant(tx, name, &Scope::Model(model.to_owned()), Some(role))?;
        }
        Ok::<_, AccessError>(users::make_token(tx, name, "test", None)?.1)
    });
    made.await.unwrap()
}

/// A gRPC call with a message whose first field is the model's name; gives the HTTP and gRPC status.
async fn grpc(world: &World, secret: &str, call: &str, field: u8, model: &str) -> (u16, Option<String>) {
    let length = u8::try_from(model.len()).unwrap();
    let message = [&[field << 3 | 2, length], model.as_bytes()].concat();
    let frame = [&[0, 0, 0, 0, length + 2], message.as_slice()].concat();
    let mut request = Request::post(format!("/inference.GRPCInferenceService/{call}"))
        .header(header::CONTENT_TYPE, "application/grpc")
        .header(header::TE, "trailers");
    if !secret.is_empty() {
        request = request.header(header::AUTHORIZATION, format!("Bearer {secret}"));
    }
    let response = world.routes.clone().oneshot(request.body(Body::from(frame)).unwrap()).await.unwrap();
    let (head, mut body) = response.into_parts();
    // A refusal is in the headers, what was answered says so in the trailers.
    let mut said = head.headers;
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        if let Ok(trailers) = frame.unwrap().into_trailers() {
            said.extend(trailers);
        }
    }
    let status = said.get("grpc-status").map(|status| status.to_str().unwrap().to_owned());
    (head.status.as_u16(), status)
}

#[tokio::test]
async fn each_model_asks_for_its_own_role() {
    let mut world = World::columns().await;
    let reader = user(&world, "ria", Some((Role::Reader, "m"))).await;
    let manager = user(&world, "max", Some((Role::Manager, "m"))).await;
    let stranger = user(&world, "sid", None).await;
    world.ask_for(AccessPolicy { login: true, ..AccessPolicy::default() });
    let body = json!({ "instances": [["UA", 9]] }).to_string();
    for (secret, method, path, expected) in [
        ("", "GET", "/v2/health/ready", 200),
        ("", "GET", "/v2/models/m", 401),
        (stranger.as_str(), "GET", "/v2/models/m", 403),
        (reader.as_str(), "GET", "/v2/models/m/versions/3/config", 200),
        (reader.as_str(), "POST", "/v1/models/m:predict", 200),
        (stranger.as_str(), "POST", "/v1/models/m:predict", 403),
        (reader.as_str(), "POST", "/seldon/ns/m/api/v1.0/feedback", 403),
        (reader.as_str(), "POST", "/v2/repository/models/m/unload", 403),
        (reader.as_str(), "POST", "/v2/logging", 403),
        (reader.as_str(), "GET", "/metrics", 403),
        (reader.as_str(), "POST", "/invocations", 403),
    ] {
        let mut request = Request::builder().method(method).uri(path);
        if !secret.is_empty() {
            request = request.header(header::AUTHORIZATION, format!("Bearer {secret}"));
        }
        let reply = world.send(request.body(Body::from(body.clone())).unwrap()).await;
        assert_eq!(
            reply.status.as_u16(),
            expected,
            "{method} {path}: {}",
            String::from_utf8_lossy(&reply.body)
        );
    }
    // 0 is OK, 3 is INVALID_ARGUMENT, 7 is PERMISSION_DENIED.
    let status = |code: &str| (200, Some(code.to_owned()));
    let denied = status("7");
    for (secret, call, field, expected) in [
        ("", "ServerReady", 1, status("0")),
        ("", "ModelReady", 1, (401, None)),
        (stranger.as_str(), "ModelReady", 1, denied.clone()),
        (reader.as_str(), "ModelReady", 1, status("0")),
        (reader.as_str(), "ModelInfer", 1, status("3")),
        (stranger.as_str(), "ModelInfer", 1, denied.clone()),
        (reader.as_str(), "RepositoryModelUnload", 2, denied),
        (manager.as_str(), "RepositoryModelUnload", 2, status("0")),
    ] {
        assert_eq!(grpc(&world, secret, call, field, "m").await, expected, "{call}");
    }
    assert!(world.gateway.stable("m").is_none(), "what was allowed was done");
    // The list shows what the caller may see.
    let index = |secret: String| {
        let request =
            Request::post("/v2/repository/index").header(header::AUTHORIZATION, format!("Bearer {secret}"));
        world.send(request.body(Body::empty()).unwrap())
    };
    assert_eq!(index(reader).await.json()[0]["name"], json!("m"));
    assert_eq!(index(stranger).await.json(), json!([]));
}

#[tokio::test]
async fn over_http_2_the_address_says_how_the_server_was_called() {
    let mut world = World::columns().await;
    world.ask_for(AccessPolicy { hosts: vec!["127.0.0.1".to_owned()], ..AccessPolicy::default() });
    for (name, expected) in [("127.0.0.1:5000", 200), ("evil.example:5000", 403)] {
        let request = Request::get(format!("http://{name}/v2/models/m")).version(Version::HTTP_2);
        assert_eq!(
            world.send(request.body(Body::empty()).unwrap()).await.status.as_u16(),
            expected,
            "{name}"
        );
    }
}
