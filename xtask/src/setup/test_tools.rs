//! Tools that only tests need: Prometheus, its exporters for PostgreSQL and the machine, docker-compose,
//! Chromium, etcd and HAProxy.

use std::path::PathBuf;

use anyhow::Result;
use raceday_stack::layout::Layout;

use super::context::Setup;
use super::unpacked::{Package, Program};

/// Debian 12 has only Compose 1, which reads another format.
const COMPOSE: Package = Package {
    name: "docker-compose",
    suite: Some("trixie"),
    programs: &[Program {
        name: "docker-compose",
        path: "usr/libexec/docker/cli-plugins/docker-compose",
        version_argument: "version",
    }],
};

const PACKAGES: [Package; 7] = [
    COMPOSE,
    Package {
        name: "prometheus",
        suite: None,
        programs: &[
            Program { name: "promtool", path: "usr/bin/promtool", version_argument: "--version" },
            Program { name: "prometheus", path: "usr/bin/prometheus", version_argument: "--version" },
        ],
    },
    Package {
        name: "prometheus-postgres-exporter",
        suite: None,
        programs: &[Program {
            name: "prometheus-postgres-exporter",
            path: "usr/bin/prometheus-postgres-exporter",
            version_argument: "--version",
        }],
    },
    Package {
        name: "prometheus-node-exporter",
        suite: None,
        programs: &[Program {
            name: "prometheus-node-exporter",
            path: "usr/bin/prometheus-node-exporter",
            version_argument: "--version",
        }],
    },
    // Not usr/bin/chromium, which is a script that starts the system's Chromium.
    Package {
        name: "chromium",
        suite: None,
        programs: &[Program { name: "chromium", path: "usr/lib/chromium/chromium", version_argument: "--version" }],
    },
    Package {
        name: "etcd-server",
        suite: None,
        programs: &[Program { name: "etcd", path: "usr/bin/etcd", version_argument: "--version" }],
    },
    Package {
        name: "haproxy",
        suite: None,
        programs: &[Program { name: "haproxy", path: "usr/sbin/haproxy", version_argument: "-v" }],
    },
];

/// Provides missing tools in `.raceday/bin`. Returns an error per tool that could not be provided; its tests then fail.
pub fn provide(layout: &Layout) -> Result<Vec<anyhow::Error>> {
    let missing: Vec<_> = PACKAGES.iter().filter(|package| !package.is_provided(layout)).collect();
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<_> = missing.iter().map(|package| package.name).collect();
    println!("the tests need {}: unpacking Debian's packages", names.join(", "));
    let setup = Setup::begin(layout)?;
    Ok(missing.iter().filter_map(|package| package.provide(&setup).err()).collect())
}

/// Docker Compose itself, which the docker command can load as a plugin.
pub fn compose(setup: &Setup) -> Result<PathBuf> {
    COMPOSE.provide(setup)?;
    Ok(setup.cache.join("debian").join(COMPOSE.name).join(COMPOSE.programs[0].path))
}
