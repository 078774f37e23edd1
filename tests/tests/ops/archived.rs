//! Commands of `raceday-fetcher` that archive, run in the test's process.

use std::path::Path;

use clap::Parser;
use raceday_fetcher::archive::Archiver;
use raceday_fetcher::config::{Cli, Command};
use raceday_fetcher::db::Address;
use raceday_fetcher::{export, import_raw};
use raceday_stack::Postgres;

/// Runs `export`, `archive` or `import-raw` with these arguments. Returns its lines, or its error.
pub fn run(postgres: &Postgres, role: &str, database: &str, arguments: &[&str]) -> Result<Vec<String>, String> {
    let url = postgres.url(role, database);
    let (command, more) = arguments.split_first().unwrap();
    let line = ["raceday-fetcher", *command, "--database-url", &url];
    let command = Cli::try_parse_from(line.iter().chain(more)).map_err(|error| error.to_string())?.command;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        match command {
            Command::Export(settings) => export::export(&settings).await.map_err(|error| error.to_string()),
            Command::ImportRaw(settings) => import_raw::import(&settings).await.map_err(|error| error.to_string()),
            Command::Archive(settings) => {
                let address = Address::new(&settings.common, "archive").unwrap();
                let archiver = Archiver::new(address, &settings.archive_dir, "tests");
                archiver.pass(true).await.map_err(|error| error.to_string())
            }
            _ => unreachable!("the commands are those above"),
        }
    })
}

/// A path as an argument.
pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
