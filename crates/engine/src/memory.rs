//! What this process alone remembers of a name. Losing all of it at any moment is safe.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tamesuke_domain::action::AlertKind;
use tamesuke_domain::ids::SubscriptionId;
use tamesuke_domain::letter::MailKind;
use tamesuke_domain::look::{Deed, HandOver, Memory, RunView};
use tamesuke_domain::ownership::Estate;
use tamesuke_domain::parts::Part;
use tamesuke_domain::ports::Entropy;
use tamesuke_domain::time::Monotonic;

use crate::backoff;
use crate::lane::Ticket;

/// A server that says no for good is asked that long before a mail is given up.
const HOPELESS_AFTER: Duration = Duration::from_secs(72 * 3_600);
/// The first wait after a definite refusal of a mail …
const MAIL_WAIT_FIRST: Duration = Duration::from_secs(10);
/// … and the longest.
const MAIL_WAIT_MAX: Duration = Duration::from_secs(600);
/// No read of anything takes longer, with all its tries and its time in a cache: what began before a
/// write so long ago can't turn up any more.
const READS_LAST_MAX: Duration = Duration::from_secs(600);
/// How often one kind of alert of a name is told.
const ALERT_EVERY: Duration = Duration::from_secs(86_400);

#[derive(Debug, Clone, Copy)]
struct Failing {
    failures: u32,
    until: Monotonic,
}

#[derive(Debug, Clone, Copy)]
enum Mail {
    Pending,
    Accepted,
    Refused { failures: u32, until: Monotonic, since: Monotonic, for_good: bool },
}

/// One name's part of the process's memory.
#[derive(Debug, Default)]
pub(crate) struct NameMemory {
    failing: BTreeMap<(Deed, Option<SubscriptionId>), Failing>,
    missing_since: Option<Monotonic>,
    locked_since: Option<Monotonic>,
    stopped_since: Option<Monotonic>,
    mails: BTreeMap<(SubscriptionId, MailKind), Mail>,
    alerted: BTreeMap<AlertKind, Monotonic>,
    /// A run was seen alive at the last look.
    run_alive: bool,
    /// Since when a run that was seen alive is not there any more.
    run_gone: Option<Monotonic>,
    /// Failed reads in a row.
    pub(crate) unread: u32,
    /// No read of the machines may be older than this: our own last write.
    pub(crate) fresh_after: Monotonic,
    /// No listing of Stripe may be older than this: our own last write.
    pub(crate) stripe_fresh_after: Monotonic,
    /// When this process began the last read of the name's trials that came to its end.
    pub(crate) stripe_read: Monotonic,
    /// It would start a run if the lane were free; its place in line.
    pub(crate) ticket: Option<Ticket>,
    /// An alert stands.
    pub(crate) alert_stands: bool,
    /// The part whose removal was asked for last, and how often in a row. Boxed: there may be ten thousand names,
    /// and few have one.
    removing: Option<Box<(Part, u32)>>,
    /// Parts that a planted fault takes for gone.
    #[cfg(feature = "planted")]
    pub(crate) believed_gone: Vec<tamesuke_domain::parts::Part>,
}

impl NameMemory {
    /// The part of it that a decision needs; `acting_since` is when this process began to act.
    pub(crate) fn view(&self, now: Monotonic, acting_since: Monotonic) -> Memory {
        let since = |moment: Option<Monotonic>| moment.map_or(Duration::ZERO, |from| now.since(from));
        Memory {
            backing_off: self
                .failing
                .iter()
                .filter(|(_, failing)| failing.until > now)
                .map(|(deed, _)| deed.clone())
                .collect::<BTreeSet<_>>(),
            acting_for: now.since(acting_since),
            missing_for: since(self.missing_since),
            locked_for: since(self.locked_since),
            stopped_for: since(self.stopped_since),
            mails: self.mails.iter().map(|(key, mail)| (key.clone(), mail.view(now))).collect(),
            lane_busy: false,
            starts_paused: false,
        }
    }

    /// What the provisioner shows, and one thing more: a run that an earlier process left behind, seen
    /// alive and then not any more, has ended, and what it sent last may still arrive.
    pub(crate) fn note_run(&mut self, shown: RunView, now: Monotonic) -> RunView {
        match shown {
            RunView::Alive { .. } => (self.run_alive, self.run_gone) = (true, None),
            RunView::Succeeded { .. } | RunView::Failed { .. } => (self.run_alive, self.run_gone) = (false, None),
            RunView::None => {
                if std::mem::take(&mut self.run_alive) {
                    self.run_gone = Some(now);
                }
                if let Some(gone) = self.run_gone {
                    return RunView::Failed { ago: now.since(gone) };
                }
            }
        }
        shown
    }

    /// Whether forgetting all of it changes nothing.
    pub(crate) fn is_blank(&self, now: Monotonic) -> bool {
        let still = |since: Monotonic| now.since(since) < READS_LAST_MAX && since != Monotonic::default();
        self.failing.is_empty()
            && self.missing_since.or(self.locked_since).or(self.stopped_since).is_none()
            && self.mails.is_empty()
            && !self.run_alive
            && self.run_gone.is_none_or(|gone| now.since(gone) >= READS_LAST_MAX)
            && self.alerted.values().all(|told| now.since(*told) >= ALERT_EVERY)
            && self.unread == 0
            && !self.alert_stands
            && self.ticket.is_none()
            && !still(self.fresh_after)
            && !still(self.stripe_fresh_after)
    }

    /// Notes since when a part is missing, locked or stopped, or that it is no more.
    pub(crate) fn note_estate(&mut self, estate: &Estate, now: Monotonic) {
        let mark = |since: &mut Option<Monotonic>, holds: bool| {
            *since = holds.then(|| since.unwrap_or(now));
        };
        mark(&mut self.missing_since, estate.damage.is_grave());
        mark(&mut self.locked_since, estate.locked.is_some());
        mark(&mut self.stopped_since, estate.damage.stopped);
    }

    /// A deed failed definitely: it waits.
    pub(crate) fn failed(
        &mut self,
        deed: (Deed, Option<SubscriptionId>),
        now: Monotonic,
        (max, asked): (Duration, Option<Duration>),
        entropy: &dyn Entropy,
    ) -> u32 {
        let failures = self.failing.get(&deed).map_or(0, |failing| failing.failures).saturating_add(1);
        let wait = backoff::wait(failures, max, entropy).max(asked.unwrap_or(Duration::ZERO));
        self.failing.insert(deed, Failing { failures, until: now.plus(wait) });
        failures
    }

    /// A deed was done: its next failure waits the shortest again.
    pub(crate) fn succeeded(&mut self, deed: &(Deed, Option<SubscriptionId>)) {
        self.failing.remove(deed);
    }

    /// Notes that a mail's `try n` was written here and is to be handed over.
    pub(crate) fn mail_pending(&mut self, id: &SubscriptionId, kind: MailKind) {
        self.mails.insert((id.clone(), kind), Mail::Pending);
    }

    /// Notes that a server took the mail.
    pub(crate) fn mail_accepted(&mut self, id: &SubscriptionId, kind: MailKind) {
        self.mails.insert((id.clone(), kind), Mail::Accepted);
    }

    /// Notes a definite refusal; gives how long mails of this kind have been refused.
    pub(crate) fn mail_refused(
        &mut self,
        (id, kind): (&SubscriptionId, MailKind),
        for_good: bool,
        now: Monotonic,
        entropy: &dyn Entropy,
    ) -> Duration {
        let key = (id.clone(), kind);
        let (failures, since) = match self.mails.get(&key) {
            Some(Mail::Refused { failures, since, for_good: before, .. }) if *before == for_good => (*failures, *since),
            Some(Mail::Pending | Mail::Accepted | Mail::Refused { .. }) | None => (0, now),
        };
        let failures = failures.saturating_add(1);
        let wait = backoff::wait_from(MAIL_WAIT_FIRST, failures, MAIL_WAIT_MAX, entropy);
        self.mails.insert(key, Mail::Refused { failures, until: now.plus(wait), since, for_good });
        now.since(since)
    }

    /// Notes that nothing is known of a mail any more: its outcome is unknown, or it is settled.
    pub(crate) fn mail_forgotten(&mut self, id: &SubscriptionId, kind: MailKind) {
        self.mails.remove(&(id.clone(), kind));
    }

    /// Whether an alert of that kind is to be told: once a day.
    pub(crate) fn may_alert(&mut self, kind: &AlertKind, now: Monotonic) -> bool {
        let told = self.alerted.get(kind).is_some_and(|at| now.since(*at) < ALERT_EVERY);
        if !told {
            self.alerted.insert(kind.clone(), now);
        }
        !told
    }

    /// Notes that a part's removal was asked for; gives how often in a row.
    pub(crate) fn asked_again(&mut self, part: &Part) -> u32 {
        let before = self.removing.take().filter(|last| last.0 == *part).map_or(0, |last| last.1);
        let times = before.saturating_add(1);
        self.removing = Some(Box::new((part.clone(), times)));
        times
    }

    /// Whether something was refused, or not read, and is to be tried again.
    pub(crate) fn has_failed(&self) -> bool {
        self.unread > 0
            || !self.failing.is_empty()
            || self.mails.values().any(|mail| matches!(mail, Mail::Refused { .. }))
    }

    /// The earliest moment at which something that waits may go on.
    pub(crate) fn next(&self, now: Monotonic) -> Option<Monotonic> {
        let mails = self.mails.values().filter_map(|mail| match mail {
            Mail::Refused { until, .. } => Some(*until),
            Mail::Pending | Mail::Accepted => None,
        });
        self.failing.values().map(|failing| failing.until).chain(mails).filter(|until| *until > now).min()
    }
}

impl Mail {
    fn view(self, now: Monotonic) -> HandOver {
        match self {
            Self::Pending => HandOver::Pending,
            Self::Accepted => HandOver::Accepted,
            Self::Refused { until, since, for_good, .. } => HandOver::Refused {
                again_in: until.since(now),
                hopeless: for_good && now.since(since) >= HOPELESS_AFTER,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_orphaned_run_that_is_gone_has_failed_a_moment_ago() {
        let mut memory = NameMemory::default();
        let at = |secs| Monotonic::from_start(Duration::from_secs(secs));
        assert_eq!(memory.note_run(RunView::None, at(0)), RunView::None);
        assert_eq!(memory.note_run(RunView::Alive { step: 0 }, at(10)), RunView::Alive { step: 0 });
        assert!(!memory.is_blank(at(10)));
        assert_eq!(memory.note_run(RunView::None, at(70)), RunView::Failed { ago: Duration::ZERO });
        assert_eq!(memory.note_run(RunView::None, at(100)), RunView::Failed { ago: Duration::from_secs(30) });
        assert!(memory.is_blank(at(70 + READS_LAST_MAX.as_secs())));
    }
}
