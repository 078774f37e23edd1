//! The REST API behind nginx: the client's contract, roles, limits, caching, cut-over.

mod alerts;
mod contract;
mod cut_over;
mod hostile;
mod probe;
mod proxy;
mod roles;
mod timeline;
mod upstream;
