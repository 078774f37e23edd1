//! The results that test runners print, summed.

use std::fmt;

/// Passed and failed tests.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Tests and checks that passed.
    pub passed: u64,
    /// Tests and checks that failed.
    pub failed: u64,
    /// Tests that were not run: counted as neither.
    pub ignored: u64,
    /// The names of what failed.
    pub failures: Vec<String>,
}

impl Counts {
    /// Counts one passed check.
    pub fn pass(&mut self) {
        self.passed += 1;
    }

    /// Counts one failed check.
    pub fn fail(&mut self, name: &str) {
        self.failed += 1;
        self.failures.push(name.to_owned());
    }

    /// Adds other counts.
    pub fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
        self.failures.extend(other.failures);
    }

    /// Reads a line of `cargo test`: a failed test's name, or a binary's `test result: ...`.
    pub fn read_line(&mut self, line: &str) {
        let line = without_colors(line);
        let line = line.trim();
        if let Some(name) = line.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... FAILED")) {
            self.failures.push(name.to_owned());
        }
        let Some((_, result)) = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". ")) else {
            return;
        };
        for part in result.split("; ") {
            let mut words = part.split_whitespace();
            let count = words.next().and_then(|word| word.parse::<u64>().ok());
            match (count, words.next()) {
                (Some(count), Some("passed")) => self.passed += count,
                (Some(count), Some("failed")) => self.failed += count,
                (Some(count), Some("ignored")) => self.ignored += count,
                _ => (),
            }
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

/// The line without its colour escape sequences.
fn without_colors(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut pieces = line.split("\u{1b}[");
    plain.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        plain.push_str(piece.split_once('m').map_or(piece, |(_, rest)| rest));
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Counts {
        let mut counts = Counts::default();
        text.lines().for_each(|line| counts.read_line(line));
        counts
    }

    #[test]
    fn several_binaries_are_summed() {
        let counts = read(
            "test a ... ok\ntest b::c ... FAILED\n\
             test result: FAILED. 1 passed; 1 failed; 2 ignored; 0 measured; 7 filtered out; finished in 0.08s\n\
             test result: ok. 13 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.08s\n",
        );
        let failures = vec!["b::c".to_owned()];
        assert_eq!(counts, Counts { passed: 14, failed: 1, ignored: 2, failures });
        assert_eq!(counts.to_string(), "14 passed, 1 failed");
    }

    #[test]
    fn colours_do_not_hide_a_result() {
        let counts =
            read("test result: \u{1b}[32mok\u{1b}[0m. 3 passed; 0 failed; 0 ignored; 0 measured; finished in 0.08s\n");
        assert_eq!((counts.passed, counts.failed), (3, 0));
    }

    #[test]
    fn other_lines_count_nothing() {
        assert_eq!(read("running 5 tests\nerror: could not compile `x`\n10 passed; 2 failed\n"), Counts::default());
    }
}
