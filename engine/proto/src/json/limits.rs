//! How large and how deep a document may be. Nobody's own documents come near; they hold off
//! hostile ones, whose few bytes could otherwise ask for any amount of memory or stack.

/// Bytes of a document. Temporal ends a run at 50 MB of history, which is about four times that in
/// JSON.
pub const BYTES: usize = 256 << 20;

/// Levels of messages and maps below the outermost message. Protobuf's own decoders stop there too.
pub const NESTING: usize = 100;

/// Events of a history: five times those at which Temporal ends a run.
pub const EVENTS: usize = 262_144;

/// Messages of a document in all, nested ones included.
pub const MESSAGES: usize = 4 << 20;
