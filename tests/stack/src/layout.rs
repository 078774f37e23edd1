//! The paths of a checkout: `.raceday/`, cargo's target folder and the user's download cache.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// The paths of one checkout.
#[derive(Debug, Clone)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// The checkout that cargo runs this program for, else the one it was built from.
    ///
    /// They differ when two checkouts share a target folder: cargo reuses a program built from the other as long as the
    /// sources are the same.
    pub fn of_workspace() -> Self {
        let run_for = std::env::var_os("CARGO_MANIFEST_DIR").and_then(|package| Self::around(Path::new(&package)));
        run_for
            .or_else(|| Self::around(Path::new(env!("CARGO_MANIFEST_DIR"))))
            .expect("raceday-stack is built within its workspace")
    }

    /// The checkout that contains a package.
    fn around(package: &Path) -> Option<Self> {
        let root = package.ancestors().skip(1).find(|folder| folder.join("xtask/Cargo.toml").is_file())?;
        Some(Self { root: root.to_path_buf() })
    }

    /// The root of the checkout.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// `.raceday/NAME`; git ignores the folder, and xtask creates everything in it.
    pub fn local(&self, name: &str) -> PathBuf {
        self.root.join(".raceday").join(name)
    }

    /// The folder of log files.
    pub fn logs(&self) -> PathBuf {
        self.local("logs")
    }

    /// The prefix of PostgreSQL with pg_partman and the extension: `RACEDAY_PG_PREFIX`, else `.raceday/pg`.
    ///
    /// Fails with the command that installs PostgreSQL when there is none.
    pub fn prefix(&self) -> Result<Prefix> {
        match std::env::var_os("RACEDAY_PG_PREFIX") {
            Some(path) => Prefix::at(PathBuf::from(path)),
            None => Prefix::at(self.local("pg")),
        }
    }

    /// Python packages that only tests need, in the user's cache, in a folder per version of the file that lists them.
    pub fn python_packages(&self, requirements: &str) -> Result<PathBuf> {
        let requirements = self.root().join(requirements);
        let text = std::fs::read_to_string(&requirements).with_context(|| requirements.display().to_string())?;
        let versions: Vec<&str> = text.split_whitespace().collect();
        Ok(cache()?.join("python").join(versions.join("-").replace("==", "-")))
    }

    /// Cargo's target folder: `CARGO_TARGET_DIR`, else `target`.
    pub fn target(&self) -> PathBuf {
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| self.root.join("target"), |dir| self.root.join(dir))
    }

    /// A program of this workspace: in `RACEDAY_BIN_DIR`, else its release build in cargo's target folder.
    ///
    /// Fails with the command that builds it when it is missing.
    pub fn built(&self, program: &str) -> Result<PathBuf> {
        let folder = std::env::var_os("RACEDAY_BIN_DIR")
            .map_or_else(|| self.target().join("release"), |dir| self.root.join(dir));
        let path = folder.join(program);
        if !path.is_file() {
            bail!(
                "{} is missing: run `cargo build --release --workspace --exclude pg_raceday_ext --bin {program}`",
                path.display()
            );
        }
        Ok(path)
    }
}

/// The user's cache of downloads and of tools built by `cargo install`: `$XDG_CACHE_HOME/raceday` or `~/.cache/raceday`.
///
/// Fails when neither `XDG_CACHE_HOME` nor `HOME` is set.
pub fn cache() -> Result<PathBuf> {
    let base = match std::env::var_os("XDG_CACHE_HOME").filter(|dir| !dir.is_empty()) {
        Some(dir) => PathBuf::from(dir),
        None => PathBuf::from(std::env::var_os("HOME").context("HOME is not set: set it, or XDG_CACHE_HOME")?)
            .join(".cache"),
    };
    Ok(base.join("raceday"))
}

/// The commit that a test upgrades: the last one of version 0.2.0.
pub const EARLIER_COMMIT: &str = "3bbc28136e47461497a8b3724bf12d80e9095a79";

/// Where `cargo xtask test` builds [`EARLIER_COMMIT`]: `raceday-fetcher`, and the extension in `lib` and `share`.
pub fn earlier_version() -> Result<PathBuf> {
    Ok(cache()?.join("earlier").join(EARLIER_COMMIT))
}

/// A folder with a relocatable PostgreSQL.
#[derive(Debug, Clone)]
pub struct Prefix {
    root: PathBuf,
    bin: PathBuf,
}

impl Prefix {
    /// The PostgreSQL in `root`, laid out as upstream does (`bin/`) or as Debian does (`lib/postgresql/18/bin/`).
    ///
    /// Fails with the command that installs PostgreSQL when there is neither.
    pub fn at(root: impl Into<PathBuf>) -> Result<Self> {
        let root = root.into();
        for folder in ["bin", "lib/postgresql/18/bin"] {
            let bin = root.join(folder);
            if bin.join("postgres").is_file() {
                return Ok(Self { root, bin });
            }
        }
        bail!("no PostgreSQL in {}: run `cargo xtask setup`", root.display())
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The path of one of its programs, e.g. `psql`.
    pub fn program(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }

    /// The `LD_LIBRARY_PATH` of its programs: without it, extensions load the system's older libpq.
    pub fn ld_library_path(&self) -> Option<PathBuf> {
        let folder = self.root.join("lib");
        folder.join("libpq.so.5").exists().then_some(folder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_postgresql_is_reported_with_the_command_that_installs_it() {
        let folder = tempfile::tempdir().unwrap();
        let error = Prefix::at(folder.path()).unwrap_err().to_string();
        assert!(error.contains("cargo xtask setup"), "{error}");
    }

    #[test]
    fn the_checkout_is_the_one_of_the_package_that_cargo_runs() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("xtask")).unwrap();
        std::fs::write(folder.path().join("xtask/Cargo.toml"), "").unwrap();
        for package in ["tests", "tests/tools"] {
            assert_eq!(Layout::around(&folder.path().join(package)).unwrap().root(), folder.path());
        }
        assert!(Layout::around(folder.path()).is_none(), "a package outside any checkout");
    }

    #[test]
    fn both_folder_layouts_are_found() {
        for folder in ["bin", "lib/postgresql/18/bin"] {
            let root = tempfile::tempdir().unwrap();
            std::fs::create_dir_all(root.path().join(folder)).unwrap();
            std::fs::write(root.path().join(folder).join("postgres"), "").unwrap();
            assert_eq!(Prefix::at(root.path()).unwrap().program("psql"), root.path().join(folder).join("psql"));
        }
    }
}
