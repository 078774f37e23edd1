//! The fetcher's connections to PostgreSQL over TLS, against servers with and without it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use raceday_stack::{Fetcher, Postgres, free_port, wait_until};
use raceday_tests::PATIENCE;
use raceday_tests::database::{database, scratch};
use raceday_tests::repository::built;
use raceday_tests::scene::{PROCESSED, Scene, logged, run_fetcher, wait_metric};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::TempDir;

/// A PostgreSQL whose certificate names `localhost`, the authority that signed it, and an unrelated authority.
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
    /// Starts the server; the roles `migrator` (a superuser) and `raceday_fetcher` may connect only over TLS.
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
        let options = scratch()
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

    fn run_migrate(&self, host: &str, sslmode: &str, authority: Option<&Path>) -> Result<String, String> {
        run_fetcher(&["migrate"], &self.settings("migrator", host, sslmode, authority))
    }
}

#[track_caller]
fn assert_refused(done: Result<String, String>, why: &str) {
    let error = done.expect_err(why);
    assert!(error.contains(why), "{error}");
}

#[test]
fn every_command_reaches_a_server_that_accepts_only_tls() {
    let secured = Secured::start();
    let ours = Some(secured.authority.as_path());
    assert_refused(secured.run_migrate("localhost", "disable", ours), "no encryption");
    secured.run_migrate("localhost", "verify-full", ours).unwrap();

    let settings = secured.settings("raceday_fetcher", "localhost", "verify-full", ours);
    let more: Vec<_> = settings.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    let scene = Scene::start_with(5.0, 1, secured.postgres);
    let fetcher = scene.fetcher_with("one", &more);
    wait_metric(&fetcher, PROCESSED, |polls| polls > 5.0);
    let of_fetcher = "from pg_stat_ssl join pg_stat_activity using (pid) where usename = 'raceday_fetcher'";
    assert!(scene.count(&format!("select count(*) {of_fetcher} and ssl")) >= 3);
    assert_eq!(scene.count(&format!("select count(*) {of_fetcher} and not ssl")), 0);

    let race_id: String = scene.sql().query_one("select min(race_id) from raceday.races", &[]).unwrap().get(0);
    let mut settings_of_all = scene.variables("once");
    settings_of_all.extend(settings.iter().cloned());
    let once = run_fetcher(&["once", &race_id], &settings_of_all).unwrap();
    assert!(once.contains(&race_id), "{once}");
    let status = run_fetcher(&["status"], &settings).unwrap();
    assert!(status.contains("localhost"), "{status}");
    drop(secured.folder);
}

#[test]
fn sslmode_decides_how_far_a_certificate_is_checked() {
    let secured = Secured::start();
    let (ours, other) = (Some(secured.authority.as_path()), Some(secured.other_authority.as_path()));
    let untrusted = "invalid peer certificate: UnknownIssuer";
    // Encryption only: any certificate is accepted.
    for sslmode in ["prefer", "require"] {
        secured.run_migrate("127.0.0.1", sslmode, None).unwrap();
    }
    // If an authority is given, it must have signed the certificate in every mode; no check is silently skipped.
    for sslmode in ["prefer", "require", "verify-ca", "verify-full"] {
        assert_refused(secured.run_migrate("localhost", sslmode, other), untrusted);
        secured.run_migrate("localhost", sslmode, ours).unwrap();
    }
    assert_refused(secured.run_migrate("localhost", "verify-full", None), untrusted);
    assert_refused(secured.run_migrate("localhost", "verify-ca", None), "needs DB_CA_FILE");
    // The certificate does not name the address.
    secured.run_migrate("127.0.0.1", "verify-ca", ours).unwrap();
    assert_refused(secured.run_migrate("127.0.0.1", "verify-full", ours), "not valid for name");
}

#[test]
fn a_server_without_tls_is_refused_when_tls_is_required() {
    let scene = Scene::start_with(5.0, 1, database());
    let url = |sslmode: &str| format!("{}?sslmode={sslmode}", scene.postgres.url("raceday_fetcher", "raceday"));
    let with = |sslmode: &str| {
        let mut settings = scene.variables("one");
        settings.push(("DATABASE_URL".to_owned(), url(sslmode)));
        settings
    };
    let why = "server does not support TLS";
    for sslmode in ["require", "verify-full"] {
        for arguments in [&["migrate"][..], &["status"], &["once", "any"], &["meetings"]] {
            assert_refused(run_fetcher(arguments, &with(sslmode)), why);
        }
    }
    for sslmode in ["disable", "prefer"] {
        run_fetcher(&["status"], &with(sslmode)).unwrap();
    }

    // `run` waits for the database as for any unavailable one, and logs why.
    let log = scene.folder.path().join("run.log");
    let mut fetcher =
        Fetcher::start_without_waiting(&built("raceday-fetcher"), &with("require"), free_port().unwrap(), log).unwrap();
    wait_until("the fetcher to log why", PATIENCE, || {
        let lines = logged(&mut fetcher, "database unavailable: polling by the last plan");
        Ok(lines.iter().any(|line| line["error"].as_str().is_some_and(|error| error.contains(why))))
    })
    .unwrap();
    assert_eq!(scene.stats()["requests"], 0, "the TAB got requests before the database was available");
}
