//! Whether a backend grows with its calls.

use anyhow::Result;

use crate::DATABASE;
use crate::cpu;
use crate::database::Server;
use crate::feed::Feed;
use crate::report::Aim;
use crate::session::Way;

/// Calls after which a backend has all its plans and caches.
const WARM_UP: usize = 500;

/// Makes `calls` calls on one connection and compares the backend's own memory after them with that after a warm-up.
pub async fn measure(server: &Server, feed: &mut Feed, calls: usize) -> Result<Aim> {
    let crew = server.crew(DATABASE, Way::Engine, 1).await?;
    let pid = crew.sessions[0].backend_pid;
    let mut warm = 0;
    while warm < WARM_UP {
        warm += crew.block(&feed.round()).await?.count();
    }
    let before = cpu::private_bytes(pid)?;
    let mut done = 0;
    while done < calls {
        done += crew.block(&feed.round()).await?.count();
    }
    let after = cpu::private_bytes(pid)?;
    let mb = |bytes: u64| bytes as f64 / 1_048_576.0;
    println!("\nbackend's own memory: {:.1} MB, after {done} more calls {:.1} MB", mb(before), mb(after));
    Ok(Aim::at_most(&format!("backend memory growth over {done} calls"), mb(after) - mb(before), 5.0, " MB"))
}
