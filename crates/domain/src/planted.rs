//! Faults planted on purpose, to show that the simulator would find them.
//!
//! Compiled in with the feature `planted` alone, which nothing but the simulator enables; without it
//! [`has`] is a constant `false` and leaves nothing in the program.

/// A fault that can be planted. One at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Planted {
    /// No listing asks for a look.
    NoResync,
    /// The end is set only once a trial is ready.
    EndAfterReady,
    /// A mail is marked as sent before it is handed over.
    MarkedBeforeSent,
    /// A definite refusal of a mail counts as a try.
    RefusalsAreTries,
    /// Whatever has the name is ours.
    OwnedByName,
    /// A container is ours by its recorded number.
    OwnedByNumber,
    /// A failed read shows that nothing is there.
    FailedReadIsAbsence,
    /// What was asked to be removed is gone.
    RemovalBelieved,
    /// Somebody else's DNS record is in nobody's way.
    ForeignRecordReplaced,
    /// Two payers of one name both stay.
    NoArbitration,
    /// What is refused is canceled without a refund.
    CanceledUnrefunded,
    /// A run is started while another lives.
    SecondRun,
    /// A hint ends a hold.
    HintEndsHold,
    /// Work is known from webhooks alone.
    OnlyInMemory,
}

impl Planted {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::NoResync,
        Self::EndAfterReady,
        Self::MarkedBeforeSent,
        Self::RefusalsAreTries,
        Self::OwnedByName,
        Self::OwnedByNumber,
        Self::FailedReadIsAbsence,
        Self::RemovalBelieved,
        Self::ForeignRecordReplaced,
        Self::NoArbitration,
        Self::CanceledUnrefunded,
        Self::SecondRun,
        Self::HintEndsHold,
        Self::OnlyInMemory,
    ];
}

#[cfg(feature = "planted")]
mod chosen {
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::Planted;

    static CHOSEN: AtomicU8 = AtomicU8::new(u8::MAX);

    /// Plants a fault, or none.
    pub fn plant(fault: Option<Planted>) {
        CHOSEN.store(fault.map_or(u8::MAX, |fault| fault as u8), Ordering::Relaxed);
    }

    /// Whether that fault is planted.
    pub fn has(fault: Planted) -> bool {
        CHOSEN.load(Ordering::Relaxed) == fault as u8
    }
}

#[cfg(feature = "planted")]
pub use chosen::{has, plant};

/// Whether that fault is planted: never.
#[cfg(not(feature = "planted"))]
pub const fn has(_fault: Planted) -> bool {
    false
}
