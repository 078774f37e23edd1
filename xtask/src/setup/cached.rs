//! Cache entries: created under another name, checked, then renamed. A broken one is replaced.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Returns `place`, a file or folder that satisfies `is_good`; if it does not, `make` creates it in a temporary folder.
///
/// `make` returns the path of its result. Fails when that does not satisfy `is_good` either.
pub fn entry(
    place: &Path,
    is_good: impl Fn(&Path) -> bool,
    make: impl FnOnce(&Path) -> Result<PathBuf>,
) -> Result<PathBuf> {
    if place.exists() && is_good(place) {
        return Ok(place.to_path_buf());
    }
    let parent = place.parent().context("a cache entry has a folder")?;
    fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
    let unfinished = tempfile::Builder::new().prefix(".unfinished-").tempdir_in(parent)?;
    let result = make(unfinished.path())?;
    if !is_good(&result) {
        bail!("{} is incomplete: run the command again", result.display());
    }
    remove(place)?;
    fs::rename(&result, place).with_context(|| format!("cannot create {}", place.display()))?;
    Ok(place.to_path_buf())
}

/// Removes a file or folder if it exists.
pub fn remove(path: &Path) -> Result<()> {
    let result = match path.symlink_metadata() {
        Err(_) => return Ok(()),
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
    };
    result.with_context(|| format!("cannot remove {}", path.display()))
}

/// Whether a file has this SHA-256 checksum (hexadecimal).
pub fn has_sha256(file: &Path, expected: &str) -> bool {
    let output = Command::new("sha256sum").arg(file).output();
    output.is_ok_and(|output| output.status.success() && output.stdout.starts_with(expected.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_good(path: &Path) -> bool {
        fs::read_to_string(path).is_ok_and(|text| text == "good")
    }

    fn make_good(folder: &Path) -> Result<PathBuf> {
        fs::write(folder.join("new"), "good")?;
        Ok(folder.join("new"))
    }

    #[test]
    fn a_broken_entry_is_replaced_and_a_good_one_kept() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("cache/entry");
        fs::create_dir(folder.path().join("cache")).unwrap();
        fs::write(&place, "half").unwrap();
        entry(&place, is_good, make_good).unwrap();
        assert!(is_good(&place));
        entry(&place, is_good, |_| panic!("it exists")).unwrap();
    }

    #[test]
    fn a_bad_result_is_not_cached() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("entry");
        let make_bad = |folder: &Path| {
            fs::write(folder.join("new"), "bad")?;
            Ok(folder.join("new"))
        };
        assert!(entry(&place, is_good, make_bad).is_err());
        assert!(!place.exists());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_wrong_checksum_is_detected() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(has_sha256(file.path(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
        assert!(!has_sha256(file.path(), "0000"));
    }
}
