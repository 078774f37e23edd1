//! The demo's generated passwords, in `.raceday/secrets.env`, which only its owner can read.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result};

use crate::layout::Layout;
use crate::random::random_password;

/// The roles that log in, each with the variable that its password is stored under.
pub const ROLES: [(&str, &str); 3] = [
    ("postgres", "RACEDAY_POSTGRES_PASSWORD"),
    ("raceday_fetcher", "RACEDAY_FETCHER_PASSWORD"),
    ("authenticator", "RACEDAY_AUTHENTICATOR_PASSWORD"),
];

/// The passwords by role; the first call generates them.
pub fn passwords(layout: &Layout) -> Result<BTreeMap<String, String>> {
    let path = layout.local("secrets.env");
    if !path.exists() {
        fs::create_dir_all(layout.local(""))?;
        let line = |(_, variable)| Ok(format!("{variable}={}\n", random_password()?));
        write(&path, &ROLES.into_iter().map(line).collect::<Result<String>>()?)?;
    }
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    parse(&text).with_context(|| format!("{}: `cargo xtask clean` starts over", path.display()))
}

/// Writes a file that only its owner can read.
pub fn write(path: &Path, text: &str) -> Result<()> {
    // Written next to its final path and renamed: a half-written file would lock us out of the cluster.
    let unfinished = path.with_extension("unfinished");
    let mut file = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&unfinished)?;
    file.write_all(text.as_bytes())?;
    Ok(fs::rename(&unfinished, path)?)
}

fn parse(text: &str) -> Result<BTreeMap<String, String>> {
    let lines: BTreeMap<_, _> = text.lines().filter_map(|line| line.split_once('=')).collect();
    let password = |(role, variable): (&str, &str)| {
        let value = lines.get(variable).with_context(|| format!("{variable} is missing"))?;
        Ok((role.to_owned(), (*value).to_owned()))
    };
    ROLES.into_iter().map(password).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_has_its_own_password() {
        let text = "RACEDAY_POSTGRES_PASSWORD=a\nRACEDAY_FETCHER_PASSWORD=b\nRACEDAY_AUTHENTICATOR_PASSWORD=c\n";
        assert_eq!(parse(text).unwrap()["raceday_fetcher"], "b");
        assert!(parse("RACEDAY_POSTGRES_PASSWORD=a\n").is_err());
    }
}
