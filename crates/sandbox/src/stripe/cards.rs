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
    /// Good, once the bank's own page has been passed (3-D Secure).
    Guarded,
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
            "4000000000003220" => Self::Guarded,
            "4000000000009995" => Self::Declined(NO_FUNDS),
            "4000000000000069" => Self::Declined(EXPIRED),
            "4000000000000127" => Self::Declined(WRONG_CVC),
            "4000000000000119" => Self::Declined(BROKEN),
            // 4000000000000341, too: it can be attached to a customer, but no charge of it succeeds, and this
            // page charges at once.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_public_test_cards_do_what_they_are_known_for() {
        assert_eq!(Card::of("4242 4242 4242 4242"), Card::Good);
        assert_eq!(Card::of("4000-0000-0000-3220"), Card::Guarded);
        for (end, reason) in [
            ("0002", "generic_decline"),
            ("0341", "generic_decline"),
            ("9995", "insufficient_funds"),
            ("0069", "expired_card"),
            ("0127", "incorrect_cvc"),
            ("0119", "processing_error"),
        ] {
            let Card::Declined(decline) = Card::of(&format!("400000000000{end}")) else {
                panic!("{end} is no decline")
            };
            assert_eq!(decline.reason, reason, "{end}");
        }
        // By its name it can be attached, and no charge of it succeeds.
        assert_eq!(Card::named("pm_card_chargeCustomerFail"), Some(Card::Declined(GENERIC)));
    }
}
