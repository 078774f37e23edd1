//! Measures whether a backend's memory grows with the number of calls.

use anyhow::Result;

use crate::DATABASE;
use crate::cpu;
use crate::database::Server;
use crate::feed::Feed;
use crate::report::Aim;
use crate::session::Method;

/// Calls after which a backend's plans and caches are complete.
const WARM_UP: usize = 500;

/// Compares a backend's private memory after a warm-up with that after `calls` more calls.
pub async fn measure(server: &Server, feed: &mut Feed, calls: usize) -> Result<Aim> {
    let connections = server.connections(DATABASE, Method::Engine, 1).await?;
    let pid = connections.sessions[0].backend_pid;
    let mut warm = 0;
    while warm < WARM_UP {
        warm += connections.block(&feed.round()).await?.count();
    }
    let before = cpu::private_bytes(pid)?;
    let mut done = 0;
    while done < calls {
        done += connections.block(&feed.round()).await?.count();
    }
    let after = cpu::private_bytes(pid)?;
    let mb = |bytes: u64| bytes as f64 / 1_048_576.0;
    println!("\nbackend's private memory: {:.1} MB; after {done} more calls: {:.1} MB", mb(before), mb(after));
    Ok(Aim::at_most(&format!("backend memory growth over {done} calls"), mb(after) - mb(before), 5.0, " MB"))
}
