//! Host names. Addresses, records and mail are made from them, so one that carries `https://` or a path
//! would only show as an address that leads nowhere, days later.

use super::reader::{Fault, Reader};

/// What may stand in a key for a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A name.
    Name,
    /// A name or an address, an IPv6 one in brackets.
    Machine,
    /// The same, and a port behind it.
    MachineAndPort,
}

/// What stands in for a host that is blamed, so that whatever is made from it isn't blamed as well.
const STAND_IN: &str = "localhost";

const WHAT: &str = "must be a host name alone (a-z, 0-9, dots and hyphens), without https:// and without a path";

impl Reader {
    /// The host of a key, or a stand-in after blaming it.
    pub(super) fn host(&mut self, name: &'static str, form: Form) -> String {
        let host = self.text(name);
        if host.is_empty() {
            return STAND_IN.to_owned();
        }
        if !reads(&host, form) {
            self.blame(name, WHAT);
            return STAND_IN.to_owned();
        }
        host
    }

    /// `SERVICE_DOMAIN`, or `DOMAIN`, as it was called before and the script still calls it.
    pub(super) fn service_domain(&mut self) -> String {
        match (self.given("SERVICE_DOMAIN"), self.given("DOMAIN")) {
            (None, Some(older)) if reads(&older, Form::Name) => older,
            (None, Some(_)) => {
                let (name, example) = ("DOMAIN".to_owned(), "persys.jp".to_owned());
                self.faults.push(Fault { name, what: WHAT.to_owned(), example });
                STAND_IN.to_owned()
            }
            (_, _) => self.host("SERVICE_DOMAIN", Form::Name),
        }
    }
}

/// Splits `host:port`; no port where none is given.
pub(super) fn split_port(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        Some(_) | None => (text, None),
    }
}

fn reads(text: &str, form: Form) -> bool {
    let (host, port) = if form == Form::MachineAndPort { split_port(text) } else { (text, None) };
    if port.is_some_and(|port| !port.parse::<u16>().is_ok_and(|port| port > 0)) {
        return false;
    }
    match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => form != Form::Name && address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => host.split('.').all(is_label),
    }
}

fn is_label(label: &str) -> bool {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    !label.is_empty() && label.chars().all(good)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(form: Form, good: &[&str], bad: &[&str]) {
        for text in good {
            assert!(reads(text, form), "{text} is refused");
        }
        for text in bad {
            assert!(!reads(text, form), "{text} is taken");
        }
    }

    #[test]
    fn a_host_is_a_name_alone() {
        let never =
            ["https://app.persys.jp", "a.jp/", "a b", "me@a.jp", "App.jp", "a..jp", "a.jp.", ".jp", "試.jp", ""];
        let addresses = ["[::1]", "[fd00::1]"];
        let ports = ["odin:8006", "[::1]:8006"];
        check(Form::Name, &["app.persys.jp", "localhost", "192.168.1.10"], &never);
        check(Form::Name, &[], &[&addresses[..], &ports[..]].concat());
        check(Form::Machine, &addresses, &[&never[..], &ports[..], &["::1"]].concat());
        check(Form::MachineAndPort, &[&addresses[..], &ports[..], &["odin"]].concat(), &never);
        check(
            Form::MachineAndPort,
            &[],
            &["odin:", "odin:0", "odin:x", "odin:70000", "::1", "[x]", "https://odin:8006"],
        );
    }
}
