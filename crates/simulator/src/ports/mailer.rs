//! Mails: handed to the world's mail server, which takes them, refuses them, or says nothing.

use async_trait::async_trait;
use tamesuke_domain::ports::{Delivery, Fault, Letter, Mailer, Note};

use super::Link;
use crate::fate::Fate;
use crate::invariants;
use crate::op::Op;
use crate::world::stripe::sub_index;

/// The port `Mailer`.
pub struct FakeMailer(pub Link);

#[async_trait]
impl Mailer for FakeMailer {
    fn is_enabled(&self) -> bool {
        true
    }

    async fn send(&self, letter: &Letter) -> Result<Delivery, Fault> {
        let Some(sub) = sub_index(&letter.subscription) else {
            return Ok(Delivery::Refused);
        };
        let kind = letter.kind;
        let sent = self.0.call(Op::SendMail, move |world, fate| {
            world.tally.mails += 1;
            world.post.sent.entry((sub, kind)).or_default().arrived += 1;
            if fate == Fate::Lost || fate == Fate::Late {
                world
                    .trace
                    .note(world.now, "mail", (sub as u64, kind as u64), || format!("{kind} of sub_{sub}, unanswered"));
            }
            invariants::mail_arrived(world, sub, kind);
            Ok(Delivery::Accepted)
        });
        let sent = sent.await;
        match sent {
            Err(Fault::Unknown { .. }) => {
                let mut world = self.0.world().lock();
                world.post.sent.entry((sub, kind)).or_default().unanswered += 1;
                sent
            }
            // What an SMTP server says for now or for good.
            Err(Fault::Refused { .. }) => Ok(Delivery::Refused),
            Err(Fault::Retryable { .. }) => Ok(Delivery::TryLater),
            Ok(delivery) => Ok(delivery),
        }
    }

    async fn notify(&self, note: &Note) -> Result<Delivery, Fault> {
        let mut world = self.0.world().lock();
        let now = world.now;
        let kind = note.kind.clone();
        world.trace.note(now, "alert", (0, 0), || format!("{kind:?} of {}: {}", note.subdomain, note.detail));
        Ok(Delivery::Accepted)
    }
}
