//! Programs from Debian's packages, unpacked into the cache where the machine has none, with a starter in `.raceday/bin`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result};

use super::apt::{Apt, library_folders};
use super::{Setup, cached};
use crate::progress::Step;

/// Programs of one package.
#[derive(Debug)]
pub struct Package {
    /// The package.
    pub name: &'static str,
    /// Its programs: the name, and the path in the package.
    pub programs: &'static [(&'static str, &'static str)],
}

impl Package {
    /// Provides its programs, whether or not the machine has them.
    ///
    /// Fails with the command that installs the package.
    pub fn provide(&self, setup: &Setup) -> Result<()> {
        let is_complete = |tree: &Path| self.programs.iter().all(|(_, path)| tree.join(path).is_file());
        let place = setup.cache.join("debian").join(self.name);
        if !(place.exists() && is_complete(&place)) {
            let mut step = Step::begin(self.name);
            let made = cached::entry(&place, is_complete, |folder| {
                let unpacked = folder.join("tree");
                let apt = Apt::of_machine(setup, &mut step)?;
                let packages = apt.missing(&[self.name])?;
                apt.unpack(setup, &mut step, &packages, &unpacked)?;
                Ok(unpacked)
            });
            made.with_context(|| {
                format!("{0} is missing: as root `apt-get install --no-install-recommends {0}`", self.name)
            })?;
            step.done();
        }
        for (program, path) in self.programs {
            write_starter(&setup.layout.local("bin").join(program), &place, path)?;
        }
        Ok(())
    }
}

/// Writes a script that starts a program of the tree with the libraries and fonts it was unpacked with.
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
    // Beside its place and renamed: it may be running.
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
}
