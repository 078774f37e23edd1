//! `migrate`: numbered migrations once, then functions and the API anew, then one word to the REST server.

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

/// Applied anew by every `migrate`, in this order; within a folder in name order.
const REAPPLIED: [&str; 2] = ["functions", "api"];

/// Two at once: the second waits until the first has finished, and finds nothing to do.
const LOCK: &str = "select pg_catalog.pg_advisory_lock(pg_catalog.hashtextextended('raceday.migrate', 0))";
const UNLOCK: &str = "select pg_catalog.pg_advisory_unlock(pg_catalog.hashtextextended('raceday.migrate', 0))";

/// A password stands in its statement as it is: such a one goes neither into the server's log nor into pg_stat_statements, whose
/// texts monitoring may read.
const UNSEEN: &str = "set log_statement = 'none'; set log_min_duration_statement = -1; \
                      set log_min_error_statement = 'panic'; set pg_stat_statements.track = 'none'";

/// Why the database was not brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// DATABASE_URL is wrong.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The server is not there, or refuses a statement of this module.
    #[error("{what}: {}", describe(source))]
    Database {
        /// What was being done.
        what: String,
        /// The server's answer.
        source: tokio_postgres::Error,
    },
    /// A numbered migration fails, or those applied are not those of this program.
    #[error("migrations: {}", explain(.0))]
    Migration(refinery::Error),
}

/// What went wrong with a migration, and what to do next.
fn explain(error: &refinery::Error) -> String {
    const MEND: &str = "Nothing was changed. A migration is never changed once it is applied: run the program of the version that \
                        applied it, or give this one that file back and put the change into a new migration; a database of \
                        which nothing is to be kept is dropped, made anew and migrated (`cargo xtask clean` for the demo's). \
                        See \"When migrate refuses\" in docs/runbooks/deploy.md";
    match error.kind() {
        Kind::DivergentVersion(applied, ours) => {
            format!(
                "{applied} was applied to this database with another name or content than this program's {ours}. {MEND}"
            )
        }
        Kind::MissingVersion(missing) => {
            format!("{missing} is missing: of this program's and the database's migrations only one has it. {MEND}")
        }
        Kind::Connection(what, cause) => match cause.downcast_ref() {
            Some(cause) => format!("{what}: {}", describe(cause)),
            None => format!("{what}: {cause}"),
        },
        kind => kind.to_string(),
    }
}

/// Brings the database's schema up to date and returns what it did, a line each.
///
/// Safe to repeat and to run twice at once. Needs a superuser. Sets the roles' passwords when they are given.
pub async fn migrate(settings: &MigrateArgs) -> Result<Vec<String>, MigrateError> {
    let address = Address::new(&settings.common, "migrate")?;
    let mut client = address.connect().await.map_err(doing(format!("connecting to {address}")))?;
    client.batch_execute(LOCK).await.map_err(doing("waiting for another migrate to end"))?;
    let done = apply(&mut client, settings).await;
    // The connection's end would release it too, but later than the caller's next step.
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
    // refinery's history stands in it, so it must be there before the first migration.
    client.batch_execute("create schema if not exists raceday").await.map_err(doing("creating schema raceday"))?;
    let mut runner = embedded::migrations::runner();
    runner.set_migration_table_name("raceday.schema_history");
    let report = match runner.run_async(client).await {
        Err(error) => return unless_newer(error, &runner, client).await,
        Ok(report) => report,
    };
    let applied = report.applied_migrations();
    if applied.is_empty() {
        return Ok(vec![format!("migrations: all {} applied before", runner.get_migrations().len())]);
    }
    Ok(applied.iter().map(|migration| format!("migration {migration} applied")).collect())
}

/// Lets pass that the database has later migrations on top of all of this program's: the program was set back to a former
/// version, which runs on a newer schema.
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
    Ok(vec![format!("migrations: all {} applied before; the database is newer, with {}", ours.len(), names.join(", "))])
}

/// Applies functions and API in one transaction: a reader sees the old ones or the new ones, never half of each.
async fn reapply(client: &mut Client) -> Result<Vec<String>, MigrateError> {
    let transaction = client.transaction().await.map_err(doing("beginning"))?;
    let mut done = Vec::new();
    for folder in REAPPLIED {
        let files = sql_files(folder);
        for (name, sql) in &files {
            transaction.batch_execute(sql).await.map_err(doing(format!("sql/{name}")))?;
        }
        done.push(format!("sql/{folder}: {} files applied", files.len()));
    }
    transaction.batch_execute("notify pgrst, 'reload schema'").await.map_err(doing("notifying the REST server"))?;
    transaction.commit().await.map_err(doing("committing"))?;
    Ok(done)
}

fn sql_files(folder: &str) -> Vec<(String, &'static str)> {
    let files = SQL.get_dir(folder).into_iter().flat_map(Dir::files);
    let mut files: Vec<_> = files
        .filter(|file| file.path().extension().is_some_and(|extension| extension == "sql"))
        .filter_map(|file| Some((file.path().display().to_string(), file.contents_utf8()?)))
        .collect();
    files.sort();
    files
}

async fn set_password(client: &Client, role: &str, password: &str) -> Result<(), MigrateError> {
    let what = || doing(format!("setting the password of {role}"));
    client.batch_execute(UNSEEN).await.map_err(what())?;
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

    #[test]
    fn functions_are_embedded_in_name_order() {
        let names: Vec<_> = sql_files("functions").into_iter().map(|(name, _)| name).collect();
        assert!(names.contains(&"functions/30_due_races.sql".to_owned()), "{names:?}");
        assert!(names.is_sorted());
    }

    #[test]
    fn the_simulated_clock_is_never_applied() {
        let names: Vec<_> = REAPPLIED.iter().flat_map(|folder| sql_files(folder)).map(|(name, _)| name).collect();
        assert!(!names.iter().any(|name| name.contains("simulated")), "{names:?}");
    }

    #[test]
    fn a_folder_that_is_not_there_has_no_files() {
        assert!(sql_files("nothing").is_empty());
    }
}
