//! Python with DuckDB and pyarrow.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use raceday_stack::Layout;
use serde_json::Value;

use crate::repository;

/// Runs a script of `tests/python` and returns the JSON that it prints; `input` is what it reads.
///
/// Fails the test with the command that installs the packages if they are missing.
pub fn python(script: &str, folder: &Path, input: &Value) -> Value {
    let packages = Layout::of_workspace().python_packages("tests/python/requirements.txt").unwrap();
    assert!(
        packages.is_dir(),
        "no DuckDB and pyarrow: run `cargo xtask test --only e2e -- ops::export`, which installs them"
    );
    let mut command = Command::new("python3");
    command.arg(repository::path("tests/python").join(script)).arg(folder).env("PYTHONPATH", packages);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}
