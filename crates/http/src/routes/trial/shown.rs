//! A trial as it is shown: its state on the wire and in words.

use serde::Serialize;
use tamesuke_domain::metadata::Reason;
use tamesuke_domain::state::{STEPS, State};
use tamesuke_domain::time::Timestamp;
use tamesuke_engine::engine::TrialView;
use utoipa::ToSchema;

use crate::language::Language;

/// A trial as the page after payment shows it.
#[derive(Serialize, ToSchema)]
#[schema(as = Trial)]
pub(crate) struct Shown<'a> {
    state: ShownState,
    /// Steps of the run that are done, 0 to `steps`.
    step: u8,
    steps: u8,
    /// What was done last.
    step_name: Words,
    /// What is done, in order.
    step_names: Vec<Words>,
    /// Which run it is, from 1; 0 before the first.
    attempt: u32,
    /// The trial's address, unless it is over or was refused.
    url: Option<&'a str>,
    /// When it ends, as ISO 8601 in UTC.
    ends_at: Option<String>,
    subdomain: &'a str,
    /// How it stands, in the caller's language.
    detail: &'static str,
}

#[derive(Serialize, ToSchema)]
#[schema(as = StepName)]
struct Words {
    ja: &'static str,
    en: &'static str,
}

/// The states on the wire.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = State)]
enum ShownState {
    Reserved,
    Paid,
    Provisioning,
    Ready,
    Ending,
    Closed,
    Expired,
    Refused,
    Stuck,
}

impl From<State> for ShownState {
    fn from(state: State) -> Self {
        match state {
            State::Reserved => Self::Reserved,
            State::Paid => Self::Paid,
            State::Provisioning => Self::Provisioning,
            State::Ready => Self::Ready,
            State::Ending => Self::Ending,
            State::Closed => Self::Closed,
            State::Expired => Self::Expired,
            State::Refused => Self::Refused,
            State::Stuck => Self::Stuck,
        }
    }
}

/// The ten steps in words; the first is "not begun".
const STEP_NAMES: [(&str, &str); 11] = [
    ("準備しています", "Preparing"),
    ("コンテナ番号の割り当て", "Choosing a container number"),
    ("トンネルの作成", "Making the tunnel"),
    ("接続トークンの取得", "Fetching the tunnel's token"),
    ("経路の設定", "Configuring the route"),
    ("DNSの登録", "Making the DNS record"),
    ("設定情報の作成", "Preparing the settings"),
    ("設定情報の送信", "Uploading the settings"),
    ("コンテナの複製", "Cloning the container"),
    ("コンテナの起動", "Starting the container"),
    ("公開の確認", "Checking the address"),
];

fn detail(view: &TrialView, language: Language) -> &'static str {
    let (ja, en) = match view.progress.state {
        State::Reserved => (
            "お支払いを確認できしだい作成を始めます。準備ができると、メールでお知らせします。",
            "We begin as soon as your payment arrives, and write to you when it is ready.",
        ),
        State::Paid => {
            ("お支払いを確認しました。まもなく作成を始めます。", "Your payment has arrived. We are about to begin.")
        }
        State::Provisioning => ("環境を作成しています。", "Your environment is being made."),
        State::Ready => ("ご利用いただけます。", "It is ready."),
        State::Ending => {
            ("お試しは終了しました。環境を削除しています。", "Your trial is over. The environment is being removed.")
        }
        State::Closed => {
            ("お試しは終了し、すべて削除しました。", "Your trial is over and everything has been deleted.")
        }
        State::Expired => (
            "お支払いを期限までに確認できませんでした。お手数ですが、もう一度お申し込みください。",
            "Your payment did not arrive in time. Please order again.",
        ),
        State::Refused => match view.progress.refused {
            Some(Reason::Taken | Reason::Foreign) => (
                "このアドレスはすでに使われていたため、ご提供できませんでした。申し訳ございません。全額を返金いたします。別の名前でお申し込みください。",
                "This address was already in use, so we could not provide it. You get a full refund. Please order with another name.",
            ),
            Some(Reason::NeverReady | Reason::GaveUp | Reason::Lost) | None => (
                "お試しいただけず、誠に申し訳ございません。全額を返金いたします。",
                "We are very sorry. You get a full refund.",
            ),
        },
        State::Stuck => (
            "運用担当者が確認しています。お待たせして申し訳ございません。",
            "Our operator is looking into it. We are sorry for the wait.",
        ),
    };
    language.pick(ja, en)
}

/// A moment as ISO 8601 in UTC; none outside of what that can write.
fn iso(at: Timestamp) -> Option<String> {
    jiff::Timestamp::from_second(at.as_unix()).ok().map(|at| at.to_string())
}

pub(super) fn shown(view: &TrialView, language: Language) -> Shown<'_> {
    let progress = &view.progress;
    let words = |&(ja, en): &(&'static str, &'static str)| Words { ja, en };
    let has_address =
        matches!(progress.state, State::Paid | State::Provisioning | State::Ready | State::Stuck | State::Reserved);
    Shown {
        state: progress.state.into(),
        step: progress.step,
        steps: STEPS,
        step_name: words(&STEP_NAMES[usize::from(progress.step.min(STEPS))]),
        step_names: STEP_NAMES[1..].iter().map(words).collect(),
        attempt: progress.attempt,
        url: has_address.then_some(view.url.as_str()),
        ends_at: progress.ends_at.and_then(iso),
        subdomain: view.subdomain.as_str(),
        detail: detail(view, language),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_on_the_wire_are_named_as_everywhere_else() {
        for state in [
            State::Reserved,
            State::Paid,
            State::Provisioning,
            State::Ready,
            State::Ending,
            State::Closed,
            State::Expired,
            State::Refused,
            State::Stuck,
        ] {
            assert_eq!(serde_json::to_value(ShownState::from(state)).unwrap(), state.as_str());
        }
    }

    #[test]
    fn moments_are_written_in_utc() {
        assert_eq!(iso(Timestamp::from_unix(1_790_000_000)).as_deref(), Some("2026-09-21T14:13:20Z"));
        assert_eq!(iso(Timestamp::from_unix(i64::MAX)), None);
    }
}
