//! Between the SDK's own messages and the simulator's.

use std::{any::Any, sync::Arc};

use steadfast_proto::temporal::api::common::v1::{Payload, Payloads};
use steadfast_sim::cluster::ActivityError;
use temporalio_common::{
    data_converters::{
        ActivitySerializationContext, DataConverter, GenericPayloadConverter as _,
        PayloadConverter, SerializationContext, SerializationContextData, TemporalDeserializable,
        TemporalSerializable,
    },
    error::{ApplicationFailure, OutgoingActivityError, OutgoingError},
};
use temporalio_protos::temporal::api::common::v1 as theirs;

fn of_activity() -> SerializationContextData {
    SerializationContextData::Activity(ActivitySerializationContext::new())
}

/// A value as payloads, by the SDK's default converter.
pub(crate) fn encode<T: TemporalSerializable + 'static>(value: &T) -> Result<Payloads, String> {
    let (data, converter) = (of_activity(), PayloadConverter::default());
    let context = SerializationContext::new(&data, &converter);
    let payloads = converter.to_payloads(&context, value);
    let payloads = payloads.map_err(|error| error.to_string())?;
    Ok(Payloads {
        payloads: payloads.into_iter().map(ours).collect(),
    })
}

/// Payloads as a value, by the SDK's default converter.
pub(crate) fn decode<T: TemporalDeserializable + 'static>(
    payloads: &Payloads,
) -> Result<T, String> {
    let (data, converter) = (of_activity(), PayloadConverter::default());
    let context = SerializationContext::new(&data, &converter);
    let payloads = theirs_all(payloads);
    let value = converter.from_payloads(&context, payloads);
    value.map_err(|error| error.to_string())
}

/// Payloads as the SDK has them.
pub(crate) fn theirs_all(payloads: &Payloads) -> Vec<theirs::Payload> {
    let payloads = payloads.payloads.iter();
    payloads
        .map(|payload| theirs::Payload {
            metadata: payload
                .metadata
                .iter()
                .map(|(key, value)| (key.clone(), value.to_vec()))
                .collect(),
            data: payload.data.to_vec(),
            ..theirs::Payload::default()
        })
        .collect()
}

fn ours(payload: theirs::Payload) -> Payload {
    Payload {
        metadata: payload
            .metadata
            .into_iter()
            .map(|(key, value)| (key, value.into()))
            .collect(),
        data: payload.data.into(),
        ..Payload::default()
    }
}

/// Why an activity did not succeed, as the engine records it.
pub(crate) fn error(error: temporalio_sdk::activities::ActivityError) -> ActivityError {
    use temporalio_sdk::activities::ActivityError as Theirs;
    let error = match error {
        Theirs::Application(failure) => OutgoingActivityError::Application(failure),
        Theirs::Cancelled { details } => OutgoingActivityError::Cancelled { details },
        Theirs::WillCompleteAsync => {
            return fatal(
                "Unsupported",
                "nobody in the simulator completes an activity from outside",
            );
        }
        other => return fatal("Unsupported", &format!("{other:?}")),
    };
    failure(OutgoingError::Activity(error))
}

/// The code has panicked. As with the SDK, that is a failure that may be tried again.
pub(crate) fn panicked(panic: &(dyn Any + Send)) -> ActivityError {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    let text = text.unwrap_or_else(|| "no message".to_owned());
    let why = format!("Activity function panicked: {text}");
    let why = ApplicationFailure::new(std::io::Error::other(why));
    failure(OutgoingError::Activity(OutgoingActivityError::Application(
        Box::new(why),
    )))
}

/// A failure that is no use to try again.
pub(crate) fn fatal(kind: &str, message: &str) -> ActivityError {
    ActivityError::Failed {
        kind: kind.to_owned(),
        message: message.to_owned(),
        non_retryable: true,
    }
}

fn failure(error: OutgoingError) -> ActivityError {
    let failure = DataConverter::default().to_failure(&of_activity(), error);
    let bytes = prost::Message::encode_to_vec(&failure);
    match prost::Message::decode(bytes.as_slice()) {
        Ok(failure) => ActivityError::Failure(Box::new(failure)),
        Err(error) => fatal("BadFailure", &error.to_string()),
    }
}

type Encode = Arc<dyn Fn(&dyn Any) -> Option<Result<Payloads, String>> + Send + Sync>;

/// The types of what activities heartbeat. The SDK's test context hands details over as they are.
#[derive(Clone)]
pub(crate) struct HeartbeatDetails(Vec<Encode>);

impl Default for HeartbeatDetails {
    fn default() -> Self {
        let mut known = Self(Vec::new());
        known.add::<()>();
        known.add::<bool>();
        known.add::<i32>();
        known.add::<i64>();
        known.add::<u32>();
        known.add::<u64>();
        known.add::<usize>();
        known.add::<f64>();
        known.add::<String>();
        known.add::<&'static str>();
        known.add::<serde_json::Value>();
        known
    }
}

impl HeartbeatDetails {
    pub(crate) fn add<T: TemporalSerializable + Any>(&mut self) {
        let encode: Encode = Arc::new(|details| details.downcast_ref::<T>().map(encode));
        self.0.push(encode);
    }

    pub(crate) fn encode(&self, details: &dyn Any) -> Result<Payloads, String> {
        let known = self.0.iter().find_map(|encode| encode(details));
        known.unwrap_or_else(|| {
            Err("its heartbeats have details of an unknown type: name it with `heartbeat_details::<T>()`".to_owned())
        })
    }
}
