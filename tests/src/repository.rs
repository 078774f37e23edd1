//! The repository's files and the programs that tests run.

use std::path::PathBuf;

use raceday_stack::Layout;
use serde_json::Value;

/// The path of a file of the repository.
pub fn path(file: &str) -> PathBuf {
    Layout::of_workspace().root().join(file)
}

/// The text of a file of the repository.
pub fn read(file: &str) -> String {
    std::fs::read_to_string(path(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// A YAML file of the repository, with anchors and merges resolved.
pub fn yaml(file: &str) -> Value {
    serde_saphyr::from_str(&read(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// A program of the workspace, built for release.
pub fn built(name: &str) -> PathBuf {
    Layout::of_workspace().built(name).unwrap()
}

/// A program that Debian packages: from PATH, else from where `cargo xtask test` unpacked it.
///
/// Fails the test with the command that installs it.
pub fn program(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).chain([Layout::of_workspace().local("bin")]);
    let found = places.map(|folder| folder.join(name)).find(|file| file.is_file());
    let package = if name == "promtool" { "prometheus" } else { name };
    found.unwrap_or_else(|| {
        panic!(
            "no program {name}: run `cargo xtask test`, which provides it, or as root \
             `apt-get install --no-install-recommends {package}`"
        )
    })
}
