//! Mails: handed to the world's mail server, which takes them, refuses them, or says nothing.

use async_trait::async_trait;
use tamesuke_domain::ports::{Delivery, Fault, Letter, Mailer, Note};

use super::Link;
use crate::fate::Fate;
use crate::invariants;
use crate::op::Op;
use crate::world::post::Mail;
use crate::world::stripe::sub_index;

/// The domain in Message-IDs.
const DOMAIN: &str = "persys.jp";

/// The port `Mailer`.
pub struct FakeMailer(pub Link);

#[async_trait]
impl Mailer for FakeMailer {
    fn is_enabled(&self) -> bool {
        true
    }

    async fn send(&self, letter: &Letter) -> Result<Delivery, Fault> {
        let (sub, kind) = (sub_index(&letter.subscription), letter.kind);
        let message_id = format!("{kind}.{}@{DOMAIN}", letter.subscription);
        let mail = Mail { to: letter.to.expose().to_owned(), message_id };
        if let Some(sub) = sub {
            self.0.world().lock().post.handing_over(sub, kind, self.0.pid());
        }
        let sent = self.0.call(Op::SendMail, move |world, fate| {
            world.tally.mails += 1;
            world.post.boxes.push(mail);
            // A mail server takes any mail; what is counted is what is about a subscription.
            let Some(sub) = sub else {
                return Ok(Delivery::Accepted);
            };
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
        if let (Err(Fault::Unknown { .. }), Some(sub)) = (&sent, sub) {
            self.0.world().lock().post.unanswered(sub, kind);
        }
        delivery(sent)
    }

    async fn notify(&self, note: &Note) -> Result<Delivery, Fault> {
        let note = note.clone();
        let told = self.0.call(Op::Notify, move |world, _| {
            let now = world.now;
            let message_id = format!("operator.{}.{now}@{DOMAIN}", note.subdomain);
            world.post.boxes.push(Mail { to: "operator".to_owned(), message_id });
            world
                .trace
                .note(now, "alert", (0, 0), || format!("{:?} of {}: {}", note.kind, note.subdomain, note.detail));
            world.post.notes.push(note);
            Ok(Delivery::Accepted)
        });
        delivery(told.await)
    }
}

/// What an SMTP server says for now or for good.
fn delivery(handed_over: Result<Delivery, Fault>) -> Result<Delivery, Fault> {
    match handed_over {
        Err(Fault::Refused { .. }) => Ok(Delivery::Refused),
        Err(Fault::Retryable { .. }) => Ok(Delivery::TryLater),
        known => known,
    }
}
