//! Reads the script's progress out of what it prints. Recovery never depends on it.
//!
//! Only the number at a line's start is believed, for the words behind it are the script's own.
//! Polling messages end in a carriage return, so lines end at either.

/// The most of an unfinished line that is kept.
const LINE_MAX: usize = 4_096;
/// The last step.
const STEP_MAX: u8 = 10;

/// Collects output and tells the steps in it.
#[derive(Debug, Default)]
pub struct Steps {
    line: String,
    step: u8,
}

impl Steps {
    /// Takes in output; gives the step when it has grown. Steps never go back.
    pub fn feed(&mut self, text: &str) -> Option<u8> {
        let before = self.step;
        for character in text.chars() {
            if character == '\n' || character == '\r' {
                self.line.clear();
            } else if self.line.len() < LINE_MAX {
                self.line.push(character);
                self.step = self.step.max(step_of(&self.line).unwrap_or(0));
            }
        }
        (self.step > before).then_some(self.step)
    }
}

/// The step that a line reports as done: `7. [OK] …`. A line that only waits (`10. [WAIT] …`) is none.
fn step_of(line: &str) -> Option<u8> {
    let (number, rest) = line.split_once(". ")?;
    // `parse` alone would take `+5` and `005`, too.
    let plain = (1..=2).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
    let number: u8 = number.parse().ok().filter(|_| plain)?;
    ((1..=STEP_MAX).contains(&number) && rest.starts_with("[OK] ")).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tamesuke_domain::drawn::each_kind;

    #[track_caller]
    fn check(chunks: &[&str], expected: u8) {
        let mut steps = Steps::default();
        for chunk in chunks {
            steps.feed(chunk);
        }
        assert_eq!(steps.step, expected, "{chunks:?}");
    }

    #[test]
    fn a_step_is_seen_however_the_output_is_cut_and_ended() {
        check(&["1. [OK] VMID: 9001\n2. [OK] トンネル: x\n"], 2);
        check(&["7. [O", "K] 完了"], 7);
        check(&["待機中 2s\r待機中 4s\r8. [OK] 完了\n"], 8);
        check(&["10. [WAIT] 待機\n"], 0);
        check(&["10. [WAIT] 待機\r10. [OK] 公開\n"], 10);
    }

    #[test]
    fn what_only_looks_like_a_step_is_none() {
        check(&["[OK] 接続\n", "   - 削除: 1. [OK] x\n", "11. [OK] x\n", "0. [OK] x\n", "1.[OK] x\n", "=====\n"], 0);
        check(&["+5. [OK] x\n", "005. [OK] x\n"], 0);
        check(&["5. [OK] x\n3. [OK] y\n"], 5);
    }

    /// What a run prints: steps, what looks like one, lines without end, and ends of both kinds.
    fn drawn_output() -> impl Strategy<Value = String> {
        let line = prop_oneof![
            4 => "([1-9]|10)\\. \\[OK\\] [a-z. トンネル]{0,12}",
            2 => "([0-9]|1[0-9]|0[1-9]|[a-z])\\.? ?\\[(OK|WAIT|ok)\\] ?x",
            1 => " ([1-9])\\. \\[OK\\] x",
            1 => "\\PC{0,40}",
            1 => Just("x".repeat(LINE_MAX + 7) + "9. [OK] x"),
            1 => Just("2. [OK] ".to_owned() + &"た".repeat(LINE_MAX)),
        ];
        let end = prop_oneof![2 => Just("\n"), 2 => Just("\r"), 1 => Just("\r\n"), 1 => Just("")];
        proptest::collection::vec((line, end).prop_map(|(line, end)| line + end), 0..8).prop_map(|lines| lines.concat())
    }

    /// The highest step in it, told by its lines as a whole.
    fn highest(output: &str) -> u8 {
        let done = |step: &u8| {
            let (plain, padded) = (format!("{step}. [OK] "), format!("{step:02}. [OK] "));
            output.split(['\n', '\r']).any(|line| line.starts_with(&plain) || line.starts_with(&padded))
        };
        (1..=10).rev().find(done).unwrap_or(0)
    }

    #[test]
    fn exactly_the_steps_at_a_lines_start_are_heard_each_higher_than_the_last() {
        let cuts = proptest::collection::vec(any::<prop::sample::Index>(), 0..6);
        each_kind(&["no step", "steps", "line cut off"], &(drawn_output(), cuts), |(output, cuts)| {
            let letters: Vec<char> = output.chars().collect();
            let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(letters.len() + 1)).collect();
            at.extend([0, letters.len()]);
            at.sort_unstable();
            let (mut steps, mut heard, mut full) = (Steps::default(), 0, false);
            for ends in at.windows(2) {
                let piece: String = letters[ends[0]..ends[1]].iter().collect();
                if let Some(step) = steps.feed(&piece) {
                    prop_assert!(step > heard, "{step} after {heard}");
                    heard = step;
                }
                // One character may begin below the limit and end above it.
                prop_assert!(steps.line.len() < LINE_MAX + 4);
                full |= steps.line.len() >= LINE_MAX;
            }
            prop_assert_eq!(heard, highest(&output));
            Ok(if full {
                "line cut off"
            } else if heard > 0 {
                "steps"
            } else {
                "no step"
            })
        });
    }
}
