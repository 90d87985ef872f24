//! `Mailer` over the simulated mail server.

use async_trait::async_trait;
use tamesuke_domain::contract::mailer::{Arrived, MailerWorld, Word, check};
use tamesuke_simulator::fate::Arranged;
use tamesuke_simulator::op::Op;
use tamesuke_simulator::ports::{FakeMailer, Link};

struct Post(Link);

#[async_trait]
impl MailerWorld for Post {
    fn domain(&self) -> String {
        "persys.jp".to_owned()
    }

    async fn say(&self, word: Word) {
        let arranged = match word {
            Word::Well => None,
            Word::Later | Word::Unreached => Some(Arranged::NotNow),
            Word::Never => Some(Arranged::Refused),
            Word::TakenUnheard => Some(Arranged::Unheard),
        };
        let arranged = arranged.map(|arranged| (Op::SendMail, arranged));
        self.0.world().lock().arranged = arranged.into_iter().collect();
    }

    async fn arrived(&self) -> Vec<Arrived> {
        let world = self.0.world().lock();
        let boxes = world.post.boxes.iter();
        boxes.map(|mail| Arrived { to: mail.to.clone(), message_id: mail.message_id.clone() }).collect()
    }
}

#[test]
fn the_simulated_post_keeps_the_contract_of_mailer() {
    let link = super::line();
    let (mailer, world) = (FakeMailer(link.clone()), Post(link.clone()));
    super::keeps(&link, async move { check(&mailer, &world).await });
}
