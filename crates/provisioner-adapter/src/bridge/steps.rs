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
    let number: u8 = number.parse().ok()?;
    ((1..=STEP_MAX).contains(&number) && rest.starts_with("[OK] ")).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
        check(&["5. [OK] x\n3. [OK] y\n"], 5);
    }

    proptest! {
        #[test]
        fn no_output_makes_the_reader_panic_or_leave_the_ten_steps(text in "\\PC{0,200}") {
            let mut steps = Steps::default();
            let _ = steps.feed(&text);
            prop_assert!(steps.step <= STEP_MAX && steps.line.len() <= LINE_MAX + 4);
        }
    }
}
