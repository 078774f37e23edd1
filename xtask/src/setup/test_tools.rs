//! What only tests need: Prometheus, its exporter for PostgreSQL, and a browser for the page.

use anyhow::Result;

use super::Setup;
use super::unpacked::Package;
use crate::layout::Layout;
use crate::stack::on_path;

const PACKAGES: [Package; 3] = [
    Package { name: "prometheus", programs: &[("promtool", "usr/bin/promtool"), ("prometheus", "usr/bin/prometheus")] },
    Package {
        name: "prometheus-postgres-exporter",
        programs: &[("prometheus-postgres-exporter", "usr/bin/prometheus-postgres-exporter")],
    },
    // Not usr/bin/chromium, a script that starts the system's.
    Package { name: "chromium", programs: &[("chromium", "usr/lib/chromium/chromium")] },
];

/// Provides those that are not on PATH in `.raceday/bin`.
pub fn provide(layout: &Layout) -> Result<()> {
    let is_there = |program: &str| on_path(program).is_some() || layout.local("bin").join(program).is_file();
    let missing: Vec<_> =
        PACKAGES.iter().filter(|package| package.programs.iter().any(|(program, _)| !is_there(program))).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = missing.iter().map(|package| package.name).collect();
    println!("the tests use {} too, unpacked from Debian's packages", names.join(", "));
    let setup = Setup::begin(layout)?;
    missing.iter().try_for_each(|package| package.provide(&setup))
}
