//! What the engine refuses, in a customer's words.

use actix_web::http::StatusCode;
use tamesuke_domain::ports::System;
use tamesuke_engine::offers::OfferError;
use tamesuke_engine::signup::{Availability, SignUpError};

use super::{Code, Problem};

/// Why a name can't be had, in words; none for one that is free.
pub fn why_unavailable(availability: Availability) -> Option<Problem> {
    let problem = match availability {
        Availability::Free => return None,
        Availability::Taken => Problem::conflict(
            Code::SubdomainTaken,
            "このサブドメインは使われています。別の名前をお選びください。",
            "This subdomain is taken. Please choose another.",
        ),
        Availability::Leaving { retry_after_secs } => Problem::conflict(
            Code::SubdomainLeaving,
            "このサブドメインは前の環境を片付けています。数分後にもう一度お試しください。",
            "The last environment of this subdomain is being removed. Please try again in a few minutes.",
        )
        .retry_after(retry_after_secs),
        Availability::Reserved { until } => Problem::conflict(
            Code::SubdomainReserved,
            "このサブドメインは、ほかの方がお支払いの手続き中です。",
            "Somebody else is about to pay for this subdomain.",
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
                "このアプリケーションは準備中です。",
                "This application is not available yet.",
            )
            .field("oss_type"),
            OfferError::PeriodNotSold(_) => {
                Self::new(unprocessable, Code::PeriodNotSold, "この期間は選べません。", "This period is not sold.")
                    .field("duration_days")
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
                "同じサブドメインの手続きが続いています。少し待ってからもう一度お試しください。",
                "Another request for this subdomain is under way. Please try again shortly.",
            ),
            SignUpError::Offer(error) => Self::from(&error),
            SignUpError::Unavailable(availability) => why_unavailable(availability).unwrap_or_else(Self::not_ready),
            SignUpError::AlreadyPaid => Self::conflict(
                Code::AlreadyPaid,
                "このお申し込みはお支払い済みです。メールをご確認ください。",
                "This order has been paid already. Please look at your mail.",
            ),
            SignUpError::Email(fault) => {
                tracing::info!(error = %fault.chain(), "a sign-up's mail address is refused");
                Self::email()
            }
            SignUpError::Full => Self::unavailable(
                Code::Full,
                "ただいま満員です。しばらくしてからもう一度お試しください。",
                "There is no room just now. Please try again later.",
            ),
            SignUpError::Outside(fault) => {
                tracing::warn!(error = %fault.chain(), "a sign-up needs an outside system that did not answer");
                Self::from_system(fault.system())
            }
        }
    }
}
