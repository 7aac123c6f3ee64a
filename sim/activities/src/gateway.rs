//! How activity code reaches the services of the simulated world: in place of a client of the real one.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use serde::{Serialize, de::DeserializeOwned};
use steadfast_sim::cluster::ServiceError;

use crate::driver::{Attempt, Driver};

/// Calls a service of the scenario, once, on behalf of the activity that runs. No answer in ten seconds is an error of
/// type `Timeout`: nobody knows whether it was done. The `key` makes a repeated call harmless, if the service's author
/// cares.
///
/// To be called in the code of an activity; what it gives may be awaited anywhere.
pub fn call<I, O>(service: &str, operation: &str, key: &str, input: &I) -> Call<O>
where
    I: Serialize,
    O: DeserializeOwned,
{
    let request = match (Driver::polled(), serde_json::to_vec(input)) {
        (None, _) => Err(ServiceError::fatal("NoActivity", "no activity runs here")),
        (_, Err(error)) => Err(ServiceError::fatal("BadRequest", error.to_string())),
        (Some(attempt), Ok(body)) => Ok(Request {
            attempt,
            service: service.to_owned(),
            operation: operation.to_owned(),
            key: key.to_owned(),
            body,
        }),
    };
    Call {
        state: State::New(request),
        output: PhantomData,
    }
}

/// A call of a service, see [`call`].
#[derive(Debug)]
#[must_use = "a call is made when it is awaited"]
pub struct Call<O> {
    state: State,
    output: PhantomData<fn() -> O>,
}

#[derive(Debug)]
enum State {
    New(Result<Request, ServiceError>),
    Open { attempt: u64, number: u64 },
    Over,
}

#[derive(Debug)]
struct Request {
    attempt: u64,
    service: String,
    operation: String,
    key: String,
    body: Vec<u8>,
}

type Answer = Pin<Box<dyn Future<Output = Result<Vec<u8>, ServiceError>>>>;

/// The calls of an attempt that are under way. They cannot leave their thread, so the code has only their numbers.
#[derive(Default)]
pub(crate) struct Calls {
    open: RefCell<BTreeMap<u64, Answer>>,
    numbers: RefCell<u64>,
}

impl std::fmt::Debug for Calls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Calls").finish_non_exhaustive()
    }
}

impl<O: DeserializeOwned> Future for Call<O> {
    type Output = Result<O, ServiceError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (attempt, number) = match std::mem::replace(&mut self.state, State::Over) {
            State::New(Err(error)) => return Poll::Ready(Err(error)),
            State::New(Ok(request)) => (request.attempt, begin(request)),
            State::Open { attempt, number } => (attempt, Some(number)),
            State::Over => (0, None),
        };
        let Some((number, alive)) = number.zip(alive(attempt)) else {
            return Poll::Ready(Err(broken()));
        };
        let Some(mut answer) = alive.calls.open.borrow_mut().remove(&number) else {
            return Poll::Ready(Err(broken()));
        };
        match answer.as_mut().poll(cx) {
            Poll::Pending => {
                alive.calls.open.borrow_mut().insert(number, answer);
                self.state = State::Open { attempt, number };
                Poll::Pending
            }
            Poll::Ready(answer) => Poll::Ready(answer.and_then(|body| {
                serde_json::from_slice(&body)
                    .map_err(|error| ServiceError::fatal("BadAnswer", error.to_string()))
            })),
        }
    }
}

impl<O> Drop for Call<O> {
    fn drop(&mut self) {
        if let State::Open { attempt, number } = self.state
            && let Some(attempt) = alive(attempt)
        {
            let abandoned = attempt.calls.open.borrow_mut().remove(&number);
            drop(abandoned);
        }
    }
}

fn begin(request: Request) -> Option<u64> {
    let attempt = alive(request.attempt)?;
    let number = {
        let mut numbers = attempt.calls.numbers.borrow_mut();
        *numbers += 1;
        *numbers
    };
    let context = attempt.context.clone();
    let answer = async move {
        let Request {
            service,
            operation,
            key,
            body,
            ..
        } = request;
        context.call_raw(&service, &operation, &key, body).await
    };
    let mut open = attempt.calls.open.borrow_mut();
    open.insert(number, Box::pin(answer));
    Some(number)
}

fn alive(attempt: u64) -> Option<Rc<Attempt>> {
    Driver::current()?.attempt(attempt)
}

fn broken() -> ServiceError {
    ServiceError::transient("Unavailable", "the connection broke")
}
