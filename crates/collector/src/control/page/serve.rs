//! Serves the page over HTTP.

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::assets::{ASSETS, Asset, INDEX};
use crate::control::etag::has;

/// What the browser may do for the page: load files from this port and ask this port, and nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The paths of the page. Clients other than browsers get this help text at `/`.
pub(crate) fn paths<S: Clone + Send + Sync + 'static>(help: &'static str) -> Router<S> {
    Router::new()
        .route(
            "/",
            get(move |headers: HeaderMap| async move { root(&headers, help) }),
        )
        .route("/help", get(move || async move { help }))
        .route("/page/{*path}", get(file))
}

/// Shows the page to browsers, and the help text to everybody else.
fn root(headers: &HeaderMap, help: &'static str) -> Response {
    let accepted = headers.get_all(header::ACCEPT).iter();
    let is_browser = accepted
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.contains("text/html"));
    let mut response = if is_browser {
        show(&INDEX, headers)
    } else {
        help.into_response()
    };
    let vary = HeaderValue::from_static("accept");
    response.headers_mut().insert(header::VARY, vary);
    response
}

async fn file(Path(path): Path<String>, headers: HeaderMap) -> Response {
    match ASSETS.iter().find(|asset| asset.path == path) {
        Some(asset) => show(asset, &headers),
        None => (StatusCode::NOT_FOUND, "the page has no such file\n").into_response(),
    }
}

/// The file, or 304 if the browser has it.
fn show(asset: &Asset, headers: &HeaderMap) -> Response {
    let etag = asset.etag();
    let mut response = if has(headers, &etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        asset.bytes.into_response()
    };
    let mut set = |name: HeaderName, value| response.headers_mut().insert(name, value);
    set(header::CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    set(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    // The browser keeps the file, but asks each time whether it is still the current one.
    set(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        set(header::ETAG, etag);
    }
    response
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use axum::body::to_bytes;

    use super::*;

    fn asking(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    async fn body(response: Response) -> Vec<u8> {
        to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec()
    }

    #[tokio::test]
    async fn browsers_get_the_page_and_others_the_help_text() {
        let browser = asking(header::ACCEPT, "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8");
        let page = root(&browser, "help");
        assert_eq!(page.headers()[header::CONTENT_TYPE], "text/html; charset=utf-8");
        assert_eq!(page.headers()[header::VARY], "accept");
        assert_eq!(body(page).await, INDEX.bytes);
        for other in [HeaderMap::new(), asking(header::ACCEPT, "*/*")] {
            let text = root(&other, "help");
            assert_eq!(text.headers()[header::VARY], "accept");
            assert_eq!(body(text).await, b"help");
        }
    }

    #[tokio::test]
    async fn every_file_has_its_type_its_policy_and_an_etag() {
        for asset in ASSETS {
            let response = file(Path(asset.path.to_owned()), HeaderMap::new()).await;
            assert_eq!(response.status(), StatusCode::OK, "{}", asset.path);
            let headers = response.headers().clone();
            let expected = match asset.path.rsplit_once('.').unwrap().1 {
                "js" | "mjs" => "text/javascript; charset=utf-8",
                "css" => "text/css; charset=utf-8",
                "svg" => "image/svg+xml",
                _ => "text/plain; charset=utf-8",
            };
            assert_eq!(headers[header::CONTENT_TYPE], expected, "{}", asset.path);
            let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
            assert!(
                policy.starts_with("default-src 'none'") && !policy.contains("unsafe"),
                "{policy}"
            );
            assert_eq!(body(response).await, asset.bytes);

            let etag = headers[header::ETAG].to_str().unwrap();
            for known in [etag.to_owned(), format!("\"other\", W/{etag}"), "*".to_owned()] {
                let again = file(Path(asset.path.to_owned()), asking(header::IF_NONE_MATCH, &known)).await;
                assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{known}");
                assert_eq!(again.headers()[header::ETAG], etag);
                assert!(body(again).await.is_empty());
            }
            let older = file(
                Path(asset.path.to_owned()),
                asking(header::IF_NONE_MATCH, "\"older\""),
            )
            .await;
            assert_eq!(older.status(), StatusCode::OK);
        }
    }

    #[tokio::test]
    async fn a_path_that_is_no_file_of_the_page_is_not_found() {
        for path in ["", "app", "app/../style.css", "index.htm", "vendor/README.md"] {
            let response = file(Path(path.to_owned()), HeaderMap::new()).await;
            assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        }
    }
}
