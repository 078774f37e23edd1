//! The REST API behind nginx: the client's contract, roles, limits, caching, cut-over.

mod alerts;
mod appwrite;
mod appwrite_alerts;
mod appwrite_hostile;
mod appwrite_queries;
mod contract;
mod cut_over;
mod hostile;
mod keys;
mod limit;
mod probe;
mod proxy;
mod race_at;
mod roles;
mod sdk;
mod signals;
mod timeline;
mod upstream;
