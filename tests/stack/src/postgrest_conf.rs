//! Reads `postgrest.conf`: PostgREST takes the file, its stand-in postrust only environment variables.

use std::path::Path;

use anyhow::{Context, Result, bail};

/// The keys and unquoted values of a `postgrest.conf`, in file order.
///
/// Fails with the number of the line that cannot be read.
pub fn parse(text: &str) -> Result<Vec<(String, String)>> {
    let mut settings = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, rest) = line.split_once('=').with_context(|| format!("line {}: no `=`", number + 1))?;
        let value = value_of(rest.trim()).with_context(|| format!("line {}", number + 1))?;
        settings.push((key.trim().to_owned(), value));
    }
    Ok(settings)
}

/// The settings of the file as `PGRST_*` variables.
pub fn variables(path: &Path) -> Result<Vec<(String, String)>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let settings = parse(&text).with_context(|| path.display().to_string())?;
    Ok(settings
        .into_iter()
        // `$(NAME)` makes PostgREST read the environment, where the variable already is.
        .filter(|(_, value)| !value.starts_with("$("))
        .map(|(key, value)| (variable_name(&key), value))
        .collect())
}

/// `db-anon-role` → `PGRST_DB_ANON_ROLE`.
pub fn variable_name(key: &str) -> String {
    format!("PGRST_{}", key.to_uppercase().replace(['-', '.'], "_"))
}

fn value_of(rest: &str) -> Result<String> {
    let Some(quoted) = rest.strip_prefix('"') else {
        return Ok(rest.split('#').next().unwrap_or_default().trim().to_owned());
    };
    let mut value = String::new();
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => return Ok(value),
            '\\' => value.extend(characters.next()),
            other => value.push(other),
        }
    }
    bail!("the closing quote is missing")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_become_variables() {
        assert_eq!(variable_name("db-anon-role"), "PGRST_DB_ANON_ROLE");
        assert_eq!(variable_name("app.settings.secret"), "PGRST_APP_SETTINGS_SECRET");
    }

    #[test]
    fn values_lose_quotes_and_comments() {
        let text = "# REST\n\ndb-schemas = \"api\" # exposed\ndb-pool = 10   # connections\ndb-channel-enabled=true\nserver-cors-allowed-origins = \"\"\nx = \"a \\\"b\\\" #c\"\n";
        let expected = [
            ("db-schemas", "api"),
            ("db-pool", "10"),
            ("db-channel-enabled", "true"),
            ("server-cors-allowed-origins", ""),
            ("x", "a \"b\" #c"),
        ];
        let expected: Vec<_> = expected.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        assert_eq!(parse(text).unwrap(), expected);
    }

    #[test]
    fn a_line_without_a_value_is_an_error_with_its_number() {
        assert!(parse("db-pool = 1\nnonsense\n").unwrap_err().to_string().contains("line 2"));
        assert!(format!("{:#}", parse("a = \"b").unwrap_err()).contains("line 1"));
    }

    #[test]
    fn settings_taken_from_the_environment_are_left_out() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "db-uri = \"$(PGRST_DB_URI)\"\ndb-max-rows = 1000\n").unwrap();
        assert_eq!(variables(file.path()).unwrap(), [("PGRST_DB_MAX_ROWS".to_owned(), "1000".to_owned())]);
    }
}
