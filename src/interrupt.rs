//! Ctrl-C: the first one ends the command in order, the second at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use crate::Exit;

/// Whether somebody wants the command to end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Listens from now on; a process listens once.
    pub(crate) fn listen() -> Self {
        static LISTENING: OnceLock<Interrupt> = OnceLock::new();
        LISTENING.get_or_init(Self::begin).clone()
    }

    fn begin() -> Self {
        let interrupt = Self::default();
        let flag = Arc::clone(&interrupt.0);
        let listening = ctrlc::set_handler(move || {
            if flag.swap(true, Ordering::SeqCst) {
                std::process::exit(Exit::Interrupted.code().into());
            }
        });
        if let Err(error) = listening {
            anstream::eprintln!("warning: Ctrl-C will not be heard: {error}");
        }
        interrupt
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
