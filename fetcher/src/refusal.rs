//! Whether the TAB refuses this caller, as it does if it does not know who is asking.

use std::sync::atomic::{AtomicU16, Ordering};

/// What an operator should do about a refusal.
const FIX: &str = "set NZTAB_FROM and NZTAB_PARTNER, and NZTAB_PARTNER_ID and NZTAB_API_KEY if the TAB gave you any";

/// The latest word of the TAB about this caller; shared with the workers.
#[derive(Debug, Default)]
pub struct Refusal {
    /// The status, or 0.
    status: AtomicU16,
}

impl Refusal {
    /// Whether a response with this status refuses the caller, not the request.
    pub fn is_one(status: u16) -> bool {
        matches!(status, 401 | 403)
    }

    /// Records a response with this status. Logs when it is the first refusal, or ends them.
    pub fn responded(&self, status: u16) {
        let status = if Self::is_one(status) { status } else { 0 };
        match (self.status.swap(status, Ordering::Relaxed), status) {
            (0, 0) => {}
            (_, 0) => tracing::info!("the TAB accepts requests again"),
            (before, _) if before == status => {}
            _ => tracing::error!(tab.status = status, "the TAB refuses every request: {FIX}"),
        }
    }

    /// Why the TAB refuses this caller, and what to do, if it does.
    pub fn reason(&self) -> Option<String> {
        match self.status.load(Ordering::Relaxed) {
            0 => None,
            status => Some(format!("the TAB refuses every request with status {status}: {FIX}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_lasts_until_another_response() {
        let refusal = Refusal::default();
        assert_eq!(refusal.reason(), None);
        refusal.responded(403);
        assert!(refusal.reason().is_some_and(|reason| reason.contains("403") && reason.contains("NZTAB_PARTNER")));
        for status in [404, 503, 200] {
            refusal.responded(401);
            refusal.responded(status);
            assert_eq!(refusal.reason(), None, "{status}");
        }
    }
}
