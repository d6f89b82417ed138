//! The web UI, carried inside the binary.

use axum::Router;
use axum::extract::Request;
use axum::http::{StatusCode, Uri, header};
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::get;
use rust_embed::Embed;

#[derive(Embed)]
#[folder = "../../ui/dist"]
#[allow_missing = true]
struct Assets;

/// What a binary without UI shows.
const MISSING: &str = "<!doctype html><title>Mainspring</title><p>This binary was built without the web UI. \
     Build it with <code>cargo xtask ui</code> and build again.";

/// The pages and their files. Every path that is no file gives the page: the UI routes by itself.
pub(crate) fn router() -> Router {
    Router::new()
        .route("/", get(page))
        .route("/assets/{*path}", get(asset))
        .route("/favicon.svg", get(asset))
        .route("/pipelines", get(page))
        .route("/pipelines/{*rest}", get(page))
        .route("/experiments", get(page))
        .route("/experiments/{*rest}", get(page))
        .route("/models", get(page))
        .route("/models/{*rest}", get(page))
        .route("/rollouts", get(page))
        .route("/rollouts/{*rest}", get(page))
        .route("/ab", get(page))
        .route("/ab/{*rest}", get(page))
        .route("/data", get(page))
        .route("/events", get(page))
}

async fn page() -> Html<Vec<u8>> {
    Html(Assets::get("index.html").map_or_else(|| MISSING.as_bytes().to_vec(), |file| file.data.into_owned()))
}

async fn asset(request: Request) -> Response {
    let uri: &Uri = request.uri();
    let path = uri.path().trim_start_matches('/');
    let Some(file) = Assets::get(path) else { return StatusCode::NOT_FOUND.into_response() };
    let kind = match path.rsplit('.').next() {
        Some("js") => "text/javascript",
        Some("css") => "text/css",
        Some("svg") => "image/svg+xml",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    };
    // The names of built files carry a hash of their content.
    let cache = if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, cache)], file.data.into_owned()).into_response()
}
