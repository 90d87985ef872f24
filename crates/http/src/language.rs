//! Which of our customers' two languages an answer is in.

use actix_web::HttpRequest;

/// A language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Japanese, unless English is asked for first.
    Japanese,
    /// English.
    English,
}

impl Language {
    /// The language that an `Accept-Language` header puts first among ours.
    pub fn of(header: &str) -> Self {
        let mut best = (0.0_f32, Self::Japanese);
        for item in header.split(',').take(20) {
            let mut parts = item.trim().split(';');
            let tag = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
            let quality = parts.find_map(|part| part.trim().strip_prefix("q=")?.parse().ok()).unwrap_or(1.0_f32);
            let language = match tag.split('-').next() {
                Some("ja") => Self::Japanese,
                Some("en") => Self::English,
                Some(_) | None => continue,
            };
            if quality > best.0 {
                best = (quality, language);
            }
        }
        best.1
    }

    /// The language of a request: `?lang=` before the header.
    pub fn of_request(request: &HttpRequest) -> Self {
        let query = request.query_string();
        if query.split('&').any(|pair| pair == "lang=en") {
            return Self::English;
        }
        if query.split('&').any(|pair| pair == "lang=ja") {
            return Self::Japanese;
        }
        let header = request.headers().get("accept-language").and_then(|value| value.to_str().ok());
        Self::of(header.unwrap_or_default())
    }

    /// The one of two texts.
    pub fn pick<'a>(self, ja: &'a str, en: &'a str) -> &'a str {
        match self {
            Self::Japanese => ja,
            Self::English => en,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_our_languages_wins_and_japanese_is_the_default() {
        for (header, language) in [
            ("en", Language::English),
            ("fr,en;q=0.5", Language::English),
            ("ja,en;q=0.9", Language::Japanese),
            ("en;q=0.3,ja;q=0.4", Language::Japanese),
            ("*", Language::Japanese),
            ("de", Language::Japanese),
            (";;;,q=", Language::Japanese),
        ] {
            assert_eq!(Language::of(header), language, "{header}");
        }
    }
}
