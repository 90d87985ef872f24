//! The public test cards, by number (for the payment page) and by their names as payment methods (for
//! the API), and what each does.

/// How a card says no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Decline {
    pub(super) code: &'static str,
    pub(super) reason: &'static str,
    pub(super) message: &'static str,
    /// For the payment page, in Japanese.
    pub(super) japanese: &'static str,
}

const GENERIC: Decline = Decline {
    code: "card_declined",
    reason: "generic_decline",
    message: "Your card was declined.",
    japanese: "カードが拒否されました。",
};
const NO_FUNDS: Decline = Decline {
    code: "card_declined",
    reason: "insufficient_funds",
    message: "Your card has insufficient funds.",
    japanese: "カードの残高が不足しています。",
};
const EXPIRED: Decline = Decline {
    code: "expired_card",
    reason: "expired_card",
    message: "Your card has expired.",
    japanese: "カードの有効期限が切れています。",
};
const WRONG_CVC: Decline = Decline {
    code: "incorrect_cvc",
    reason: "incorrect_cvc",
    message: "Your card's security code is incorrect.",
    japanese: "セキュリティコードが正しくありません。",
};
const BROKEN: Decline = Decline {
    code: "processing_error",
    reason: "processing_error",
    message: "An error occurred while processing your card. Try again in a little bit.",
    japanese: "カードの処理中にエラーが発生しました。",
};

/// What a card does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Card {
    Good,
    /// Paid later, at a till: the session completes unpaid.
    Later,
    Declined(Decline),
}

impl Card {
    /// By what was typed on the payment page.
    pub(super) fn of(number: &str) -> Self {
        if number.trim().eq_ignore_ascii_case("konbini") {
            return Self::Later;
        }
        let digits: String = number.chars().filter(char::is_ascii_digit).collect();
        match digits.as_str() {
            "4242424242424242" => Self::Good,
            "4000000000009995" => Self::Declined(NO_FUNDS),
            "4000000000000069" => Self::Declined(EXPIRED),
            "4000000000000127" => Self::Declined(WRONG_CVC),
            "4000000000000119" => Self::Declined(BROKEN),
            _ => Self::Declined(GENERIC),
        }
    }

    /// By the name of a payment method; none where there is no such one.
    pub(super) fn named(method: &str) -> Option<Self> {
        Some(match method {
            "pm_card_visa" | "pm_card_mastercard" | "pm_card_jp" => Self::Good,
            "pm_card_chargeDeclined" | "pm_card_visa_chargeDeclined" | "pm_card_chargeCustomerFail" => {
                Self::Declined(GENERIC)
            }
            "pm_card_chargeDeclinedInsufficientFunds" | "pm_card_visa_chargeDeclinedInsufficientFunds" => {
                Self::Declined(NO_FUNDS)
            }
            "pm_card_chargeDeclinedExpiredCard" => Self::Declined(EXPIRED),
            "pm_card_chargeDeclinedIncorrectCvc" => Self::Declined(WRONG_CVC),
            "pm_card_chargeDeclinedProcessingError" => Self::Declined(BROKEN),
            _ => return None,
        })
    }
}
