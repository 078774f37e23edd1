//! A PostgreSQL whose database is on a separate small disk, which can be filled.
//!
//! The disk is a tmpfs in the server's own mount and user namespaces, so that no root is needed.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use raceday_stack::{Layout, Postgres, Prefix, unprivileged};
use raceday_tests::database::{migrate, scratch};
use tempfile::TempDir;

/// Room for the database and some minutes of payloads.
const SIZE: &str = "192m";

/// The disk, with its server until a scene takes it.
pub struct SmallDisk {
    /// Where the server sees the disk.
    mount: PathBuf,
    postgres: Option<Postgres>,
    _folder: TempDir,
}

impl SmallDisk {
    /// Starts a server with a migrated database on the disk. Panics if the machine does not allow namespaces.
    pub fn start() -> Self {
        let folder = TempDir::new().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let mount = folder.path().join("disk");
        fs::create_dir(&mount).unwrap();
        assert_namespaces(&mount);
        let layout = Layout::of_workspace();
        let mut options = scratch();
        options.prefix = prefix_on(&layout.prefix().unwrap(), &mount, &folder.path().join("prefix"));
        let postgres = Postgres::start(options).unwrap();
        postgres.execute("postgres", &format!("create tablespace small location '{}'", mount.display())).unwrap();
        postgres.execute("postgres", "create database raceday tablespace small").unwrap();
        migrate(&postgres, "raceday");
        Self { mount, postgres: Some(postgres), _folder: folder }
    }

    /// Takes the server, once.
    pub fn postgres(&mut self) -> Postgres {
        self.postgres.take().unwrap()
    }

    /// Fills the disk to the last byte.
    pub fn fill(&self, postgres: &Postgres) {
        self.run(postgres, "dd if=/dev/zero bs=1M status=none of={ballast} || true");
    }

    /// Frees what `fill` wrote.
    pub fn make_room(&self, postgres: &Postgres) {
        self.run(postgres, "rm {ballast}");
    }

    /// Runs a command in the server, where the disk is visible.
    fn run(&self, postgres: &Postgres, command: &str) {
        let command = command.replace("{ballast}", &self.mount.join("ballast").display().to_string());
        postgres.execute("postgres", &format!("copy (select 1 where false) to program '{command}'")).unwrap();
    }
}

/// A shell script that runs `$@` with the small disk mounted, as the calling user.
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
        "this machine does not allow mounting a disk in a namespace, so a full disk cannot be tested: {}",
        String::from_utf8_lossy(&done.stderr)
    );
}

/// The PostgreSQL of `prefix`, except that its server runs with the disk mounted.
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
