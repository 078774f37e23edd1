//! Programs unpacked from Debian's packages into the cache, each with a starter script in `.raceday/bin`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::apt::{Apt, library_folders};
use super::{Setup, cached};
use crate::progress::Step;
use raceday_stack::{Layout, on_path};

/// A program of a package.
#[derive(Debug)]
pub struct Program {
    #[allow(missing_docs)]
    pub name: &'static str,
    /// Its path in the package.
    pub path: &'static str,
    /// The argument that makes it print its version.
    pub version_argument: &'static str,
}

/// A package and its programs.
#[derive(Debug)]
pub struct Package {
    /// The name of the package.
    pub name: &'static str,
    /// The Debian suite, if not the machine's own release.
    pub suite: Option<&'static str>,
    #[allow(missing_docs)]
    pub programs: &'static [Program],
}

impl Package {
    /// Whether all its programs are on PATH or in `.raceday/bin`.
    pub fn is_there(&self, layout: &Layout) -> bool {
        let is_there = |name: &str| on_path(name).is_some() || layout.local("bin").join(name).is_file();
        self.programs.iter().all(|program| is_there(program.name))
    }

    /// Provides its programs, even if the machine has them.
    ///
    /// Fails with the command that installs the package, or with the output of a program that does not start.
    pub fn provide(&self, setup: &Setup) -> Result<()> {
        let is_complete = |tree: &Path| self.programs.iter().all(|program| tree.join(program.path).is_file());
        let place = setup.cache.join("debian").join(self.name);
        if is_complete(&place) && self.write_starters(setup, &place).is_ok() {
            return Ok(());
        }
        // It may have been unpacked on a machine with libraries that this one lacks.
        cached::remove(&place)?;
        let mut step = Step::begin(self.name);
        let made = cached::entry(&place, is_complete, |folder| {
            let unpacked = folder.join("tree");
            let apt = match self.suite {
                None => Apt::of_machine(setup, &mut step)?,
                Some(suite) => Apt::of_suite(setup, &mut step, suite)?,
            };
            let packages = apt.missing(&[self.name])?;
            apt.unpack(setup, &mut step, &packages, &unpacked)?;
            Ok(unpacked)
        });
        made.with_context(|| {
            format!("{0} is missing: run `apt-get install --no-install-recommends {0}` as root", self.name)
        })?;
        step.done();
        self.write_starters(setup, &place)
    }

    fn write_starters(&self, setup: &Setup, tree: &Path) -> Result<()> {
        for program in self.programs {
            let starter = setup.layout.local("bin").join(program.name);
            write_starter(&starter, tree, program.path)?;
            assert_starts(&starter, program.version_argument)?;
        }
        Ok(())
    }
}

/// Fails with the output of a program that does not start, e.g. about a missing library. Its starter is removed, so that the
/// program counts as missing.
fn assert_starts(starter: &Path, version_argument: &str) -> Result<()> {
    let output = Command::new(starter).arg(version_argument).stdin(Stdio::null()).output()?;
    if !output.status.success() {
        fs::remove_file(starter)?;
        bail!("{} does not start: {}", starter.display(), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

/// Writes a script that starts a program of the tree with the tree's libraries and fonts.
fn write_starter(starter: &Path, tree: &Path, path: &str) -> Result<()> {
    let mut lines =
        vec!["#!/bin/sh".to_owned(), "# Written by `cargo xtask`: a program unpacked from a package.".to_owned()];
    let libraries: Vec<_> = library_folders(tree).iter().map(|folder| folder.display().to_string()).collect();
    if !libraries.is_empty() {
        lines.push(format!("export LD_LIBRARY_PATH='{}'", libraries.join(":")));
    }
    if tree.join("etc/fonts").is_dir() {
        lines.push(format!("export FONTCONFIG_PATH='{0}/etc/fonts' XDG_DATA_HOME='{0}/usr/share'", tree.display()));
    }
    lines.push(format!("exec '{}' \"$@\"\n", tree.join(path).display()));
    // Written under another name, then renamed: the old one may be running.
    let unfinished = starter.with_extension("unfinished");
    fs::write(&unfinished, lines.join("\n"))?;
    fs::set_permissions(&unfinished, fs::Permissions::from_mode(0o755))?;
    fs::rename(&unfinished, starter).with_context(|| format!("cannot write {}", starter.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_starter_starts_the_program_with_its_libraries() {
        let folder = tempfile::tempdir().unwrap();
        let tree = folder.path().join("tree");
        fs::create_dir_all(tree.join("usr/bin")).unwrap();
        fs::create_dir_all(tree.join("usr/lib/x86_64-linux-gnu")).unwrap();
        let program = tree.join("usr/bin/tool");
        fs::write(&program, "#!/bin/sh\necho \"$1 $LD_LIBRARY_PATH\"\n").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let starter = folder.path().join("tool");
        write_starter(&starter, &tree, "usr/bin/tool").unwrap();
        let output = std::process::Command::new(&starter).arg("hello").output().unwrap();
        let expected = format!("hello {}\n", tree.join("usr/lib/x86_64-linux-gnu").display());
        assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
    }

    #[test]
    fn a_program_that_does_not_start_is_reported_with_its_output() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("tool");
        fs::write(&program, "#!/bin/sh\n[ \"$1\" = -v ] && exit 0\necho no libpulse >&2\nexit 127\n").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        assert_starts(&program, "-v").unwrap();
        let error = assert_starts(&program, "--version").unwrap_err().to_string();
        assert!(error.ends_with("tool does not start: no libpulse"), "{error}");
        assert!(!program.exists(), "its starter would make it count as provided");
    }
}
