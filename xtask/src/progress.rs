//! Long steps with a spinner in a terminal, and plain lines elsewhere.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};

/// How often a step without a terminal says that it is still there.
const PLAIN_EVERY: Duration = Duration::from_secs(30);
/// How much of a failed step's output is shown.
const TAIL_LINES: usize = 25;

/// Something that takes a while.
#[derive(Debug)]
pub struct Step {
    label: String,
    bar: Option<ProgressBar>,
    started: Instant,
    said: Instant,
}

impl Step {
    /// Shows that the step begins.
    pub fn begin(label: &str) -> Self {
        let bar = std::io::stdout().is_terminal().then(|| spinner(label));
        if bar.is_none() {
            println!("{label} ...");
        }
        let now = Instant::now();
        Self { label: label.to_owned(), bar, started: now, said: now }
    }

    /// Shows a line of what the step is doing.
    pub fn say(&mut self, line: &str) {
        let line = line.trim();
        if line.is_empty() {
            return;
        }
        match &self.bar {
            Some(bar) => bar.set_message(line.chars().take(90).collect::<String>()),
            None if self.said.elapsed() >= PLAIN_EVERY => {
                println!("  {} s: {line}", self.started.elapsed().as_secs());
                self.said = Instant::now();
            }
            None => (),
        }
    }

    /// Shows that it is done.
    pub fn done(self) {
        let took = self.started.elapsed().as_secs_f32();
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        println!("✓ {} ({took:.1} s)", self.label);
    }

    /// Runs a command as a part of the step, its output in the log file, its last line on the screen.
    ///
    /// Fails with the end of the output when the command does.
    pub fn run(&mut self, command: &mut Command, log: &Path) -> Result<()> {
        self.run_with(command, log, |_| ())
    }

    /// As [`run`](Self::run), with every line of output handed to `line` too.
    pub fn run_with(&mut self, command: &mut Command, log: &Path, mut line: impl FnMut(&str)) -> Result<()> {
        if let Some(folder) = log.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut file = OpenOptions::new().create(true).append(true).open(log)?;
        writeln!(file, "$ {command:?}")?;
        let (reader, writer) = std::io::pipe()?;
        let program = command.get_program().to_owned();
        let child = command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer).spawn();
        // The command holds the pipe's writing ends: without this the reading below would never end.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = child.with_context(|| format!("cannot start {}", program.display()))?;
        let mut tail = std::collections::VecDeque::new();
        for bytes in BufReader::new(reader).split(b'\n') {
            let bytes = bytes?;
            let text = String::from_utf8_lossy(&bytes);
            writeln!(file, "{text}")?;
            self.say(&text);
            line(&text);
            if tail.len() == TAIL_LINES {
                tail.pop_front();
            }
            tail.push_back(text.into_owned());
        }
        let status = child.wait()?;
        if !status.success() {
            let tail: Vec<_> = tail.into();
            bail!("{} failed ({status}); the end of {}:\n{}", program.display(), log.display(), tail.join("\n"));
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
    fn a_failed_command_shows_its_last_lines_and_logs_all() {
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
    fn a_program_that_is_not_there_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = Step::begin("x").run(&mut Command::new("no-such-program"), &folder.path().join("log")).unwrap_err();
        assert!(format!("{error:#}").contains("no-such-program"));
    }
}
