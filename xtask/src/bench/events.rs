//! The webhooks that are measured: events of this installation, of many names, each signed for itself, as
//! a script for wrk. A name that is not waiting yet is queued, and looked at behind the measurement.

use anyhow::ensure;
use serde_json::json;

use crate::signature::sign;

/// How many different names, bodies and signatures take turns.
const NAMES: usize = 256;

/// A script whose requests take turns; signed now, so good for the five minutes that signatures are.
pub(super) fn script(instance: &str, secret: &str) -> anyhow::Result<String> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
    let mut events = Vec::new();
    for n in 0..NAMES {
        let body = json!({"id": format!("evt_bench{n}"), "object": "event", "type": "customer.subscription.updated", "created": 1, "livemode": false,
            "data": {"object": {"id": format!("sub_bench{n}"), "object": "subscription",
                "metadata": {"subdomain": format!("bench{n}"), "tmsk_inst": instance, "oss_type": "nginx"}}}})
        .to_string();
        ensure!(!body.contains("]==]"), "an event can't be quoted in Lua");
        let signature = format!("t={now},v1={}", sign(secret, now, &body));
        events.push(format!("  {{\"{signature}\", [==[{body}]==]}},\n"));
    }
    Ok(format!("local events = {{\n{}}}\n{TAKE_TURNS}", events.concat()))
}

/// All are put together before the first is sent: Lua must not be what is measured.
const TAKE_TURNS: &str = r#"
local ready, turn = {}, 0
function init()
  for number, event in ipairs(events) do
    local headers = {["Content-Type"] = "application/json", ["Stripe-Signature"] = event[1]}
    ready[number] = wrk.format("POST", nil, headers, event[2])
  end
end
function request()
  turn = turn % #ready + 1
  return ready[turn]
end
"#;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_event_is_ours_and_has_a_name_and_a_signature_of_its_own() {
        let script = script("ab12cd34", "whsec_x").unwrap();
        let events: Vec<(&str, &str)> = script
            .lines()
            .filter_map(|line| line.trim_start().strip_prefix("{\"")?.strip_suffix("]==]},")?.split_once("\", [==["))
            .collect();
        let names: BTreeSet<String> = events
            .iter()
            .map(|(_, body)| {
                let event: serde_json::Value = serde_json::from_str(body).unwrap();
                assert_eq!(event["data"]["object"]["metadata"]["tmsk_inst"], "ab12cd34");
                event["data"]["object"]["metadata"]["subdomain"].to_string()
            })
            .collect();
        let signatures: BTreeSet<&str> = events.iter().map(|(signature, _)| *signature).collect();
        assert_eq!((names.len(), signatures.len()), (NAMES, NAMES));
        for (signature, body) in events {
            let (stamp, digits) = signature.strip_prefix("t=").unwrap().split_once(",v1=").unwrap();
            assert_eq!(digits, sign("whsec_x", stamp.parse().unwrap(), body));
        }
    }
}
