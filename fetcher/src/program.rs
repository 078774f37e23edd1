//! What the programs have in common: their log, and how they are stopped.

use std::io::{self, IsTerminal};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

use crate::config::{CommonArgs, LogFormat};

/// The log level is not one.
#[derive(Debug, thiserror::Error)]
#[error("LOG_LEVEL: {0}")]
pub struct LogError(#[from] ParseError);

/// Writes the log to the standard error, as the settings say.
pub fn log_to_stderr(settings: &CommonArgs) -> Result<(), LogError> {
    // At debug level tokio_postgres logs what it sends, payloads included, and hyper and reqwest log headers: the API key.
    let quiet = "tokio_postgres=info,hyper=info,hyper_util=info,reqwest=info,h2=info,rustls=info";
    let filter = EnvFilter::try_new(format!("{},{quiet}", settings.log_level))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    match settings.log_format {
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(false).with_span_list(false).init(),
        LogFormat::Text => builder.with_ansi(io::stderr().is_terminal()).init(),
    }
    Ok(())
}

/// Turns true at the first SIGTERM or SIGINT; the second ends the process.
pub fn stop_on_signal(program: &'static str) -> io::Result<watch::Receiver<bool>> {
    let (stop, stopped) = watch::channel(false);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        stop.send_replace(true);
        // `timeout` and terminals signal the process and its group, so one request may arrive as two signals.
        tokio::time::sleep(Duration::from_secs(1)).await;
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        eprintln!("{program}: second signal, exiting immediately");
        std::process::exit(130);
    });
    Ok(stopped)
}
