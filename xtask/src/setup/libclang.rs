//! libclang, which generates pgrx's bindings: the system's, else unpacked into the cache.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::apt::{Apt, library_folders};
use super::{Setup, cached};
use crate::progress::Step;

/// The environment variables with which a build of pgrx finds libclang.
pub fn variables(cache: &Path) -> Vec<(String, String)> {
    if is_on_system() {
        return Vec::new();
    }
    let tree = cache.join("libclang");
    let Some(library) = library_folder(&tree) else { return Vec::new() };
    let mut variables = vec![("LIBCLANG_PATH".to_owned(), library.display().to_string())];
    if let Some(resources) = resource_folder(&tree) {
        variables.push(("BINDGEN_EXTRA_CLANG_ARGS".to_owned(), format!("-resource-dir {}", resources.display())));
    }
    variables
}

/// Whether libclang is available.
pub fn is_provided(cache: &Path) -> bool {
    is_on_system() || is_complete(&cache.join("libclang"))
}

/// Unpacks libclang into the cache unless it is available.
pub fn provide(setup: &Setup) -> Result<()> {
    if is_provided(&setup.cache) {
        return Ok(());
    }
    let tree = setup.cache.join("libclang");
    let mut step = Step::begin("libclang");
    let made = cached::entry(&tree, is_complete, |folder| {
        let unpacked = folder.join("tree");
        let apt = Apt::of_machine(setup, &mut step)?;
        let mut packages = apt.missing(&["libclang1"])?;
        let version = packages.iter().find_map(|name| name.strip_prefix("libclang1-")).map(str::to_owned);
        let headers = format!("libclang-common-{}-dev", version.context("libclang1 needs no libclang1-N")?);
        packages.extend(apt.missing(&[&headers])?);
        packages.sort();
        packages.dedup();
        apt.unpack(setup, &mut step, &packages, &unpacked)?;
        Ok(unpacked)
    });
    made.context("libclang is missing: as root `apt-get install libclang-dev`, or set LIBCLANG_PATH")?;
    step.done();
    Ok(())
}

/// Whether bindgen finds a libclang without help.
pub fn is_on_system() -> bool {
    if std::env::var_os("LIBCLANG_PATH").is_some() {
        return true;
    }
    let mut folders = vec![PathBuf::from("/usr/lib64"), PathBuf::from("/usr/local/lib")];
    for entry in fs::read_dir("/usr/lib").into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("llvm-") {
            folders.push(entry.path().join("lib"));
        } else if name.ends_with("-linux-gnu") {
            folders.push(entry.path());
        }
    }
    folders.iter().any(|folder| has_libclang(folder))
}

fn is_complete(tree: &Path) -> bool {
    library_folder(tree).is_some() && resource_folder(tree).is_some()
}

fn has_libclang(folder: &Path) -> bool {
    let mut names = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
    names.any(|name| is_libclang(&name.to_string_lossy()))
}

/// Whether bindgen would load a file of this name. libclang-cpp is another library, which comes with llvm.
fn is_libclang(name: &str) -> bool {
    (name.starts_with("libclang-") || name.starts_with("libclang.so"))
        && name.contains(".so")
        && !name.contains("-cpp.")
}

fn library_folder(tree: &Path) -> Option<PathBuf> {
    library_folders(tree).into_iter().find(|folder| has_libclang(folder))
}

/// The folder with clang's headers (stddef.h ...), e.g. `usr/lib/llvm-14/lib/clang/14.0.6`.
fn resource_folder(tree: &Path) -> Option<PathBuf> {
    let in_usr_lib = fs::read_dir(tree.join("usr/lib")).ok()?.flatten().map(|entry| entry.path().join("lib/clang"));
    let versions = in_usr_lib.filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten();
    versions.map(|entry| entry.path()).find(|folder| folder.join("include/stddef.h").is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_libraries_of_clang_are_not_mistaken_for_libclang() {
        for name in ["libclang.so", "libclang.so.1", "libclang-14.so", "libclang-14.so.14.0.6"] {
            assert!(is_libclang(name), "{name}");
        }
        for name in ["libclang-cpp.so", "libclang-cpp.so.14", "libclang_rt.asan.so", "libclang-14.a"] {
            assert!(!is_libclang(name), "{name}");
        }
    }
}
