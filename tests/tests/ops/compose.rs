//! docker-compose.yml and the files it refers to. Nothing is started, so no Docker daemon is needed.

use std::collections::BTreeSet;
use std::process::Command;

use clap::CommandFactory;
use raceday_stack::Layout;
use raceday_tests::repository::{self, read, yaml};
use serde_json::{Map, Value};

#[test]
fn limits_add_up_to_at_most_four_cpus_and_four_gibibytes() {
    let mut cpus = 0.0;
    let mut megabytes = 0;
    // The demo's simulator is no part of the product.
    for (name, service) in services().into_iter().filter(|(_, service)| service["profiles"].is_null()) {
        let limits = &service["deploy"]["resources"]["limits"];
        cpus += limits["cpus"].as_str().unwrap_or_else(|| panic!("{name} has no CPU limit")).parse::<f64>().unwrap();
        megabytes += memory_limit_mib(&name, &service);
    }
    assert!(cpus <= 4.0 + 1e-9, "{cpus} CPUs");
    assert!(megabytes <= 4096, "{megabytes} MiB");
}

#[test]
fn the_memory_alert_uses_the_fetchers_limit() {
    let rules = yaml("deploy/prometheus/rules.yml");
    let groups = rules["groups"].as_array().unwrap();
    let mut rules = groups.iter().flat_map(|group| group["rules"].as_array().unwrap());
    let limit = rules.find(|rule| rule["record"] == "raceday:fetcher_memory_limit_bytes").unwrap();
    let mebibytes = memory_limit_mib("fetcher", &services()["fetcher"]);
    assert_eq!(limit["expr"], format!("{mebibytes} * 1024 * 1024"));
}

#[test]
fn every_service_has_a_health_check_a_restart_policy_and_a_pinned_image() {
    for (name, service) in services() {
        let image = service["image"].as_str().unwrap_or_else(|| panic!("{name} has no image"));
        let tag = image.rsplit_once(':').unwrap_or_else(|| panic!("{name}: {image} has no tag")).1;
        assert!(tag.contains('.') && tag.contains(|c: char| c.is_ascii_digit()), "{name}: {image} is not pinned");
        assert!(service["restart"].is_string(), "{name} is not restarted");
        // These two end; services that depend on one wait for its exit code.
        let ends = ["migrate", "key"].contains(&name.as_str());
        assert!(service["healthcheck"]["test"].is_array() || ends, "{name} has no health check");
        for condition in service["depends_on"].as_object().into_iter().flatten() {
            assert!(services().contains_key(condition.0), "{name} depends on {}, which does not exist", condition.0);
        }
    }
}

#[test]
fn only_nginx_can_be_published_beyond_the_loopback_interface() {
    let mut published = 0;
    for (name, service) in services() {
        for port in service["ports"].as_array().into_iter().flatten() {
            let address = if name == "nginx" { "${RACEDAY_BIND:-127.0.0.1}:" } else { "127.0.0.1:" };
            assert!(port.as_str().unwrap().starts_with(address), "{name}: {port}");
            published += 1;
        }
    }
    assert!(published >= 4);
}

/// A client of a published loopback port appears with the gateway's address, which must be fixed and trusted.
#[test]
fn the_trusted_proxy_is_the_fixed_gateway() {
    let network = &yaml("docker-compose.yml")["networks"]["default"]["ipam"]["config"][0];
    let setting = |text: &Value| text.as_str().unwrap().strip_prefix("${").map(setting_and_default).map(own).unwrap();
    let (subnet, gateway) = (setting(&network["subnet"]), setting(&network["gateway"]));
    assert_eq!((subnet.0.as_str(), gateway.0.as_str()), ("RACEDAY_SUBNET", "RACEDAY_GATEWAY"));
    let prefix = subnet.1.strip_suffix("0/24").unwrap();
    assert!(gateway.1.starts_with(prefix), "{gateway:?} is not in {subnet:?}");
    let trusted = &services()["nginx"]["environment"]["RACEDAY_TRUSTED_PROXY"];
    assert_eq!(trusted, &format!("${{RACEDAY_TRUSTED_PROXY:-${{RACEDAY_GATEWAY:-{}}}}}", gateway.1));
}

#[test]
fn secrets_and_backups_stay_out_of_git_and_of_images() {
    for (file, anywhere) in [(".gitignore", ""), (".dockerignore", "**/")] {
        let text = read(file);
        let patterns: Vec<&str> = text.lines().collect();
        for name in [".env", ".env.*", "*.dump", "roles.sql"] {
            assert!(patterns.contains(&format!("{anywhere}{name}").as_str()), "{file} has no {anywhere}{name}");
        }
        assert!(patterns.contains(&"!.env.example"), "{file}");
    }
}
#[test]
fn env_example_has_exactly_the_settings_of_compose_with_their_defaults() {
    let text = read("docker-compose.yml");
    let example = read(".env.example");
    let documented: BTreeSet<(&str, &str)> = example
        .lines()
        .map(|line| line.strip_prefix('#').unwrap_or(line))
        .filter_map(|line| line.split_once('='))
        .filter(|(name, _)| name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'))
        .collect();
    // `${NAME:+x}` is not a default, but replaces a setting that is given.
    let settings = text.match_indices("${").map(|(at, _)| &text[at + 2..]);
    let with_default = settings.filter(|text| !text.split_once('}').unwrap().0.contains(":+"));
    let used: BTreeSet<(&str, &str)> = with_default.map(setting_and_default).collect();
    assert!(!used.is_empty());
    assert_eq!(used, documented);
}

#[test]
fn mounted_files_and_dockerfiles_exist() {
    for (name, service) in services() {
        let volumes = service["volumes"].as_array().into_iter().flatten().map(|volume| volume.as_str().unwrap());
        let mounted = volumes.filter_map(|volume| volume.strip_prefix("${DB_CA_FILE:-")?.split('}').next());
        let dockerfile = service["build"]["dockerfile"].as_str();
        let env_files = service["env_file"].as_array().into_iter().flatten().map(|file| file.as_str().unwrap());
        for path in mounted.chain(dockerfile).chain(env_files) {
            assert!(repository::path(path).exists(), "{name}: {path} is missing");
        }
    }
}

#[test]
fn every_setting_of_the_fetcher_can_be_given() {
    let services = services();
    let command = raceday_fetcher::config::Cli::command();
    for (subcommand, service, own) in
        [("run", "fetcher", &["RACEDAY_WORKER"][..]), ("migrate", "migrate", &["RACEDAY_LOG_FORMAT", "DB_CA_FILE"])]
    {
        let environment = services[service]["environment"].as_object().unwrap();
        let known: BTreeSet<&str> = command
            .find_subcommand(subcommand)
            .unwrap()
            .get_arguments()
            .filter_map(|argument| argument.get_env()?.to_str())
            .collect();
        for name in &known {
            assert!(environment.contains_key(*name) || own.contains(name), "{service} cannot be given {name}");
        }
        for name in environment.keys() {
            assert!(known.contains(name.as_str()), "{service} is given {name}, which raceday-fetcher does not read");
        }
    }
}

#[test]
fn every_setting_of_the_hub_can_be_given_and_is_in_the_readme() {
    let (services, readme) = (services(), read("README.md"));
    let environment = services["live"]["environment"].as_object().unwrap();
    let command = raceday_live::config::LiveArgs::command();
    let known: BTreeSet<&str> = command.get_arguments().filter_map(|argument| argument.get_env()?.to_str()).collect();
    for name in &known {
        assert!(environment.contains_key(*name) || *name == "DB_CA_FILE", "live cannot be given {name}");
        assert!(readme.contains(&format!("`{name}`")), "README.md does not name {name}");
    }
    for name in environment.keys() {
        assert!(known.contains(name.as_str()), "live is given {name}, which raceday-live does not read");
    }
}

#[test]
fn the_readme_has_every_setting_of_the_fetcher_with_its_default() {
    let readme = read("README.md");
    let rows = readme.lines().filter(|line| line.starts_with("| `"));
    // `NAME`, `NAME` | default, default: the table's settings with their defaults.
    let mut shown: Vec<(String, String)> = Vec::new();
    for row in rows {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let mut defaults = cells[2].split(", ");
        let names = cells[1].split(", ").map(|name| name.trim_matches('`').to_owned());
        shown.extend(names.map(|name| (name, defaults.next().unwrap_or_default().trim_matches('`').to_owned())));
    }
    let command = raceday_fetcher::config::Cli::command();
    for argument in command.get_subcommands().flat_map(clap::Command::get_arguments) {
        let Some(name) = argument.get_env().and_then(|name| name.to_str()) else { continue };
        let default = shown.iter().find(|(shown, _)| shown == name);
        let default = &default.unwrap_or_else(|| panic!("README.md does not name {name}")).1;
        // Without a default, the row describes what happens instead.
        if let Some(value) = argument.get_default_values().first() {
            assert_eq!(default.replace("2 GiB", "2147483648"), value.to_str().unwrap(), "{name}");
        }
    }
}

#[test]
fn nginx_is_given_only_variables_of_its_templates() {
    let defaults = read("deploy/nginx/defaults.env");
    let known: BTreeSet<&str> = defaults.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    for name in services()["nginx"]["environment"].as_object().unwrap().keys() {
        assert!(known.contains(name.as_str()), "no template of nginx reads {name}");
    }
}

/// If Docker Compose is installed, it must accept the file; otherwise one line reports that the check did not run.
#[test]
fn docker_compose_accepts_the_file_where_it_is_installed() {
    let example = read(".env.example");
    let folder = tempfile::tempdir().unwrap();
    let filled: Vec<String> =
        example.lines().map(|line| if line.ends_with('=') { format!("{line}x") } else { line.to_owned() }).collect();
    let env_file = folder.path().join("env");
    std::fs::write(&env_file, filled.join("\n")).unwrap();
    let Some(mut compose) = compose() else {
        println!(
            "docker-compose.yml was not checked: neither `docker compose` nor `docker-compose` (2 or later) is installed"
        );
        return;
    };
    let output = compose.arg("--env-file").arg(&env_file).args(["config", "--quiet"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut moved = self::compose().unwrap();
    moved.arg("--env-file").arg(&env_file).args(["config", "--format", "json"]);
    let moved = moved.envs([("RACEDAY_SUBNET", "10.9.8.0/24"), ("RACEDAY_GATEWAY", "10.9.8.1")]).output().unwrap();
    let moved: Value = serde_json::from_slice(&moved.stdout).unwrap();
    assert_eq!(moved["networks"]["default"]["ipam"]["config"][0]["subnet"], "10.9.8.0/24");
    assert_eq!(moved["networks"]["default"]["ipam"]["config"][0]["gateway"], "10.9.8.1");
    assert_eq!(moved["services"]["nginx"]["environment"]["RACEDAY_TRUSTED_PROXY"], "10.9.8.1");
    // Without passwords it must refuse the file and name the missing one.
    let bare = self::compose().unwrap().args(["--env-file", ".env.example", "config", "--quiet"]).output().unwrap();
    assert!(!bare.status.success());
    assert!(String::from_utf8_lossy(&bare.stderr).contains("set it in .env"));
    the_demo_is_a_project_of_its_own(self::compose().unwrap());
}

fn the_demo_is_a_project_of_its_own(mut compose: Command) {
    compose.args(["--env-file", "deploy/demo.env", "config", "--format", "json"]);
    let output = compose.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let demo: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(demo["name"], "raceday-demo");
    assert_eq!(demo["volumes"]["db"]["name"], "raceday-demo_db");
    assert_ne!(demo["networks"]["default"]["ipam"]["config"][0]["subnet"], "10.83.68.0/24");
    let product = read("docker-compose.yml");
    for (name, service) in demo["services"].as_object().unwrap() {
        let image = service["image"].as_str().unwrap();
        assert!(image.contains(":demo-") || service["build"].is_null(), "{name}: {image} is the product's");
        for port in service["ports"].as_array().into_iter().flatten() {
            let published = port["published"].as_str().unwrap();
            assert!(!product.contains(&format!(":-{published}}}:")), "{name}: {published} is a port of the product");
        }
    }
    assert_eq!(demo["services"]["fetcher"]["environment"]["NZTAB_API_URL"], "http://simulator:9400");
}

fn services() -> Map<String, Value> {
    yaml("docker-compose.yml")["services"].as_object().unwrap().clone()
}

fn memory_limit_mib(name: &str, service: &Value) -> u32 {
    let memory = service["deploy"]["resources"]["limits"]["memory"].as_str();
    let memory = memory.unwrap_or_else(|| panic!("{name} has no memory limit"));
    memory.strip_suffix('M').unwrap_or_else(|| panic!("{name}: {memory}")).parse().unwrap()
}

/// `NAME:-default}...`, `NAME-default}...` or `NAME:?message}...`: the name and its default (empty when it must be given).
fn setting_and_default(text: &str) -> (&str, &str) {
    let (name, rest) = text.split_at(text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap());
    let default = rest.trim_start_matches(':').strip_prefix('-').unwrap_or("}");
    // If the default is another setting, use that one's default.
    let default =
        default.strip_prefix("${").map_or_else(|| up_to_closing_brace(default), |other| setting_and_default(other).1);
    (name, default)
}

/// The text up to the brace that closes the setting, past those of settings within its default.
fn up_to_closing_brace(text: &str) -> &str {
    let mut depth = 0;
    let end = text.find(|c: char| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        depth < 0
    });
    &text[..end.unwrap()]
}

fn own((name, default): (&str, &str)) -> (String, String) {
    (name.to_owned(), default.to_owned())
}

fn compose() -> Option<Command> {
    let unpacked = Layout::of_workspace().local("bin").join("docker-compose").display().to_string();
    let candidates: [(&str, &[&str]); 3] = [("docker", &["compose"]), ("docker-compose", &[]), (&unpacked, &[])];
    candidates.into_iter().find_map(|(program, first)| {
        let mut command = Command::new(program);
        let version = command.args(first).args(["version", "--short"]).output().ok()?;
        let text = String::from_utf8_lossy(&version.stdout).into_owned();
        let major: u32 = text.trim().trim_start_matches('v').split('.').next()?.parse().ok()?;
        let mut command = Command::new(program);
        command.args(first).current_dir(repository::path(""));
        (version.status.success() && major >= 2).then_some(command)
    })
}
