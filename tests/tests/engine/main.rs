//! The extension's engine on a real PostgreSQL: order of arrival, concurrency, hostile payloads, upgrades.

mod backtest;
mod captures;
mod check;
mod cursor;
mod hostile;
mod ingest;
mod order;
mod reference;
mod schema;
mod server;
mod stated;
mod upgrade;
