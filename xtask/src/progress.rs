//! Shows long steps: a spinner in a terminal, plain lines elsewhere.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};

/// Time between two signs of life of a step without a terminal.
const PLAIN_EVERY: Duration = Duration::from_secs(30);
/// Lines shown of a failed step's output.
const TAIL_LINES: usize = 25;

/// A step that takes a while.
#[derive(Debug)]
pub struct Step {
    label: String,
    bar: Option<ProgressBar>,
    started: Instant,
    shown: Instant,
}

impl Step {
    /// Shows that the step has begun.
    pub fn begin(label: &str) -> Self {
        let bar = std::io::stdout().is_terminal().then(|| spinner(label));
        if bar.is_none() {
            println!("{label} ...");
        }
        let now = Instant::now();
        Self { label: label.to_owned(), bar, started: now, shown: now }
    }

    /// Shows a line of the step's output.
    pub fn show(&mut self, line: &str) {
        let line = line.trim();
        if line.is_empty() {
            return;
        }
        match &self.bar {
            Some(bar) => bar.set_message(line.chars().take(90).collect::<String>()),
            None if self.shown.elapsed() >= PLAIN_EVERY => {
                println!("  {} s: {line}", self.started.elapsed().as_secs());
                self.shown = Instant::now();
            }
            None => (),
        }
    }

    /// Shows that the step is done.
    pub fn done(self) {
        let took = self.started.elapsed().as_secs_f32();
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        println!("✓ {} ({took:.1} s)", self.label);
    }

    /// Runs a command as part of the step. Its output goes to the log file, its latest line to the screen.
    ///
    /// Fails with the end of the output when the command fails.
    pub fn run(&mut self, command: &mut Command, log: &Path) -> Result<()> {
        self.run_with(command, log, |_| ())
    }

    /// Like [`run`](Self::run), and calls `line` with every line of output.
    pub fn run_with(&mut self, command: &mut Command, log: &Path, mut line: impl FnMut(&str)) -> Result<()> {
        if let Some(folder) = log.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut file = OpenOptions::new().create(true).append(true).open(log)?;
        writeln!(file, "$ {command:?}")?;
        let (reader, writer) = std::io::pipe()?;
        let program = command.get_program().to_owned();
        let child = command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer).spawn();
        // The command holds the pipe's write ends: until it lets go of them, reading would not end.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = child.with_context(|| format!("cannot start {}", program.display()))?;
        let mut tail = std::collections::VecDeque::new();
        for bytes in BufReader::new(reader).split(b'\n') {
            let bytes = bytes?;
            let text = String::from_utf8_lossy(&bytes);
            writeln!(file, "{text}")?;
            self.show(&text);
            line(&text);
            if tail.len() == TAIL_LINES {
                tail.pop_front();
            }
            tail.push_back(text.into_owned());
        }
        let status = child.wait()?;
        if !status.success() {
            let tail: Vec<_> = tail.into();
            bail!("{} failed ({status}); {} ends with:\n{}", program.display(), log.display(), tail.join("\n"));
        }
        Ok(())
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn spinner(label: &str) -> ProgressBar {
    let bar = ProgressBar::new_spinner().with_prefix(label.to_owned());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix} [{elapsed}] {wide_msg:.dim}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_command_is_logged_and_its_last_lines_are_shown() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("logs/setup.log");
        let mut lines = Vec::new();
        let mut command = Command::new("sh");
        command.args(["-c", "echo one; echo two >&2; exit 3"]);
        let error =
            Step::begin("counting").run_with(&mut command, &log, |line| lines.push(line.to_owned())).unwrap_err();
        assert_eq!(lines, ["one", "two"]);
        assert!(error.to_string().contains("two"), "{error}");
        assert!(std::fs::read_to_string(log).unwrap().contains("one\ntwo\n"));
    }

    #[test]
    fn a_missing_program_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = Step::begin("x").run(&mut Command::new("no-such-program"), &folder.path().join("log")).unwrap_err();
        assert!(format!("{error:#}").contains("no-such-program"));
    }
}
