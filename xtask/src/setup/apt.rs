//! Unpacks Debian packages into a folder, with its own package lists: needs no root and leaves the system unchanged.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::context::Setup;
use crate::progress::Step;

/// The package lists of one suite, kept in the cache.
#[derive(Debug)]
pub struct Apt {
    options: Vec<String>,
}

impl Apt {
    /// The machine's own release of Debian.
    pub fn of_machine(setup: &Setup, step: &mut Step) -> Result<Self> {
        Self::with_lists(setup, step, "machine", &[])
    }

    /// Another suite, from the mirror of the machine's own release.
    ///
    /// Fails when apt is missing or has no mirror.
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
            // apt's unprivileged user may not enter the home folder that contains the cache.
            "APT::Sandbox::User=root".to_owned(),
            "Acquire::Retries=3".to_owned(),
            // A mirror may be a snapshot, whose lists are older than they say they are valid; they are signed all the same.
            "Acquire::Check-Valid-Until=false".to_owned(),
            // No translations and no index for the software centre.
            "Acquire::Languages=none".to_owned(),
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false".to_owned(),
        ];
        options.extend_from_slice(more);
        let apt = Self { options };
        step.run(apt.get().arg("update"), &setup.log)
            .context("cannot download the package lists: is a Debian mirror reachable?")?;
        Ok(apt)
    }

    /// The packages `wanted` and those of their dependencies that the machine does not have.
    pub fn missing(&self, wanted: &[&str]) -> Result<Vec<String>> {
        let output = self.get().args(["-s", "--no-install-recommends", "install"]).args(wanted).output()?;
        if !output.status.success() {
            bail!("apt-get does not find {}:\n{}", wanted.join(", "), String::from_utf8_lossy(&output.stderr));
        }
        let mut packages = installed_by(&String::from_utf8_lossy(&output.stdout));
        packages.extend(wanted.iter().map(|&name| name.to_owned()));
        packages.sort();
        packages.dedup();
        Ok(packages)
    }

    /// Downloads packages (apt checks them against the signed lists) and unpacks them into `to`.
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

/// The mirror of the machine's own release, so that this project need not name one.
pub fn mirror() -> Result<String> {
    let output = Command::new("apt-get")
        .args(["indextargets", "--format", "$(RELEASE) $(SITE)", "Created-By: Packages"])
        .output()
        .context("apt-get is missing")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    first_mirror(&text).context("apt has no mirror: add one to /etc/apt/sources.list")
}

fn first_mirror(targets: &str) -> Option<String> {
    let mut pairs = targets.lines().filter_map(|line| line.split_once(' '));
    pairs.find(|(release, _)| !release.contains('-')).map(|(_, site)| site.to_owned())
}

fn installed_by(simulation: &str) -> Vec<String> {
    let lines = simulation.lines().filter_map(|line| line.strip_prefix("Inst "));
    lines.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

/// The folders with shared libraries in an unpacked tree: `usr/lib/x86_64-linux-gnu` and its subfolders such as `pulseaudio`,
/// which programs look up by their path on an installed system.
pub fn library_folders(tree: &Path) -> Vec<PathBuf> {
    let mut folders = [entries(&tree.join("usr/lib")), entries(&tree.join("lib"))].concat();
    folders.retain(|folder| folder.to_string_lossy().ends_with("-linux-gnu"));
    let within: Vec<_> =
        folders.iter().flat_map(|folder| entries(folder)).filter(|folder| has_library(folder)).collect();
    [folders, within].concat()
}

fn has_library(folder: &Path) -> bool {
    entries(folder)
        .iter()
        .filter_map(|path| path.file_name()?.to_str())
        .any(|name| name.starts_with("lib") && name.contains(".so"))
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_is_the_one_of_the_release() {
        let targets =
            "bookworm-security http://a/debian-security\nbookworm-updates http://b/debian\nbookworm http://b/debian\n";
        assert_eq!(first_mirror(targets).as_deref(), Some("http://b/debian"));
        assert_eq!(first_mirror(""), None);
    }

    #[test]
    fn subfolders_with_libraries_are_included() {
        let tree = tempfile::tempdir().unwrap();
        let machine = tree.path().join("usr/lib/x86_64-linux-gnu");
        for file in ["libpulse.so.0", "pulseaudio/libpulsecommon-16.1.so", "gtk-3.0/settings.ini", "../python3/libx.so"]
        {
            let file = machine.join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "").unwrap();
        }
        assert_eq!(library_folders(tree.path()), [machine.clone(), machine.join("pulseaudio")]);
    }

    #[test]
    fn the_packages_to_install_are_read_from_a_simulation() {
        let simulation = "Reading package lists...\nInst nginx-common (1.22 Debian:12)\nInst nginx (1.22 Debian:12)\nConf nginx (1.22)\n";
        assert_eq!(installed_by(simulation), ["nginx-common", "nginx"]);
    }
}
