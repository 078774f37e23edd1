//! The command line. Every setting is also an environment variable.

use std::net::IpAddr;

use clap::Parser;
use ipnet::IpNet;
use raceday_fetcher::config::CommonArgs;

use crate::webhooks::WebhookArgs;

/// Streams Raceday's races to clients as they change.
#[derive(Debug, Clone, Parser)]
#[command(name = "raceday-live", version, about, max_term_width = 120)]
pub struct LiveArgs {
    /// The database and the log.
    #[command(flatten)]
    pub common: CommonArgs,
    /// Address of the streams, /metrics and /health
    #[arg(long, env = "RACEDAY_LIVE_ADDRESS", default_value = "127.0.0.1")]
    pub address: IpAddr,
    /// Port of the streams, /metrics and /health
    #[arg(long, env = "RACEDAY_LIVE_PORT", default_value_t = 9470)]
    pub port: u16,
    /// Most streams at once; beyond it, 503
    #[arg(long, env = "RACEDAY_LIVE_CLIENTS_MAX", default_value_t = 10_000)]
    pub clients_max: usize,
    /// Most streams of one address at once; beyond it, 503
    #[arg(long, env = "RACEDAY_LIVE_CLIENTS_PER_ADDRESS", default_value_t = 20)]
    pub clients_per_address: usize,
    /// Networks of the proxies whose X-Real-IP is the client's address, separated by commas
    #[arg(long, env = "RACEDAY_LIVE_PROXIES", value_delimiter = ',', default_value = "127.0.0.0/8,::1/128")]
    pub proxies: Vec<IpNet>,
    /// The webhook.
    #[command(flatten)]
    pub webhook: WebhookArgs,
}
