//! Waiting for a condition with a deadline, and the small HTTP reads that conditions are made of.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How long between two looks at a condition.
const LOOK_EVERY: Duration = Duration::from_millis(25);

/// Looks at `condition` until it holds. Fails with `what` when it does not within `limit`, or when a look itself fails.
pub fn wait_until(what: &str, limit: Duration, mut condition: impl FnMut() -> Result<bool>) -> Result<()> {
    let deadline = Instant::now() + limit;
    while !condition()? {
        if Instant::now() >= deadline {
            bail!("waited {} s in vain for {what}", limit.as_secs());
        }
        std::thread::sleep(LOOK_EVERY);
    }
    Ok(())
}

/// Status and body of a GET. Fails when nothing answers; an error status is not a failure.
pub fn http_get(url: &str) -> Result<(u16, String)> {
    let agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(10)))
        .build()
        .new_agent();
    let mut answer = agent.get(url).call().with_context(|| format!("GET {url}"))?;
    let body = answer.body_mut().read_to_string().with_context(|| format!("GET {url}"))?;
    Ok((answer.status().as_u16(), body))
}

/// Whether a GET is answered with status 200.
pub fn http_ok(url: &str) -> bool {
    http_get(url).is_ok_and(|(status, _)| status == 200)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_that_never_holds_fails_by_name() {
        let error = wait_until("the moon", Duration::from_millis(60), || Ok(false)).unwrap_err().to_string();
        assert!(error.contains("the moon"), "{error}");
    }
}
