//! A PostgreSQL whose database lies on a small disk of its own, which can be filled.
//!
//! The disk is a tmpfs in a mount namespace that only the server sees, in a user namespace, so that nobody needs to be root for it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use raceday_stack::{Layout, Postgres, PostgresOptions, Prefix, unprivileged};
use tempfile::TempDir;

use crate::scene::migrate;

/// Room for the database and some minutes of payloads.
const SIZE: &str = "192m";

/// The disk, and the server on it until a scene takes it.
pub struct SmallDisk {
    /// Where the server sees it.
    mount: PathBuf,
    postgres: Option<Postgres>,
    _folder: TempDir,
}

impl SmallDisk {
    /// Starts a server with a migrated database on it. Panics where no namespaces are to be had.
    pub fn start() -> Self {
        let folder = TempDir::new().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let mount = folder.path().join("disk");
        fs::create_dir(&mount).unwrap();
        assert_namespaces(&mount);
        let layout = Layout::of_workspace();
        let mut options = PostgresOptions::scratch(&layout).unwrap();
        options.prefix = prefix_on(&layout.prefix().unwrap(), &mount, &folder.path().join("prefix"));
        let postgres = Postgres::start(options).unwrap();
        postgres.execute("postgres", &format!("create tablespace small location '{}'", mount.display())).unwrap();
        postgres.execute("postgres", "create database raceday tablespace small").unwrap();
        migrate(&postgres);
        Self { mount, postgres: Some(postgres), _folder: folder }
    }

    /// The server, once.
    pub fn postgres(&mut self) -> Postgres {
        self.postgres.take().unwrap()
    }

    /// Fills the disk to the last byte.
    pub fn fill(&self, postgres: &Postgres) {
        self.run(postgres, "dd if=/dev/zero bs=1M status=none of={ballast} || true");
    }

    /// Frees what `fill` took.
    pub fn make_room(&self, postgres: &Postgres) {
        self.run(postgres, "rm {ballast}");
    }

    /// Runs a command where the disk is seen: in the server.
    fn run(&self, postgres: &Postgres, command: &str) {
        let command = command.replace("{ballast}", &self.mount.join("ballast").display().to_string());
        postgres.execute("postgres", &format!("copy (select 1 where false) to program '{command}'")).unwrap();
    }
}

/// Runs `$@` with the small disk mounted, as the user who asks for it.
fn script(mount: &Path) -> String {
    format!(
        "exec unshare --user --map-root-user --mount sh -c '\
         mount -t tmpfs -o size={SIZE},mode=0700 raceday-small {} && \
         exec unshare --user --map-user=65534 --map-group=65534 \"$@\"' sh",
        mount.display()
    )
}

fn assert_namespaces(mount: &Path) {
    let done = unprivileged("sh").args(["-c", &format!("{} true", script(mount))]).output().unwrap();
    assert!(
        done.status.success(),
        "a full disk cannot be tried on this machine, which lets nobody mount one in a namespace of its own: {}",
        String::from_utf8_lossy(&done.stderr)
    );
}

/// The PostgreSQL of `prefix`, but that its server runs with the disk mounted.
fn prefix_on(prefix: &Prefix, mount: &Path, root: &Path) -> Prefix {
    let real = prefix.program("postgres");
    fs::create_dir_all(root.join("bin")).unwrap();
    for program in fs::read_dir(real.parent().unwrap()).unwrap() {
        let program = program.unwrap().path();
        symlink(&program, root.join("bin").join(program.file_name().unwrap())).unwrap();
    }
    symlink(prefix.root().join("lib"), root.join("lib")).unwrap();
    let server = root.join("bin/postgres");
    fs::remove_file(&server).unwrap();
    fs::write(&server, format!("#!/bin/sh\n{} {} \"$@\"\n", script(mount), real.display())).unwrap();
    fs::set_permissions(&server, fs::Permissions::from_mode(0o755)).unwrap();
    Prefix::at(root).unwrap()
}
