//! Waits for a condition with a deadline; HTTP reads for such conditions.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Time between the first two checks of a condition; it grows by half each time, to `LONGEST_PAUSE`.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// Checks `condition` until it returns true. Fails naming `what` when `limit` passes first, or when a check fails.
pub fn wait_until(what: &str, limit: Duration, mut condition: impl FnMut() -> Result<bool>) -> Result<()> {
    let deadline = Instant::now() + limit;
    let mut pause = FIRST_PAUSE;
    while !condition()? {
        if Instant::now() >= deadline {
            bail!("waited {} s for {what}", limit.as_secs());
        }
        std::thread::sleep(pause);
        pause = (pause * 3 / 2).min(LONGEST_PAUSE);
    }
    Ok(())
}

/// The status and body of a GET. Fails when there is no response; an error status is not a failure.
pub fn http_get(url: &str) -> Result<(u16, String)> {
    let agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(10)))
        .build()
        .new_agent();
    let mut response = agent.get(url).call().with_context(|| format!("GET {url}"))?;
    let body = response.body_mut().read_to_string().with_context(|| format!("GET {url}"))?;
    Ok((response.status().as_u16(), body))
}

/// Whether a GET returns status 200.
pub fn http_ok(url: &str) -> bool {
    http_get(url).is_ok_and(|(status, _)| status == 200)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_that_is_never_met_is_named_in_the_error() {
        let error = wait_until("the moon", Duration::from_millis(60), || Ok(false)).unwrap_err().to_string();
        assert!(error.contains("the moon"), "{error}");
    }
}
