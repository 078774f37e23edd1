//! Runs one command of a part, passes its output on and counts the results.

use std::io::{BufRead, BufReader, IsTerminal};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use super::counts::Counts;

/// Runs a check, which counts as one test.
pub fn check(name: &str, command: Result<Command>, counts: &mut Counts) {
    match stream(name, command, |_| ()) {
        Ok(true) => counts.pass(),
        Ok(false) => counts.fail(name),
        Err(error) => counts.fail(&format!("{name}: {error:#}")),
    }
}

/// Runs tests and adds the counts that their runner prints. A run that fails without naming a test counts as one failure.
///
/// Running no test at all is a failure too, unless `may_be_empty`.
pub fn test(name: &str, command: Result<Command>, may_be_empty: bool, counts: &mut Counts) {
    let mut own = Counts::default();
    match stream(name, command, |line| own.read_line(line)) {
        Ok(true) if own.passed + own.failed == 0 && !may_be_empty => own.fail(&format!("{name}: no test ran")),
        Ok(true) => (),
        Ok(false) if own.failed > 0 => (),
        Ok(false) => own.fail(name),
        Err(error) => own.fail(&format!("{name}: {error:#}")),
    }
    counts.add(own);
}

/// Runs a command, passes its output on and calls `line` with each line. Returns whether it succeeded.
fn stream(name: &str, command: Result<Command>, mut line: impl FnMut(&str)) -> Result<bool> {
    println!("\n=== {name}");
    let mut command = command?;
    let (reader, writer) = std::io::pipe()?;
    let color = if std::io::stdout().is_terminal() { "always" } else { "never" };
    command.env("CARGO_TERM_COLOR", color).stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    let program = Path::new(command.get_program()).display().to_string();
    let mut child = command.spawn().with_context(|| format!("cannot start {program}"))?;
    // The command holds the pipe's write ends: until it is dropped, reading would not end.
    drop(command);
    for bytes in BufReader::new(reader).split(b'\n') {
        let bytes = bytes?;
        let text = String::from_utf8_lossy(&bytes);
        println!("{text}");
        line(&text);
    }
    Ok(child.wait()?.success())
}
