//! The promises of [`Mailer`].

use async_trait::async_trait;

use super::{given, parsed};
use crate::action::AlertKind;
use crate::catalog::Bilingual;
use crate::letter::MailKind;
use crate::ports::{Delivery, Letter, Mailer, Note};
use crate::time::Timestamp;

/// A mail that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrived {
    /// To whom.
    pub to: String,
    /// Its Message-ID, without the angle brackets.
    pub message_id: String,
}

/// What the mail server says to the next mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// It takes it.
    Well,
    /// Not now (4xx).
    Later,
    /// Never (5xx).
    Never,
    /// It takes the mail, and its answer is lost.
    TakenUnheard,
    /// It is not reached.
    Unreached,
}

/// What a test makes happen at the mail server.
#[async_trait]
pub trait MailerWorld: Send + Sync {
    /// The domain in Message-IDs.
    fn domain(&self) -> String;
    /// The server says that to the next mail.
    async fn say(&self, word: Word);
    /// All that arrived.
    async fn arrived(&self) -> Vec<Arrived>;
}

/// Sees that all promises are kept; the mailer must be enabled and know an operator.
///
/// # Panics
/// Where one is broken.
pub async fn check(mailer: &dyn Mailer, world: &dyn MailerWorld) {
    assert!(mailer.is_enabled(), "the suite needs a mailer that sends");
    an_accepted_mail_arrives_once_under_its_name(mailer, world).await;
    a_refusal_for_now_and_one_for_good_are_told_apart(mailer, world).await;
    a_lost_answer_is_not_known_and_the_mail_is_there(mailer, world).await;
    a_note_reaches_the_operator(mailer, world).await;
}

fn letter(kind: MailKind, subscription: &str) -> Letter {
    Letter {
        kind,
        subscription: parsed(subscription),
        to: parsed("taro@example.jp"),
        company: "例社 <&> Söhne".to_owned(),
        subdomain: parsed("acme"),
        application: Bilingual { ja: "nginx お試し".to_owned(), en: "nginx".to_owned() },
        days: 7,
        ends_at: Timestamp::from_unix(1_790_604_800),
        reason: (kind == MailKind::Apology).then_some(crate::metadata::Reason::GaveUp),
        refunded: true,
    }
}

async fn count(world: &dyn MailerWorld, id: &str) -> usize {
    world.arrived().await.iter().filter(|mail| mail.message_id == id).count()
}

async fn an_accepted_mail_arrives_once_under_its_name(mailer: &dyn Mailer, world: &dyn MailerWorld) {
    for kind in [MailKind::Welcome, MailKind::ThankYou, MailKind::Apology] {
        let id = format!("{kind}.sub_accepted@{}", world.domain());
        let delivery = given("a mail", mailer.send(&letter(kind, "sub_accepted")).await);
        assert_eq!(delivery, Delivery::Accepted, "{kind}: the server took it");
        let arrived = world.arrived().await;
        let found: Vec<_> = arrived.iter().filter(|mail| mail.message_id == id).collect();
        assert_eq!(found.len(), 1, "{kind}: it arrives once, as <{id}>: {arrived:?}");
        assert_eq!(found.first().map(|mail| mail.to.as_str()), Some("taro@example.jp"), "{kind}: to its reader");
    }
}

async fn a_refusal_for_now_and_one_for_good_are_told_apart(mailer: &dyn Mailer, world: &dyn MailerWorld) {
    let id = format!("welcome.sub_refused@{}", world.domain());
    for (word, expected) in
        [(Word::Later, Delivery::TryLater), (Word::Never, Delivery::Refused), (Word::Unreached, Delivery::TryLater)]
    {
        world.say(word).await;
        let delivery = given("a refusal", mailer.send(&letter(MailKind::Welcome, "sub_refused")).await);
        assert_eq!(delivery, expected, "{word:?}");
        assert_eq!(count(world, &id).await, 0, "{word:?}: nothing arrived");
    }
    world.say(Word::Well).await;
    let delivery = given("the next try", mailer.send(&letter(MailKind::Welcome, "sub_refused")).await);
    assert_eq!((delivery, count(world, &id).await), (Delivery::Accepted, 1), "the next try arrives");
}

async fn a_lost_answer_is_not_known_and_the_mail_is_there(mailer: &dyn Mailer, world: &dyn MailerWorld) {
    let id = format!("welcome.sub_unheard@{}", world.domain());
    world.say(Word::TakenUnheard).await;
    match mailer.send(&letter(MailKind::Welcome, "sub_unheard")).await {
        Err(fault) => assert!(fault.is_unknown(), "a lost answer is not known: {}", fault.chain()),
        Ok(delivery) => panic!("a lost answer was taken for {delivery:?}"),
    }
    assert_eq!(count(world, &id).await, 1, "the server had it");
    world.say(Word::Well).await;
    given("a second hand-over", mailer.send(&letter(MailKind::Welcome, "sub_unheard")).await);
    assert_eq!(count(world, &id).await, 2, "the second has the same name, so that a reader's program can tell");
}

async fn a_note_reaches_the_operator(mailer: &dyn Mailer, world: &dyn MailerWorld) {
    let before = world.arrived().await.len();
    let note = Note { kind: AlertKind::Missing, subdomain: parsed("acme"), detail: "look at it".to_owned() };
    assert_eq!(given("a note", mailer.notify(&note).await), Delivery::Accepted, "a note is sent");
    assert_eq!(world.arrived().await.len(), before + 1, "and arrives");
}
