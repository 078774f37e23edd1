//! The faults, and how what they leave is undone.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::Result;
use raceday_stack::Signal;
use serde_json::json;

use super::cluster::Cluster;

/// How long etcd is unavailable: longer than the primary's lock lasts (`ttl` of deploy/ha/patroni.yml).
const WITHOUT_ETCD: Duration = Duration::from_secs(25);

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The primary's PostgreSQL is killed.
    Postgres,
    /// The primary's PostgreSQL and Patroni are killed.
    Node,
    /// The primary's PostgreSQL and Patroni stop without ending, and go on once there is another primary.
    Frozen,
    /// etcd does not respond for longer than the primary's lock lasts.
    Etcd,
    /// An operator moves the primary.
    SwitchOver,
    /// A standby's PostgreSQL is killed.
    Standby,
}

const ALL: [Fault; 6] = [Fault::Postgres, Fault::SwitchOver, Fault::Node, Fault::Standby, Fault::Frozen, Fault::Etcd];

/// What ends a fault.
#[derive(Debug)]
#[must_use]
pub enum Undo {
    /// It has ended.
    Nothing,
    /// Patroni of this node is started again.
    StartNode(usize),
    /// The processes of this node go on.
    ContinueNode(usize),
    /// etcd goes on.
    ContinueEtcd,
}

impl Fault {
    /// The kinds in turn.
    pub fn nth(number: u32) -> Self {
        let count = u32::try_from(ALL.len()).unwrap_or(1);
        ALL[usize::try_from(number % count).unwrap_or_default()]
    }

    /// Makes it happen.
    pub fn inject(self, cluster: &mut Cluster) -> Result<Undo> {
        let leader = cluster.leader_number()?;
        let other = (leader + 1) % cluster.nodes.len();
        match self {
            Self::Postgres => cluster.nodes[leader].kill_postgres()?,
            Self::Standby => cluster.nodes[other].kill_postgres()?,
            Self::Node => {
                cluster.nodes[leader].kill()?;
                return Ok(Undo::StartNode(leader));
            }
            Self::Frozen => {
                cluster.nodes[leader].signal_all(Signal::STOP)?;
                return Ok(Undo::ContinueNode(leader));
            }
            Self::Etcd => {
                cluster.signal_etcd(Signal::STOP)?;
                return Ok(Undo::ContinueEtcd);
            }
            Self::SwitchOver => {
                let (from, to) = (&cluster.nodes[leader], &cluster.nodes[other].name);
                from.post("switchover", &json!({"leader": from.name, "candidate": to}))?;
            }
        }
        Ok(Undo::Nothing)
    }

    /// Waits until it has lasted as long as it should.
    pub fn hold(self, since: Instant) {
        if self == Self::Etcd {
            std::thread::sleep(WITHOUT_ETCD.saturating_sub(since.elapsed()));
        }
    }
}

impl Undo {
    /// Ends the fault.
    pub fn run(self, cluster: &mut Cluster) -> Result<()> {
        match self {
            Self::Nothing => Ok(()),
            Self::StartNode(number) => cluster.nodes[number].start_again(),
            Self::ContinueNode(number) => cluster.nodes[number].signal_all(Signal::CONT),
            Self::ContinueEtcd => cluster.signal_etcd(Signal::CONT),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Postgres => "PostgreSQL killed",
            Self::Node => "PostgreSQL and Patroni killed",
            Self::Frozen => "both stopped (SIGSTOP)",
            Self::Etcd => "etcd unavailable for 25 s",
            Self::SwitchOver => "switch-over",
            Self::Standby => "a standby killed",
        })
    }
}
