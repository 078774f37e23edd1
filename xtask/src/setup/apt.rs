//! Debian packages unpacked into a folder, with package lists of our own: neither root nor the system is needed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::Setup;
use crate::progress::Step;

/// Package lists of one suite, kept in the cache.
#[derive(Debug)]
pub struct Apt {
    options: Vec<String>,
}

impl Apt {
    /// The machine's own release.
    pub fn of_machine(setup: &Setup, step: &mut Step) -> Result<Self> {
        Self::with_lists(setup, step, "machine", &[])
    }

    /// Another suite, from the mirror that the machine's release comes from.
    ///
    /// Fails where there is no apt or no mirror.
    pub fn of_suite(setup: &Setup, step: &mut Step, suite: &str) -> Result<Self> {
        let folder = setup.cache.join("apt").join(suite);
        fs::create_dir_all(&folder)?;
        let sources = folder.join("sources.list");
        let keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
        fs::write(&sources, format!("deb [signed-by={keyring}] {} {suite} main\n", mirror()?))?;
        let own = [format!("Dir::Etc::sourcelist={}", sources.display()), "Dir::Etc::sourceparts=/dev/null".to_owned()];
        Self::with_lists(setup, step, suite, &own)
    }

    fn with_lists(setup: &Setup, step: &mut Step, name: &str, more: &[String]) -> Result<Self> {
        let folder = setup.cache.join("apt").join(name);
        fs::create_dir_all(folder.join("lists/partial"))?;
        fs::create_dir_all(folder.join("cache/archives/partial"))?;
        let mut options = vec![
            format!("Dir::State::lists={}", folder.join("lists").display()),
            format!("Dir::Cache={}", folder.join("cache").display()),
            // apt's own unprivileged user may not enter the home folder that the cache is in.
            "APT::Sandbox::User=root".to_owned(),
            "Acquire::Retries=3".to_owned(),
            // Only the packages: neither translations nor the software centre's index.
            "Acquire::Languages=none".to_owned(),
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false".to_owned(),
        ];
        options.extend_from_slice(more);
        let apt = Self { options };
        step.run(apt.get().arg("update"), &setup.log).context("the package lists could not be fetched")?;
        Ok(apt)
    }

    /// The packages `wanted`, and what they need that the machine does not have.
    pub fn missing(&self, wanted: &[&str]) -> Result<Vec<String>> {
        let output = self.get().args(["-s", "--no-install-recommends", "install"]).args(wanted).output()?;
        if !output.status.success() {
            bail!("apt-get knows no {}:\n{}", wanted.join(", "), String::from_utf8_lossy(&output.stderr));
        }
        let mut packages = installed_by(&String::from_utf8_lossy(&output.stdout));
        packages.extend(wanted.iter().map(|&name| name.to_owned()));
        packages.sort();
        packages.dedup();
        Ok(packages)
    }

    /// Fetches packages (checked by apt against the signed lists) and unpacks them into `to`.
    pub fn unpack(&self, setup: &Setup, step: &mut Step, packages: &[String], to: &Path) -> Result<()> {
        let debs = tempfile::tempdir_in(setup.cache.join("apt"))?;
        let mut download = self.get();
        step.run(download.arg("download").args(packages).current_dir(debs.path()), &setup.log)?;
        fs::create_dir_all(to)?;
        for deb in fs::read_dir(debs.path())? {
            let mut unpack = Command::new("dpkg-deb");
            step.run(unpack.arg("-x").arg(deb?.path()).arg(to), &setup.log)?;
        }
        Ok(())
    }

    fn get(&self) -> Command {
        let mut command = Command::new("apt-get");
        command.env("LC_ALL", "C");
        for option in &self.options {
            command.args(["-o", option]);
        }
        command
    }
}

/// The mirror of the machine's own release: the project names no host.
fn mirror() -> Result<String> {
    let output = Command::new("apt-get")
        .args(["indextargets", "--format", "$(RELEASE) $(SITE)", "Created-By: Packages"])
        .output()
        .context("there is no apt-get here")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    first_mirror(&text).context("apt has no sources: see /etc/apt/sources.list")
}

fn first_mirror(targets: &str) -> Option<String> {
    let mut pairs = targets.lines().filter_map(|line| line.split_once(' '));
    pairs.find(|(release, _)| !release.contains('-')).map(|(_, site)| site.to_owned())
}

fn installed_by(simulation: &str) -> Vec<String> {
    let lines = simulation.lines().filter_map(|line| line.strip_prefix("Inst "));
    lines.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

/// Where a package's shared libraries are in an unpacked tree, e.g. `usr/lib/x86_64-linux-gnu`.
pub fn library_folders(tree: &Path) -> Vec<PathBuf> {
    let folders = ["usr/lib", "lib"].map(|folder| tree.join(folder));
    let entries = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.to_string_lossy().ends_with("-linux-gnu")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_is_the_release_s_own() {
        let targets =
            "bookworm-security http://a/debian-security\nbookworm-updates http://b/debian\nbookworm http://b/debian\n";
        assert_eq!(first_mirror(targets).as_deref(), Some("http://b/debian"));
        assert_eq!(first_mirror(""), None);
    }

    #[test]
    fn the_packages_to_come_are_read_from_a_simulation() {
        let simulation = "Reading package lists...\nInst nginx-common (1.22 Debian:12)\nInst nginx (1.22 Debian:12)\nConf nginx (1.22)\n";
        assert_eq!(installed_by(simulation), ["nginx-common", "nginx"]);
    }
}
