//! The extension's engine on a real PostgreSQL: order of arrival, concurrency, hostile payloads, upgrades.

mod captures;
mod cursor;
mod hostile;
mod ingest;
mod order;
mod schema;
mod server;
mod stated;
mod upgrade;
