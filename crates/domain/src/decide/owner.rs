//! Rows 17 to 25: the one trial that the name belongs to.

use std::time::Duration;

use super::{Case, Decision, row};
use crate::action::{Action, AlertKind, Repair, Waiting};
use crate::letter::MailKind;
use crate::look::Deed;
use crate::metadata::{Attempt, Reason};
use crate::ownership::{Damage, Estate};
use crate::parts::{Room, Scene};
use crate::planted::{self, Planted};
use crate::trial::Trial;

/// How soon a name that waits for something outside is looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(10);
/// … where a request that was lost a moment ago may still arrive, …
const SOON: Duration = Duration::from_secs(5);
/// … where something must be mended or others must make room first: each look is a read of Stripe and of all
/// machines, and many may wait for hours (a backoff of this name's own ends sooner by itself), …
const ROOM_AGAIN: Duration = Duration::from_secs(20);
/// … and where another run is at the clone: who waits for that is called when it is through.
const LANE_AGAIN: Duration = Duration::from_secs(60);

impl Case<'_> {
    /// Rows 18 to 21.
    pub(super) fn ready(&self, owner: &Trial, estate: &Estate) -> Decision {
        if let Some(decision) = self.damaged(owner, estate.damage) {
            return decision;
        }
        match self.mail(owner, MailKind::Welcome) {
            Some(mail) => row(20, mail),
            None => row(21, Action::Rest { until: self.next_moment(), free: false }),
        }
    }

    fn damaged(&self, owner: &Trial, damage: Damage) -> Option<Decision> {
        let recorded = owner.record.recorded.as_ref()?;
        let policy = &self.look.policy;
        if damage.is_grave() {
            let patience_secs = if damage.container_gone { policy.lost_secs } else { policy.lost_alive_secs };
            let lost = self.look.memory.missing_for.as_secs() >= patience_secs;
            if lost && self.may(Deed::Refuse, owner) {
                return Some(row(18, Action::Refuse(owner.id().clone(), Reason::Lost)));
            }
            return Some(row(18, Action::Alert(AlertKind::Missing, missing(owner, damage))));
        }
        if !self.may(Deed::Repair, owner) {
            return None;
        }
        let repair = |what| Some(row(19, Action::Repair(owner.id().clone(), what)));
        if damage.record_missing {
            return repair(Repair::Record(recorded.tunnel.clone()));
        }
        if damage.file_astray {
            return repair(Repair::File(recorded.vmid, recorded.tunnel.clone()));
        }
        if damage.stopped {
            if self.look.memory.stopped_for.as_secs() < policy.stopped_repair_secs {
                let wait = Duration::from_secs(policy.stopped_repair_secs);
                return Some(row(19, Action::Wait(Waiting::Stopped, wait)));
            }
            return repair(Repair::Start(recorded.vmid));
        }
        None
    }

    /// Rows 17 and 22 to 25.
    pub(super) fn unready(&self, owner: &Trial, scene: &Scene, estate: &Estate) -> Decision {
        let attempt = owner.record.attempt;
        let foreign = (!estate.foreign.is_empty() || (attempt.is_none() && estate.file_foreign))
            && !planted::has(Planted::ForeignRecordReplaced);
        if foreign && self.may(Deed::Refuse, owner) {
            return row(17, Action::Refuse(owner.id().clone(), Reason::Foreign));
        }
        if let Some(set) = &estate.complete {
            let answers = self.look.answers == Some(true);
            if answers && self.may(Deed::Record, owner) {
                let mark = self.first_mark(owner, MailKind::Welcome);
                return row(22, Action::Record(owner.id().clone(), set.vmid, set.tunnel.clone(), mark));
            }
            return row(22, Action::Wait(Waiting::Answer, LOOK_AGAIN));
        }
        let spent = attempt.is_some_and(|a| {
            a.count >= self.look.policy.attempts_max && self.now.secs_since(a.first) >= self.look.policy.give_up_secs
        });
        if spent && self.may(Deed::Refuse, owner) {
            return row(23, Action::Refuse(owner.id().clone(), Reason::GaveUp));
        }
        if foreign || spent {
            return row(if foreign { 17 } else { 23 }, Action::Wait(Waiting::Start, LOOK_AGAIN));
        }
        self.start(owner, scene, estate)
    }

    /// Rows 24 and 25.
    fn start(&self, owner: &Trial, scene: &Scene, estate: &Estate) -> Decision {
        let attempt = owner.record.attempt;
        let spacing_secs = attempt.map_or(0, |a| {
            let next = a.last.plus_secs(self.look.policy.spacing_secs(a.count));
            next.secs_since(self.now)
        });
        if let Ok(left) = u64::try_from(spacing_secs)
            && left > 0
        {
            return row(24, Action::Wait(Waiting::Start, Duration::from_secs(left)));
        }
        let mending = !estate.strays.is_empty() || !self.may(Deed::Run, owner);
        let wait = if self.look.memory.starts_paused {
            Some((Waiting::Start, SOON))
        } else if mending {
            Some((Waiting::Start, ROOM_AGAIN))
        } else if self.look.memory.lane_busy {
            // Before the room: whoever is at the clone has the template locked.
            Some((Waiting::Lane, LANE_AGAIN))
        } else {
            (scene.room != Room::Yes).then_some((Waiting::Start, ROOM_AGAIN))
        };
        if let Some((why, wait)) = wait {
            return row(24, Action::Wait(why, wait));
        }
        let next = attempt.map_or(Attempt { count: 1, first: self.now, last: self.now }, |a| Attempt {
            count: a.count.saturating_add(1),
            first: a.first,
            last: self.now,
        });
        row(25, Action::Run(owner.id().clone(), next))
    }
}

fn missing(owner: &Trial, damage: Damage) -> String {
    let mut parts = Vec::new();
    if damage.container_gone {
        parts.push("its container is gone");
    }
    if damage.tunnel_gone {
        parts.push("its tunnel is gone");
    }
    if damage.record_foreign {
        parts.push("its DNS record is not ours");
    }
    format!(
        "{} of {}: {}; put it back or cancel the subscription",
        owner.id(),
        owner.record.subdomain,
        parts.join(", ")
    )
}
