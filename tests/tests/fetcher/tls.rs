//! The fetcher's connections to PostgreSQL over TLS, against servers with and without it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use raceday_stack::{Fetcher, Layout, Postgres, PostgresOptions, free_port, wait_until};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::TempDir;

use crate::scene::{PATIENCE, Scene, database_with, logged, program, wait_metric};

/// A PostgreSQL whose certificate names `localhost`, the authority that signed it, and another authority.
struct Secured {
    postgres: Postgres,
    authority: PathBuf,
    other_authority: PathBuf,
    folder: TempDir,
}

fn authority(folder: &Path, name: &str) -> (CertifiedIssuer<'static, KeyPair>, PathBuf) {
    let mut parameters = CertificateParams::new([]).unwrap();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.distinguished_name.push(DnType::CommonName, name);
    let authority = CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap();
    let file = folder.join(format!("{name}.crt"));
    fs::write(&file, authority.pem()).unwrap();
    (authority, file)
}

impl Secured {
    /// Migrated over TLS; the roles `migrator` (a superuser) and `raceday_fetcher` may connect in no other way.
    fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let (issuer, authority_file) = authority(folder.path(), "ours");
        let (_, other_authority) = authority(folder.path(), "other");
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(["localhost".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
        let (certificate_file, key_file) = (folder.path().join("server.crt"), folder.path().join("server.key"));
        fs::write(&certificate_file, certificate.pem()).unwrap();
        fs::write(&key_file, key.serialize_pem()).unwrap();
        fs::set_permissions(&key_file, fs::Permissions::from_mode(0o600)).unwrap();
        let hba = folder.path().join("hba.conf");
        let rules = "hostssl all migrator,raceday_fetcher 127.0.0.1/32 scram-sha-256\n\
                     host all postgres 127.0.0.1/32 scram-sha-256\n";
        fs::write(&hba, rules).unwrap();
        let options = PostgresOptions::scratch(&Layout::of_workspace())
            .unwrap()
            .set("ssl", "on")
            .set("ssl_cert_file", certificate_file.display().to_string())
            .set("ssl_key_file", key_file.display().to_string())
            .set("hba_file", hba.display().to_string());
        let postgres = Postgres::start(options).unwrap();
        postgres.create_database("raceday").unwrap();
        let role = format!("create role migrator superuser login password '{}'", postgres.password("migrator"));
        postgres.execute("raceday", &role).unwrap();
        Self { postgres, authority: authority_file, other_authority, folder }
    }

    fn url(&self, role: &str, host: &str, sslmode: &str) -> String {
        let (password, port) = (self.postgres.password(role), self.postgres.port());
        format!("postgres://{role}:{password}@{host}:{port}/raceday?sslmode={sslmode}")
    }

    fn settings(&self, role: &str, host: &str, sslmode: &str, authority: Option<&Path>) -> Vec<(String, String)> {
        let mut settings = vec![
            ("DATABASE_URL".to_owned(), self.url(role, host, sslmode)),
            ("RACEDAY_FETCHER_PASSWORD".to_owned(), self.postgres.password("raceday_fetcher").to_owned()),
        ];
        settings.extend(authority.map(|file| ("DB_CA_FILE".to_owned(), file.display().to_string())));
        settings
    }

    fn migrate(&self, host: &str, sslmode: &str, authority: Option<&Path>) -> Result<String, String> {
        command(&["migrate"], &self.settings("migrator", host, sslmode, authority))
    }
}

fn command(arguments: &[&str], settings: &[(String, String)]) -> Result<String, String> {
    Fetcher::command(&program("raceday-fetcher"), arguments, settings).map_err(|error| format!("{error:#}"))
}

#[track_caller]
fn assert_refused(done: Result<String, String>, why: &str) {
    let error = done.expect_err(why);
    assert!(error.contains(why), "{error}");
}

#[test]
fn every_command_reaches_a_server_that_takes_tls_alone() {
    let secured = Secured::start();
    let ours = Some(secured.authority.as_path());
    assert_refused(secured.migrate("localhost", "disable", ours), "no encryption");
    secured.migrate("localhost", "verify-full", ours).unwrap();

    let settings = secured.settings("raceday_fetcher", "localhost", "verify-full", ours);
    let more: Vec<_> = settings.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    let scene = Scene::start_with(5.0, 1, secured.postgres);
    let fetcher = scene.fetcher_with("one", &more);
    wait_metric(&fetcher, "raceday_polls_total{result=\"processed\"}", |polls| polls > 5.0);
    let of_fetcher = "from pg_stat_ssl join pg_stat_activity using (pid) where usename = 'raceday_fetcher'";
    assert!(scene.count(&format!("select count(*) {of_fetcher} and ssl")) >= 3);
    assert_eq!(scene.count(&format!("select count(*) {of_fetcher} and not ssl")), 0);

    let race_id: String = scene.sql().query_one("select min(race_id) from raceday.races", &[]).unwrap().get(0);
    let mut settings_of_all = scene.variables("hand");
    settings_of_all.extend(settings.iter().cloned());
    let once = command(&["once", &race_id], &settings_of_all).unwrap();
    assert!(once.contains(&race_id), "{once}");
    let status = command(&["status"], &settings).unwrap();
    assert!(status.contains("localhost"), "{status}");
    drop(secured.folder);
}

#[test]
fn a_certificate_is_checked_as_far_as_sslmode_says() {
    let secured = Secured::start();
    let (ours, other) = (Some(secured.authority.as_path()), Some(secured.other_authority.as_path()));
    let untrusted = "invalid peer certificate: UnknownIssuer";
    // Encryption alone: anybody's certificate will do.
    for sslmode in ["prefer", "require"] {
        secured.migrate("127.0.0.1", sslmode, None).unwrap();
    }
    // An authority that is named must have signed it, whatever the mode; and no check is silently left out.
    for sslmode in ["prefer", "require", "verify-ca", "verify-full"] {
        assert_refused(secured.migrate("localhost", sslmode, other), untrusted);
        secured.migrate("localhost", sslmode, ours).unwrap();
    }
    assert_refused(secured.migrate("localhost", "verify-full", None), untrusted);
    assert_refused(secured.migrate("localhost", "verify-ca", None), "needs DB_CA_FILE");
    // It does not name the address.
    secured.migrate("127.0.0.1", "verify-ca", ours).unwrap();
    assert_refused(secured.migrate("127.0.0.1", "verify-full", ours), "not valid for name");
}

#[test]
fn a_server_without_tls_is_refused_when_tls_is_required() {
    let postgres = database_with(PostgresOptions::scratch(&Layout::of_workspace()).unwrap());
    let scene = Scene::start_with(5.0, 1, postgres);
    let url = |sslmode: &str| format!("{}?sslmode={sslmode}", scene.postgres.url("raceday_fetcher", "raceday"));
    let with = |sslmode: &str| {
        let mut settings = scene.variables("one");
        settings.push(("DATABASE_URL".to_owned(), url(sslmode)));
        settings
    };
    let why = "server does not support TLS";
    for sslmode in ["require", "verify-full"] {
        for arguments in [&["migrate"][..], &["status"], &["once", "any"], &["meetings"]] {
            assert_refused(command(arguments, &with(sslmode)), why);
        }
    }
    for sslmode in ["disable", "prefer"] {
        command(&["status"], &with(sslmode)).unwrap();
    }

    // `run` waits for the database as for any that is away, and says why.
    let log = scene.folder.path().join("run.log");
    let program = program("raceday-fetcher");
    let mut fetcher = Fetcher::start_without_waiting(&program, &with("require"), free_port().unwrap(), log).unwrap();
    wait_until("the fetcher to say why", PATIENCE, || {
        let said = logged(&mut fetcher, "db.away");
        Ok(said.iter().any(|line| line["error"].as_str().is_some_and(|error| error.contains(why))))
    })
    .unwrap();
    assert_eq!(scene.stats()["requests"], 0, "nothing is asked of the TAB before the database is known");
}
