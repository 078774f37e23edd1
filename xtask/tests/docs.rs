//! What the documentation refers to exists: links, headings, and the files that it and the code name.

use std::fs;
use std::path::{Path, PathBuf};

/// Top-level folders that files are named in.
const FOLDERS: [&str; 7] = ["deploy", "docs", "fetcher", "pg_raceday_ext", "sql", "tests", "xtask"];
/// Parts of names that stand for something else.
const PLACEHOLDERS: [&str; 7] = ["<", "*", "{", "...", "NAME", "OLD", "YYYY"];
/// Kinds of files whose comments cite pages.
const CITING: [&str; 10] = ["rs", "sql", "conf", "template", "yml", "yaml", "toml", "js", "md", "Dockerfile"];

/// The repository.
fn root() -> PathBuf {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    crate_folder.ancestors().find(|folder| folder.join("LICENSE").is_file()).unwrap().to_owned()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Files of a folder and those below it, without hidden and built ones.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with('.') || name == "target" || name == "node_modules" {
            continue;
        }
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files
}

fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    path.extension().and_then(|extension| extension.to_str()).is_some_and(|extension| extensions.contains(&extension))
}

/// The pages that people read: those of the root and all others.
fn pages() -> Vec<PathBuf> {
    let root = root();
    let of_root = fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path());
    let below = FOLDERS.iter().flat_map(|folder| files_below(&root.join(folder)));
    of_root.chain(below).filter(|path| has_extension(path, &["md"])).collect()
}

/// The lines of a page that are not code blocks.
fn prose(text: &str) -> Vec<&str> {
    let mut in_code = false;
    text.lines()
        .filter(|line| {
            let is_fence = line.trim_start().starts_with("```");
            in_code ^= is_fence;
            !is_fence && !in_code
        })
        .collect()
}

/// The anchor that a heading gets.
fn anchor(heading: &str) -> String {
    let kept = heading.trim_start_matches('#').trim().to_lowercase();
    kept.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c)).collect::<String>().replace(' ', "-")
}

fn link_problem(page: &Path, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, heading) = target.split_once('#').unwrap_or((target, ""));
    let path = if file.is_empty() { page.to_owned() } else { page.parent().unwrap_or(page).join(file) };
    if !path.exists() {
        return Some(format!("{}: no file {target}", page.display()));
    }
    let has_heading =
        || prose(&read(&path)).iter().any(|line| line.starts_with('#') && anchor(line) == heading.to_lowercase());
    (!heading.is_empty() && !has_heading()).then(|| format!("{}: no heading {target}", page.display()))
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let mut problems = Vec::new();
    for page in pages() {
        let text = read(&page);
        for line in prose(&text) {
            let targets = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
            problems.extend(targets.filter_map(|target| link_problem(&page, target)));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn every_file_that_a_page_names_exists() {
    let root = root();
    let mut problems = Vec::new();
    for page in pages() {
        let text = read(&page);
        for line in prose(&text) {
            for name in line.split('`').skip(1).step_by(2) {
                let folder = name.split('/').next().unwrap_or_default();
                let is_path = name.contains('/') && FOLDERS.contains(&folder) && !name.contains(' ');
                let is_placeholder = PLACEHOLDERS.iter().any(|part| name.contains(part));
                if is_path && !is_placeholder && !root.join(name).exists() {
                    problems.push(format!("{}: no file {name}", page.display()));
                }
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn every_page_that_the_code_cites_exists() {
    let root = root();
    let is_of_path = |c: char| c.is_alphanumeric() || ['/', '-', '_', '.'].contains(&c);
    let mut problems = Vec::new();
    let files = FOLDERS.iter().flat_map(|folder| files_below(&root.join(folder)));
    for file in files.filter(|file| has_extension(file, &CITING)) {
        let text = read(&file);
        for (at, _) in text.match_indices("docs/") {
            let cited: String = text[at..].chars().take_while(|c| is_of_path(*c)).collect();
            let Some((name, _)) = cited.split_once(".md") else { continue };
            let begins_here = !text[..at].ends_with(is_of_path);
            let is_placeholder = PLACEHOLDERS.iter().any(|part| name.contains(part));
            if begins_here && !is_placeholder && !root.join(format!("{name}.md")).exists() {
                problems.push(format!("{}: no page {name}.md", file.display()));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn prose_wraps_at_120_columns() {
    let mut problems = Vec::new();
    for page in pages() {
        let text = read(&page);
        let long = prose(&text).into_iter().filter(|line| !line.starts_with('|') && line.chars().count() > 120);
        problems.extend(long.map(|line| format!("{}: {line}", page.display())));
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
