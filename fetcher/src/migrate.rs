//! `migrate`: applies numbered migrations once, re-applies functions and API, and notifies the REST server.

use include_dir::{Dir, include_dir};
use refinery::error::Kind;
use refinery::{Migration, Runner};
use tokio_postgres::Client;

use crate::config::MigrateArgs;
use crate::db::{Address, AddressError, describe};

mod embedded {
    #![allow(missing_docs)]
    refinery::embed_migrations!("../sql/migrations");
}

static SQL: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../sql");

/// The folders re-applied by every `migrate`, group by group; within a group by file name, so that a helper precedes its
/// callers and `90_privileges.sql` is last.
const REAPPLIED: [&[&str]; 2] = [&["functions"], &["api", "appwrite"]];

/// Of two concurrent runs, the second waits until the first has finished, and finds nothing to do.
const LOCK: &str = "select pg_catalog.pg_advisory_lock(pg_catalog.hashtextextended('raceday.migrate', 0))";
const UNLOCK: &str = "select pg_catalog.pg_advisory_unlock(pg_catalog.hashtextextended('raceday.migrate', 0))";

/// Keeps statements that contain a password out of the server's log and of pg_stat_statements, which monitoring can read.
const UNLOGGED: &str = "set log_statement = 'none'; set log_min_duration_statement = -1; \
                      set log_min_error_statement = 'panic'; set pg_stat_statements.track = 'none'";

/// Why the schema was not brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// DATABASE_URL is wrong.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The server is unavailable, or a statement failed.
    #[error("{what}: {}", describe(source))]
    Database {
        /// What was being done.
        what: String,
        /// The server's error.
        source: tokio_postgres::Error,
    },
    /// A numbered migration failed, or those applied are not those of this program.
    #[error("migrations: {}", explain(.0))]
    Migration(refinery::Error),
}

/// Explains what went wrong with a migration, and how to fix it.
fn explain(error: &refinery::Error) -> String {
    const FIX: &str = "Nothing was changed. A migration must not change once it is applied: run the program of the version that \
                       applied it, or restore that file in this version and put the change into a new migration. If nothing in \
                       the database is worth keeping, drop it, create it again and migrate (`cargo xtask clean` for the demo's). \
                       See \"When migrate refuses\" in docs/runbooks/deploy.md";
    match error.kind() {
        Kind::DivergentVersion(applied, ours) => {
            format!(
                "{applied} was applied to this database, but differs in name or content from this program's {ours}. {FIX}"
            )
        }
        Kind::MissingVersion(missing) => {
            format!("{missing} is missing: only one of this program and the database has it. {FIX}")
        }
        Kind::Connection(what, cause) => match cause.downcast_ref() {
            Some(cause) => format!("{what}: {}", describe(cause)),
            None => format!("{what}: {cause}"),
        },
        kind => kind.to_string(),
    }
}

/// Brings the database's schema up to date and returns what it did, one line per step.
///
/// Safe to repeat and to run concurrently. Requires a superuser. Sets the roles' passwords if given.
pub async fn migrate(settings: &MigrateArgs) -> Result<Vec<String>, MigrateError> {
    let address = Address::new(&settings.common, "migrate")?;
    let mut client = address.connect().await.map_err(doing(format!("connecting to {address}")))?;
    client.batch_execute(LOCK).await.map_err(doing("waiting for another migrate to end"))?;
    let done = apply(&mut client, settings).await;
    // The end of the connection would also release the lock, but perhaps after the caller's next step.
    client.batch_execute(UNLOCK).await.ok();
    done
}

async fn apply(client: &mut Client, settings: &MigrateArgs) -> Result<Vec<String>, MigrateError> {
    let mut done = migrations(client).await?;
    done.extend(reapply(client).await?);
    let passwords = [
        ("raceday_fetcher", &settings.fetcher_password),
        ("authenticator", &settings.authenticator_password),
        ("raceday_monitor", &settings.monitor_password),
        ("raceday_analyst", &settings.analyst_password),
        ("raceday_live", &settings.live_password),
    ];
    for (role, password) in passwords {
        if let Some(password) = password.as_deref().filter(|password| !password.is_empty()) {
            set_password(client, role, password).await?;
            done.push(format!("password of role {role} set"));
        }
    }
    Ok(done)
}

async fn migrations(client: &mut Client) -> Result<Vec<String>, MigrateError> {
    // It contains refinery's history, so it must exist before the first migration.
    client.batch_execute("create schema if not exists raceday").await.map_err(doing("creating schema raceday"))?;
    let mut runner = embedded::migrations::runner();
    runner.set_migration_table_name("raceday.schema_history");
    let report = match runner.run_async(client).await {
        Err(error) => return unless_newer(error, &runner, client).await,
        Ok(report) => report,
    };
    let applied = report.applied_migrations();
    if applied.is_empty() {
        return Ok(vec![format!("migrations: all {} already applied", runner.get_migrations().len())]);
    }
    Ok(applied.iter().map(|migration| format!("migration {migration} applied")).collect())
}

/// Accepts a database that has later migrations in addition to all of this program's: the program was rolled back to an
/// earlier version, which runs on a newer schema.
async fn unless_newer(
    error: refinery::Error,
    runner: &Runner,
    client: &mut Client,
) -> Result<Vec<String>, MigrateError> {
    let ours = runner.get_migrations();
    let newest = ours.iter().map(Migration::version).max();
    if !matches!(error.kind(), Kind::MissingVersion(missing) if Some(missing.version()) > newest) {
        return Err(MigrateError::Migration(error));
    }
    let applied = runner.get_applied_migrations_async(client).await.map_err(MigrateError::Migration)?;
    if !ours.iter().all(|migration| applied.contains(migration)) {
        return Err(MigrateError::Migration(error));
    }
    let newer: Vec<_> = applied.iter().filter(|migration| Some(migration.version()) > newest).collect();
    let names: Vec<String> = newer.iter().map(ToString::to_string).collect();
    Ok(vec![format!(
        "migrations: all {} already applied; the database is newer, with {}",
        ours.len(),
        names.join(", ")
    )])
}

/// Re-applies functions and API in one transaction: a reader sees either the old or the new ones, never a mixture.
async fn reapply(client: &mut Client) -> Result<Vec<String>, MigrateError> {
    let transaction = client.transaction().await.map_err(doing("beginning a transaction"))?;
    let mut done = Vec::new();
    for folders in REAPPLIED {
        for file in sql_files(folders) {
            transaction.batch_execute(file.sql).await.map_err(doing(format!("sql/{}", file.path)))?;
        }
        done.extend(folders.iter().map(|folder| format!("sql/{folder}: {} files applied", sql_files(&[folder]).len())));
    }
    transaction.batch_execute("notify pgrst, 'reload schema'").await.map_err(doing("notifying the REST server"))?;
    transaction.commit().await.map_err(doing("committing"))?;
    Ok(done)
}

/// A file of `sql/`.
struct SqlFile {
    name: String,
    /// With its folder.
    path: String,
    sql: &'static str,
}

/// The files of these folders, by name.
fn sql_files(folders: &[&str]) -> Vec<SqlFile> {
    let files = folders.iter().filter_map(|folder| SQL.get_dir(folder)).flat_map(Dir::files);
    let mut files: Vec<_> = files
        .filter(|file| file.path().extension().is_some_and(|extension| extension == "sql"))
        .filter_map(|file| {
            let name = file.path().file_name()?.to_string_lossy().into_owned();
            Some(SqlFile { name, path: file.path().display().to_string(), sql: file.contents_utf8()? })
        })
        .collect();
    files.sort_by(|a, b| (&a.name, &a.path).cmp(&(&b.name, &b.path)));
    files
}

async fn set_password(client: &Client, role: &str, password: &str) -> Result<(), MigrateError> {
    let what = || doing(format!("setting the password of {role}"));
    client.batch_execute(UNLOGGED).await.map_err(what())?;
    let sql = "select pg_catalog.format('alter role %I password %L', $1::text, $2::text)";
    let statement: String = client.query_one(sql, &[&role, &password]).await.map_err(what())?.get(0);
    client.batch_execute(&statement).await.map_err(what())
}

fn doing(what: impl Into<String>) -> impl FnOnce(tokio_postgres::Error) -> MigrateError {
    let what = what.into();
    move |source| MigrateError::Database { what, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(folders: &[&str]) -> Vec<String> {
        sql_files(folders).into_iter().map(|file| file.path).collect()
    }

    #[test]
    fn functions_are_embedded_in_name_order() {
        let paths = paths(&["functions"]);
        assert!(paths.contains(&"functions/30_due_races.sql".to_owned()), "{paths:?}");
        assert!(paths.is_sorted());
    }

    #[test]
    fn rights_are_set_after_everything_that_they_concern_exists() {
        let paths: Vec<_> = REAPPLIED.iter().flat_map(|folders| paths(folders)).collect();
        assert!(paths.contains(&"appwrite/10_keys.sql".to_owned()), "{paths:?}");
        assert_eq!(paths.last().unwrap(), "api/90_privileges.sql");
    }

    #[test]
    fn the_simulated_clock_is_never_applied() {
        let paths: Vec<_> = REAPPLIED.iter().flat_map(|folders| paths(folders)).collect();
        assert!(!paths.iter().any(|path| path.contains("simulated")), "{paths:?}");
    }

    #[test]
    fn a_missing_folder_has_no_files() {
        assert!(sql_files(&["nothing"]).is_empty());
    }
}
