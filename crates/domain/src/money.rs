//! Amounts as Stripe counts them: whole minor units and a currency.

use std::fmt;

/// Currencies without a minor unit (docs.stripe.com/currencies, "zero-decimal").
const ZERO_DECIMAL: &[&str] =
    &["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "ugx", "vnd", "vuv", "xaf", "xof", "xpf"];

/// An amount of money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Money {
    /// The amount in the currency's smallest unit: yen, or cents.
    pub amount_minor: i64,
    /// Three lower-case letters, as Stripe writes them.
    pub currency: String,
}

impl Money {
    /// The amount as a plain decimal number, `500` or `4.99`.
    pub fn amount(&self) -> String {
        if ZERO_DECIMAL.contains(&self.currency.as_str()) {
            return self.amount_minor.to_string();
        }
        let sign = if self.amount_minor < 0 { "-" } else { "" };
        let cents = self.amount_minor.unsigned_abs();
        format!("{sign}{}.{:02}", cents / 100, cents % 100)
    }
}

impl fmt::Display for Money {
    /// For people: `¥1,500`, or `4.99 USD`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.currency == "jpy" {
            write!(f, "¥{}", grouped(self.amount_minor))
        } else {
            write!(f, "{} {}", self.amount(), self.currency.to_uppercase())
        }
    }
}

fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if number < 0 { format!("-{out}") } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(amount_minor: i64, currency: &str, shown: &str) {
        assert_eq!(Money { amount_minor, currency: currency.into() }.to_string(), shown);
    }

    #[test]
    fn yen_have_no_minor_unit_and_others_have_two_places() {
        check(500, "jpy", "¥500");
        check(1_234_567, "jpy", "¥1,234,567");
        check(499, "usd", "4.99 USD");
        check(5, "eur", "0.05 EUR");
        check(1000, "krw", "1000 KRW");
    }
}
