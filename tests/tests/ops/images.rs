//! The images that docker-compose.yml builds. None is built here: `cargo xtask test --only compose` does that.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use raceday_tests::repository::{self, read, yaml};
use serde_json::{Map, Value};

/// What a build does before it compiles.
const CLEAN: &str = "cargo clean --release --workspace";

#[test]
fn images_are_built_on_pinned_images_that_the_settings_name() {
    let settings: BTreeMap<String, String> = read(".env.example")
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let mut used = Vec::new();
    for (name, service) in services() {
        let Some(dockerfile) = service["build"]["dockerfile"].as_str() else { continue };
        let given = service["build"]["args"].as_object().unwrap();
        for (argument, value) in given.iter().filter(|(argument, _)| argument.ends_with("_IMAGE")) {
            assert_eq!(value, &format!("${{{argument}:-{}}}", settings[argument]), "{name}");
            assert!(read(dockerfile).contains(&format!("ARG {argument}={}\n", settings[argument])), "{dockerfile}");
            let tag = settings[argument].rsplit_once(':').unwrap_or_else(|| panic!("{argument} has no tag")).1;
            assert!(tag.contains('.') && tag.contains(|c: char| c.is_ascii_digit()), "{argument} is not pinned");
            used.push(argument.clone());
        }
    }
    for (name, service) in services() {
        let Some(image) = service["image"].as_str().filter(|_| service["build"].is_null()) else { continue };
        let argument = image.trim_start_matches("${").split(":-").next().unwrap().to_owned();
        assert_eq!(image, format!("${{{argument}:-{}}}", settings[&argument]), "{name}");
        used.push(argument);
    }
    for dockerfile in dockerfiles() {
        let text = fs::read_to_string(&dockerfile).unwrap();
        let stages: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("FROM ")).collect();
        for stage in &stages {
            let (from, _) = stage.split_once(" AS ").unwrap_or_else(|| panic!("{stage} has no name"));
            let is_stage = stages.iter().any(|other| other.ends_with(&format!(" AS {from}")));
            assert!(is_stage || from.starts_with("${"), "{}: {from} is no setting", dockerfile.display());
        }
    }
    let images = settings.keys().filter(|name| name.ends_with("_IMAGE"));
    assert!(images.clone().count() >= 10);
    for name in images {
        assert!(used.contains(name), "nothing is built from {name}");
    }
}

/// Builds run in parallel, and the second export of the same image fails.
#[test]
fn no_two_services_build_one_image() {
    let services = services();
    let built: Vec<&Value> =
        services.values().filter(|service| service["build"].is_object()).map(|service| &service["image"]).collect();
    assert!(built.len() >= 3);
    for image in &built {
        assert_eq!(built.iter().filter(|other| other == &image).count(), 1, "{image} is built more than once");
    }
}

#[test]
fn build_caches_are_locked() {
    for path in dockerfiles() {
        let text = fs::read_to_string(&path).unwrap();
        for mount in text.split_whitespace().filter(|word| word.starts_with("--mount=type=cache")) {
            assert!(mount.ends_with(",sharing=locked"), "{}: {mount}", path.display());
        }
    }
}

/// Cargo compares times, and a file of a checkout may be older than what an earlier build left in the cache.
#[test]
fn an_image_never_holds_old_code_from_the_cache() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("src")).unwrap();
    fs::write(folder.path().join("Cargo.toml"), "[package]\nname = \"word\"\nedition = \"2024\"\n").unwrap();
    let build = "cargo build --quiet --release --offline && target/release/word";
    write_old(folder.path(), "old");
    assert_eq!(shell(folder.path(), build), "old\n");
    write_old(folder.path(), "new");
    assert_eq!(shell(folder.path(), build), "old\n", "cargo sees the change: the test would prove nothing");
    assert_eq!(shell(folder.path(), &format!("{CLEAN} && {build}")), "new\n");
    let mut cached = 0;
    for path in dockerfiles() {
        let text = fs::read_to_string(&path).unwrap();
        for command in text.split("\nRUN ").filter(|command| command.contains("target=/src/target")) {
            let words = command.split_whitespace().skip_while(|word| word.starts_with("--mount") || *word == "\\");
            let command: Vec<&str> = words.collect();
            assert!(command.join(" ").starts_with(CLEAN), "{}: {command:?}", path.display());
            cached += 1;
        }
    }
    assert_eq!(cached, 2);
}

/// A program that prints a word, with a time before any build.
fn write_old(folder: &Path, word: &str) {
    let path = folder.join("src/main.rs");
    fs::write(&path, format!("fn main() {{\n    println!(\"{word}\");\n}}\n")).unwrap();
    File::options()
        .write(true)
        .open(path)
        .unwrap()
        .set_modified(SystemTime::UNIX_EPOCH + Duration::from_hours(24))
        .unwrap();
}

fn shell(folder: &Path, commands: &str) -> String {
    let mut shell = Command::new("sh");
    shell.args(["-c", commands]).current_dir(folder).env("CARGO_TARGET_DIR", folder.join("target"));
    let output = shell.output().unwrap();
    assert!(output.status.success(), "{commands}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Windows and macOS have neither `/dev/null` to mount nor GNU's sed, and Git may change line ends there.
#[test]
fn nothing_needs_linux_but_the_containers() {
    for volumes in services().values().filter_map(|service| service["volumes"].as_array()) {
        assert!(volumes.iter().all(|volume| !volume.as_str().unwrap().contains("/dev/")), "{volumes:?}");
    }
    let mut pages = vec![repository::path("README.md")];
    pages.extend(fs::read_dir(repository::path("docs/runbooks")).unwrap().map(|entry| entry.unwrap().path()));
    for page in pages {
        assert!(!fs::read_to_string(&page).unwrap().contains("sed -i"), "{}", page.display());
    }
    assert!(read(".gitattributes").lines().any(|line| line == "* text=auto eol=lf"));
}

fn services() -> Map<String, Value> {
    yaml("docker-compose.yml")["services"].as_object().unwrap().clone()
}

fn dockerfiles() -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(repository::path("deploy/docker")).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|extension| extension == "Dockerfile")).collect()
}
