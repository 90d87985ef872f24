//! What the engine refuses, in a customer's words.

use actix_web::http::StatusCode;
use tamesuke_domain::ports::System;
use tamesuke_engine::offers::OfferError;
use tamesuke_engine::signup::{Availability, SignUpError};

use super::{Code, Problem};

/// A period that is not sold, in words.
pub(crate) const PERIOD_NOT_SOLD: (&str, &str) =
    ("この期間は選べません。別の期間をお選びください。", "This period cannot be chosen. Please choose another.");

/// Why a name can't be had, in words; none for one that is free.
pub fn why_unavailable(availability: Availability) -> Option<Problem> {
    let problem = match availability {
        Availability::Free => return None,
        Availability::Taken => Problem::conflict(
            Code::SubdomainTaken,
            "このアドレスはすでに使われています。別の名前をお選びください。",
            "This address is already in use. Please choose another name.",
        ),
        Availability::Leaving { retry_after_secs } => Problem::conflict(
            Code::SubdomainLeaving,
            "このアドレスは、前の環境を片付けているところです。終わりしだいお選びいただけます。",
            "The last environment at this address is being cleared away. You can choose it as soon as that is done.",
        )
        .retry_after(retry_after_secs),
        Availability::Reserved { until } => Problem::conflict(
            Code::SubdomainReserved,
            "このアドレスは、ほかの方がお支払いの手続きをしています。別の名前をお選びになるか、時間をおいてお試しください。",
            "Somebody else is paying for this address. Please choose another name, or try again later.",
        )
        .until(until.as_unix()),
    };
    Some(problem.field("subdomain"))
}

impl From<&OfferError> for Problem {
    fn from(error: &OfferError) -> Self {
        let unprocessable = StatusCode::UNPROCESSABLE_ENTITY;
        match error {
            OfferError::UnknownApplication(_) => Self::new(
                unprocessable,
                Code::ApplicationUnknown,
                "そのアプリケーションは扱っていません。",
                "We do not offer this application.",
            )
            .field("oss_type"),
            OfferError::Unavailable(_) => Self::new(
                unprocessable,
                Code::ApplicationUnavailable,
                "このアプリケーションは準備中です。別のアプリケーションをお選びください。",
                "This application is not available yet. Please choose another.",
            )
            .field("oss_type"),
            OfferError::PeriodNotSold(_) => {
                let (ja, en) = PERIOD_NOT_SOLD;
                Self::new(unprocessable, Code::PeriodNotSold, ja, en).field("duration_days")
            }
            OfferError::Price(fault) => Self::from_system(fault.system()),
        }
    }
}

impl Problem {
    fn from_system(system: System) -> Self {
        match system {
            System::Stripe => Self::unavailable(
                Code::StripeUnavailable,
                "決済サービスに接続できません。しばらくしてからもう一度お試しください。お支払いは発生していません。",
                "The payment service cannot be reached. Please try again in a while. You have not been charged.",
            ),
            System::Cloudflare => Self::unavailable(
                Code::CloudflareUnavailable,
                "ただいま受付できません。しばらくしてからもう一度お試しください。お支払いは発生していません。",
                "We cannot take orders just now. Please try again in a while. You have not been charged.",
            ),
            System::Proxmox | System::FileServer | System::Smtp | System::Provisioner => Self::unavailable(
                Code::ProxmoxUnavailable,
                "ただいま受付できません。しばらくしてからもう一度お試しください。お支払いは発生していません。",
                "We cannot take orders just now. Please try again in a while. You have not been charged.",
            ),
        }
    }
}

impl From<SignUpError> for Problem {
    fn from(error: SignUpError) -> Self {
        match error {
            SignUpError::NotReady => Self::not_ready(),
            SignUpError::Busy => Self::unavailable(
                Code::Busy,
                "このアドレスのお手続きが続いています。少し待ってから、もう一度お試しください。",
                "Another order for this address is under way. Please wait a little and try again.",
            ),
            SignUpError::Offer(error) => Self::from(&error),
            SignUpError::Unavailable(availability) => why_unavailable(availability).unwrap_or_else(Self::not_ready),
            SignUpError::AlreadyPaid => Self::conflict(
                Code::AlreadyPaid,
                "このお申し込みはお支払い済みです。準備ができると、メールでお知らせします。",
                "This order has been paid already. We will write to you when it is ready.",
            ),
            SignUpError::Email(fault) => {
                tracing::info!(error = %fault.chain(), "a sign-up's mail address is refused");
                Self::email()
            }
            SignUpError::Full => Self::unavailable(
                Code::Full,
                "ただいま空きがありません。時間をおいて、もう一度お試しください。お支払いは発生していません。",
                "There is no room just now. Please try again later. You have not been charged.",
            ),
            SignUpError::Outside(fault) => {
                tracing::warn!(error = %fault.chain(), "a sign-up needs an outside system that did not answer");
                Self::from_system(fault.system())
            }
        }
    }
}
