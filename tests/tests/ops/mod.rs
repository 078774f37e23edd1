//! What the tests of operations share: the repository's files and the tools that check them.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The root of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// A YAML file of the repository, anchors and merges resolved.
pub fn yaml(path: &str) -> Value {
    let text = std::fs::read_to_string(repository().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Runs promtool in the repository and returns what it printed; fails the test with it when it fails, or with the
/// command that installs it.
pub fn promtool(arguments: &[&str]) -> String {
    let output = Command::new("promtool").args(arguments).current_dir(repository()).output();
    let output = output.unwrap_or_else(|error| {
        panic!("promtool cannot be run ({error}): as root, `apt-get install --no-install-recommends prometheus`")
    });
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "promtool {} failed:\n{text}", arguments.join(" "));
    text
}
