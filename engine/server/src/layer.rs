//! Around every call: callers show who they are, calls that nobody answers name themselves, and oversized ones are
//! refused in the words that SDKs look for.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use http::{HeaderMap, HeaderValue, Request, Response};
use tonic::Code;
use tower::{Layer, Service};

use crate::{
    access::{self, Access, Keys},
    metrics::Metrics,
    rpc::MAX_MESSAGE_BYTES,
};

/// See the module documentation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Around {
    /// Whom callers must be known to; `None` if to nobody.
    pub(crate) keys: Option<Arc<Keys>>,
    /// Where calls are counted.
    pub(crate) metrics: Metrics,
}

impl<S> Layer<S> for Around {
    type Service = AroundCalls<S>;

    fn layer(&self, inner: S) -> AroundCalls<S> {
        AroundCalls {
            inner,
            keys: self.keys.clone(),
            metrics: self.metrics.clone(),
        }
    }
}

/// See the module documentation.
#[derive(Clone, Debug)]
pub(crate) struct AroundCalls<S> {
    inner: S,
    keys: Option<Arc<Keys>>,
    metrics: Metrics,
}

/// The services whose callers must be known; health and reflection tell nothing of anybody.
const TEMPORAL: &str = "/temporal.";

type Calling<R, E> = Pin<Box<dyn Future<Output = Result<R, E>> + Send>>;

impl<S, B, R> Service<Request<B>> for AroundCalls<S>
where
    S: Service<Request<B>, Response = Response<R>> + Send,
    S::Future: Send + 'static,
    S::Error: 'static,
    R: Default + 'static,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Calling<Response<R>, S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let path = request.uri().path().to_owned();
        let began = Instant::now();
        let metrics = self.metrics.clone();
        let access = match self.keys.as_ref().filter(|_| path.starts_with(TEMPORAL)) {
            None => Access::Everything,
            Some(keys) => {
                let shown = request.headers().get("authorization");
                match keys.verify(shown.map(HeaderValue::as_bytes)) {
                    Ok(access) => access,
                    Err(refused) => {
                        metrics.answered(&path, refused.code(), began.elapsed());
                        return Box::pin(async move { Ok(refused.into_http()) });
                    }
                }
            }
        };
        let answer = self.inner.call(request);
        Box::pin(async move {
            let mut response = access::on_behalf_of(access, answer).await?;
            reword(&path, response.headers_mut());
            let code = response.headers().get("grpc-status");
            let known = code.map_or(Code::Ok, |code| Code::from_bytes(code.as_bytes()));
            metrics.answered(&path, known, began.elapsed());
            if let Some(code) = code {
                tracing::debug!(call = path, ?code, message = ?response.headers().get("grpc-message"), "refused");
            }
            Ok(response)
        })
    }
}

/// Says what tonic says in the words of Temporal's server.
fn reword(path: &str, headers: &mut HeaderMap) {
    let message = headers.get("grpc-message").and_then(|m| m.to_str().ok());
    let Some(code) = headers
        .get("grpc-status")
        .map(|code| Code::from_bytes(code.as_bytes()))
    else {
        return;
    };
    let message = message.unwrap_or_default();
    let (code, words) = match code {
        Code::Unimplemented => {
            let name = path.rsplit('/').next().unwrap_or_default();
            let known = message.starts_with("Not");
            if !known && !message.is_empty() {
                return;
            }
            (code, format!("{name} is not implemented by this server"))
        }
        Code::OutOfRange | Code::ResourceExhausted => match oversize(message) {
            Some(size) => (
                Code::ResourceExhausted,
                // temporal: grpc-go; sdk-core looks for exactly these words.
                format!("grpc: received message larger than max ({size} vs. {MAX_MESSAGE_BYTES})"),
            ),
            None => return,
        },
        _ => return,
    };
    if let Ok(words) = HeaderValue::from_str(&words.replace(' ', "%20")) {
        headers.insert("grpc-status", HeaderValue::from(code as i32));
        headers.insert("grpc-message", words);
    }
}

/// How long the message was that tonic refused because of its length. Of a compressed one it does not know.
fn oversize(message: &str) -> Option<String> {
    let message = message.replace("%20", " ");
    if message.contains("exceeded while decompressing message") {
        return Some(format!("at least {}", MAX_MESSAGE_BYTES + 1));
    }
    let rest = message.split("length too large: found ").nth(1)?;
    rest.split(' ').next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reworded(code: &'static str, message: &'static str) -> (String, String) {
        let mut headers = HeaderMap::new();
        headers.insert("grpc-status", HeaderValue::from_static(code));
        headers.insert("grpc-message", HeaderValue::from_static(message));
        reword("/temporal.api.x.v1.Service/DoIt", &mut headers);
        let text = |name| headers[name].to_str().unwrap().to_owned();
        (text("grpc-status"), text("grpc-message"))
    }

    #[test]
    fn a_call_that_nobody_answers_names_itself() {
        let (code, message) = reworded("12", "Not%20yet%20implemented");
        assert_eq!(code, "12");
        assert_eq!(
            message,
            "DoIt%20is%20not%20implemented%20by%20this%20server"
        );
    }

    #[test]
    fn an_oversized_request_is_refused_in_the_words_of_grpc_go() {
        let found = "Error,%20decoded%20message%20length%20too%20large:%20found%205242900%20bytes,%20the%20limit%20is:%204194304%20bytes";
        let (code, message) = reworded("11", found);
        assert_eq!(code, "8");
        assert_eq!(
            message,
            "grpc:%20received%20message%20larger%20than%20max%20(5242900%20vs.%204194304)"
        );
    }

    #[test]
    fn what_the_machines_say_stays() {
        let kept = reworded("5", "workflow%20not%20found%20for%20ID:%20x");
        assert_eq!(
            kept,
            (
                "5".to_owned(),
                "workflow%20not%20found%20for%20ID:%20x".to_owned()
            )
        );
    }
}
