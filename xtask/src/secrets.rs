//! Looks for secrets in a text: as they are, percent-encoded, and in base64 wherever they stand in it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// A form shorter than that says nothing.
const LENGTH_MIN: usize = 8;

/// What a secret may look like in a log.
pub(crate) fn forms(secret: &str) -> Vec<String> {
    let mut forms = vec![secret.to_owned(), percent(secret), percent(secret).to_ascii_lowercase()];
    for offset in 0..3 {
        let core = base64_core(secret, offset);
        forms.push(core.replace('+', "-").replace('/', "_"));
        forms.push(core);
    }
    forms.retain(|form| form.len() >= LENGTH_MIN);
    forms.sort();
    forms.dedup();
    forms
}

/// Every byte that a query or a form would encode, encoded.
fn percent(secret: &str) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    secret.bytes().map(encode).collect()
}

/// The characters that depend on the secret alone where so many bytes, by threes, stand before it.
fn base64_core(secret: &str, offset: usize) -> String {
    let whole = STANDARD_NO_PAD.encode([&vec![0; offset][..], secret.as_bytes()].concat());
    let shared_before = [0, 2, 3][offset % 3];
    let shared_behind = usize::from(!(offset + secret.len()).is_multiple_of(3));
    whole.get(shared_before..whole.len() - shared_behind).unwrap_or_default().to_owned()
}

/// The first line with any form of a secret in it, the form blanked.
pub(crate) fn find(text: &str, secret: &str) -> Option<String> {
    let forms = forms(secret);
    text.lines().find_map(|line| {
        let form = forms.iter().find(|form| line.contains(form.as_str()))?;
        Some(line.replace(form.as_str(), "<secret>"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "pa ss/wörd+1";

    #[test]
    fn a_secret_is_found_in_each_of_its_forms() {
        let in_base64 = |before: &str| STANDARD_NO_PAD.encode(format!("{before}{SECRET}:behind"));
        for text in [
            format!("as it is: {SECRET}"),
            "form=pa%20ss%2Fw%C3%B6rd%2B1&x".to_owned(),
            "form=pa%20ss%2fw%c3%b6rd%2b1&x".to_owned(),
            format!("Basic {}", in_base64("")),
            format!("Basic {}", in_base64("a")),
            format!("Basic {}", in_base64("ab")),
            format!("Basic {}", in_base64("root@pam:")),
            in_base64("x").replace('+', "-").replace('/', "_"),
        ] {
            assert!(find(&text, SECRET).is_some_and(|line| line.contains("<secret>")), "{text}");
        }
        assert_eq!(find("pa ss/word+1 and other harmless lines", SECRET), None);
    }
}
