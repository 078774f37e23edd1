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
pub const ROLES: [(&str, &str); 4] = [
    ("postgres", "RACEDAY_POSTGRES_PASSWORD"),
    ("raceday_fetcher", "RACEDAY_FETCHER_PASSWORD"),
    ("authenticator", "RACEDAY_AUTHENTICATOR_PASSWORD"),
    ("raceday_live", "RACEDAY_LIVE_PASSWORD"),
];

/// The passwords by role; the first call generates them, and a later one those of roles that are new.
pub fn passwords(layout: &Layout) -> Result<BTreeMap<String, String>> {
    let path = layout.local("secrets.env");
    fs::create_dir_all(layout.local(""))?;
    let known = if path.exists() {
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?
    } else {
        String::new()
    };
    let text = complete(&known)?;
    if text != known {
        write(&path, &text)?;
    }
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

/// The text with a line for every role.
fn complete(known: &str) -> Result<String> {
    let mut text = known.to_owned();
    for (role, variable) in ROLES {
        // The superuser's cannot be replaced: `migrate`, which sets the others, needs it.
        let is_known = known.lines().any(|line| line.starts_with(&format!("{variable}=")));
        if !is_known && (role != "postgres" || known.is_empty()) {
            text.extend([variable, "=", &random_password()?, "\n"]);
        }
    }
    Ok(text)
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
        let known = "RACEDAY_POSTGRES_PASSWORD=a\nRACEDAY_FETCHER_PASSWORD=b\nRACEDAY_AUTHENTICATOR_PASSWORD=c\n";
        let passwords = parse(&complete(known).unwrap()).unwrap();
        assert_eq!(passwords["raceday_fetcher"], "b", "what is known stays");
        assert_eq!(passwords["raceday_live"].len(), passwords["raceday_live"].trim().len());
        assert!(passwords["raceday_live"].len() > 8, "a new role gets a password");
        assert!(parse("RACEDAY_POSTGRES_PASSWORD=a\n").is_err());
    }
}
