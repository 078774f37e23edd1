use super::*;

fn run(arguments: &[&str]) -> Result<RunArgs, clap::Error> {
    use clap::{CommandFactory, FromArgMatches, builder::Resettable};
    // The defaults are tested, not the developer's environment.
    let command = Cli::command().mut_subcommands(|sub| sub.mut_args(|argument| argument.env(Resettable::Reset)));
    let line = ["raceday-fetcher", "run", "--database-url", "postgres://x@y/z"];
    match Cli::from_arg_matches(&command.try_get_matches_from(line.iter().chain(arguments))?)?.command {
        Command::Run(args) => Ok(args),
        other => panic!("{other:?}"),
    }
}

#[test]
fn defaults_are_those_of_the_specification() {
    let args = run(&[]).unwrap();
    assert_eq!(args.concurrency, 5);
    assert_eq!(args.db_pool_max, 10);
    assert_eq!(args.port, 9464);
    assert_eq!(args.metrics_address.to_string(), "127.0.0.1");
    assert_eq!(args.source.nztab_api_url.as_str(), "https://api.tab.co.nz/");
    assert_eq!(args.source.fetch_timeout, Duration::from_secs(5));
    assert_eq!(args.source.body_max_bytes, 8_388_608);
    assert_eq!(args.source.common.log_format, LogFormat::Json);
}

#[test]
fn an_empty_setting_is_none() {
    assert_eq!(run(&["--db-ca-file", ""]).unwrap().source.common.ca_file(), None);
    assert_eq!(run(&["--db-ca-file", "a"]).unwrap().source.common.ca_file(), Some(Path::new("a")));
}

#[test]
fn every_setting_is_an_environment_variable() {
    use clap::CommandFactory;
    // What a command does this time is an argument, not a setting; `compare` has nothing else.
    const ARGUMENTS: [&str; 10] =
        ["date", "from", "to", "dir", "tables", "force", "endpoint", "project", "dry_run", "restart"];
    for command in Cli::command().get_subcommands().filter(|command| command.get_name() != "compare") {
        for flag in command.get_arguments().filter(|argument| argument.get_long().is_some()) {
            let is_setting = !ARGUMENTS.contains(&flag.get_id().as_str());
            assert_eq!(flag.get_env().is_some(), is_setting, "{} of {}", flag.get_id(), command.get_name());
        }
    }
}

#[test]
fn senseless_values_are_refused() {
    for arguments in [
        ["--fetch-timeout", "0"],
        ["--fetch-timeout", "1e19"],
        ["--fetch-timeout", "x"],
        ["--concurrency", "0"],
        ["--db-pool-max", "2"],
    ] {
        assert!(run(&arguments).is_err(), "{arguments:?}");
    }
}
