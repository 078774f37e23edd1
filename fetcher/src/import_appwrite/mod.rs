//! `import-appwrite`: imports the documents of a legacy backend that speaks Appwrite's protocol.
//!
//! The database decides what becomes of a document (`sql/appwrite/72_import.sql`); this reads pages and hands them over.

mod report;

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tokio_postgres::Client;

use self::report::{Outcome, Report};
use crate::appwrite::{self, Access, cursor_after, equal, limit, list};
use crate::config::ImportAppwriteArgs;
use crate::db::{Address, describe};
use crate::json_client::JsonClient;

/// The collections in the order in which they are imported: what others refer to comes before them.
const COLLECTIONS: [&str; 7] =
    ["user-alert-configs", "meetings", "races", "entrants", "race-pools", "race-results", MONEY_FLOW];
const MONEY_FLOW: &str = "money-flow-history";
/// Documents per request and transaction: as many as every version of Appwrite returns.
const PAGE: usize = 100;

const DOCUMENTS: &str = "select document_id, outcome, reason from raceday.raceday_import_documents($1, $2, $3, $4)";
const NOTE: &str = "select raceday.raceday_import_note($1, $2, $3, $4, $5)";

/// Where an import is: the last page that was imported.
#[derive(Debug, Default, Clone)]
struct Place {
    collection: String,
    race_id: Option<String>,
    after_id: Option<String>,
}

struct Import<'a> {
    settings: &'a ImportAppwriteArgs,
    source: String,
    backend: JsonClient,
    client: Client,
    report: Report,
    /// What a dry run would have imported: meetings, races.
    accepted: [BTreeSet<String>; 2],
}

/// Imports all collections and returns the report. An import that was interrupted is continued.
///
/// Connects as any role that may become `raceday_importer`, and becomes it. Fails when a server is unavailable; what has
/// been imported by then stays.
pub async fn import(settings: &ImportAppwriteArgs) -> Result<Vec<String>> {
    let (mut import, mut place) = Import::begin(settings).await?;
    let mut lines = Vec::new();
    if !place.collection.is_empty() {
        lines.push(format!("continued in {}; --restart begins again", place.collection));
    }
    for collection in COLLECTIONS {
        if !place.collection.is_empty() && place.collection != collection {
            continue;
        }
        let resumed = std::mem::take(&mut place);
        if collection == MONEY_FLOW {
            import.money_flow(resumed).await?;
        } else {
            import.pages(Place { collection: collection.to_owned(), ..resumed }).await?;
        }
        tracing::info!(import.collection = collection, "imported");
    }
    if !settings.dry_run {
        import.note(&Place::default(), true).await?;
    }
    lines.extend(import.report.lines(&COLLECTIONS));
    if settings.dry_run {
        lines.push("nothing was changed: --dry-run".to_owned());
    }
    Ok(lines)
}

impl<'a> Import<'a> {
    /// Connects to both servers, and finds out where an unfinished import stopped.
    async fn begin(settings: &'a ImportAppwriteArgs) -> Result<(Self, Place)> {
        let endpoint = settings.endpoint.as_str().trim_end_matches('/').to_owned();
        let access = Access { project: settings.project.clone(), key: settings.key.clone() };
        let backend = appwrite::client(&endpoint, &access)?;
        let address = Address::new(&settings.common, "import-appwrite")?;
        let client = address.connect().await.map_err(|error| failure(&format!("connecting to {address}"), &error))?;
        let role = "becoming raceday_importer: connect as the superuser or as a member of this role";
        client.batch_execute("set role raceday_importer").await.map_err(|error| failure(role, &error))?;
        let source = format!("{endpoint} {}", settings.project);
        let mut import = Self {
            settings,
            source,
            backend,
            client,
            report: Report::default(),
            accepted: [BTreeSet::new(), BTreeSet::new()],
        };
        let sql = "select collection, race_id, after_id, report from raceday.raceday_import_begin($1)";
        let unfinished = import.client.query_opt(sql, &[&import.source]).await;
        let unfinished = unfinished.map_err(|error| failure("beginning the import", &error))?;
        let Some(row) = unfinished.filter(|_| !settings.restart && !settings.dry_run) else {
            return Ok((import, Place::default()));
        };
        import.report = serde_json::from_value(row.get(3)).context("the report of the unfinished import: --restart")?;
        Ok((import, Place { collection: row.get(0), race_id: row.get(1), after_id: row.get(2) }))
    }

    /// Imports money flow, race by race: our own endpoint lists it in no other way.
    async fn money_flow(&mut self, mut resumed: Place) -> Result<()> {
        let imported = self.client.query("select raceday.raceday_imported_races()", &[]).await;
        let imported = imported.map_err(|error| failure("listing the imported races", &error))?;
        let races: BTreeSet<String> = imported.iter().map(|row| row.get(0)).chain(self.accepted[1].clone()).collect();
        for race_id in races.range(resumed.race_id.clone().unwrap_or_default()..) {
            let after_id = resumed.after_id.take().filter(|_| resumed.race_id.as_ref() == Some(race_id));
            let place = Place { collection: MONEY_FLOW.to_owned(), race_id: Some(race_id.clone()), after_id };
            self.pages(place).await?;
        }
        Ok(())
    }

    /// Imports the pages of a collection, or of one race's part of it, after a place.
    async fn pages(&mut self, mut place: Place) -> Result<()> {
        loop {
            let mut queries = vec![limit(PAGE)];
            queries.extend(place.race_id.iter().map(|id| equal("raceId", std::slice::from_ref(id))));
            queries.extend(place.after_id.iter().map(|id| cursor_after(&Value::from(id.as_str()))));
            let page = list(&self.backend, &place.collection, &queries).await?;
            let Some(last) = page.last() else { return Ok(()) };
            let Some(last_id) = last["$id"].as_str().map(str::to_owned) else {
                bail!("{} lists a document of {} without $id", self.backend.url(), place.collection);
            };
            if place.after_id.as_ref() == Some(&last_id) {
                bail!("{} returns the same page again after {last_id}", self.backend.url());
            }
            let is_last = page.len() < PAGE;
            place.after_id = Some(last_id);
            self.page(page, &place).await?;
            if is_last {
                return Ok(());
            }
        }
    }

    /// Imports a page, and notes in the same transaction that it was.
    async fn page(&mut self, page: Vec<Value>, place: &Place) -> Result<()> {
        let collection = place.collection.as_str();
        let doing = format!("importing {collection} up to {}", place.after_id.as_deref().unwrap_or_default());
        let failed = |error| failure(&doing, &error);
        let (unstorable, page): (Vec<_>, Vec<_>) = page.into_iter().partition(has_nul);
        let accepted = self.accepted_of(collection, &page);
        self.client.batch_execute("begin").await.map_err(failed)?;
        let documents = Value::Array(page);
        let rows = self.client.query(DOCUMENTS, &[&collection, &documents, &accepted, &self.settings.dry_run]).await;
        for row in rows.map_err(failed)? {
            let outcome = Outcome { document_id: row.get(0), outcome: row.get(1), reason: row.get(2) };
            self.accept(collection, &outcome);
            self.report.add(collection, outcome);
        }
        for document in unstorable {
            let document_id = document["$id"].as_str().map(|id| id.replace('\0', ""));
            let reason = Some("it has a NUL character, which PostgreSQL does not store".to_owned());
            self.report.add(collection, Outcome { document_id, outcome: "refused".to_owned(), reason });
        }
        if !self.settings.dry_run {
            self.note(place, false).await?;
        }
        self.client.batch_execute("commit").await.map_err(failed)
    }

    /// Stores how far the import has come, or that it is finished.
    async fn note(&self, place: &Place, is_finished: bool) -> Result<()> {
        let collection = (!is_finished).then_some(&place.collection);
        let report = serde_json::to_value(&self.report)?;
        let noted =
            self.client.execute(NOTE, &[&self.source, &collection, &place.race_id, &place.after_id, &report]).await;
        noted.map(|_| ()).map_err(|error| failure("noting how far the import has come", &error))
    }

    /// Remembers what a dry run would have imported.
    fn accept(&mut self, collection: &str, outcome: &Outcome) {
        let kind = match collection {
            "meetings" => 0,
            "races" => 1,
            _ => return,
        };
        if let Some(id) = outcome.document_id.clone().filter(|_| self.settings.dry_run && outcome.outcome == "new") {
            self.accepted[kind].insert(id);
        }
    }

    /// The meetings or races that a page refers to and that a dry run would have imported.
    fn accepted_of(&self, collection: &str, page: &[Value]) -> Vec<String> {
        let referred = |document: &Value| {
            let of_race = &document["meeting"];
            let meeting = if of_race.is_object() { &of_race["$id"] } else { of_race };
            let id = if collection == "races" { meeting } else { &document["raceId"] };
            id.as_str().map(str::to_owned)
        };
        let known = &self.accepted[usize::from(collection != "races")];
        page.iter().filter_map(referred).filter(|id| known.contains(id)).collect()
    }
}

/// Whether a string in it has a NUL character.
fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(elements) => elements.iter().any(has_nul),
        Value::Object(map) => map.iter().any(|(name, value)| name.contains('\0') || has_nul(value)),
        _ => false,
    }
}

/// An error of the database: what was being done, what the server says, and how to go on.
fn failure(doing: &str, source: &tokio_postgres::Error) -> anyhow::Error {
    anyhow::anyhow!("{doing}: {}; repeat the command, it continues where it stopped", describe(source))
}
