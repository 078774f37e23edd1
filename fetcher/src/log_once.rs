//! Keeps a problem that recurs with every attempt from filling the log.

use std::collections::HashMap;

/// The reason last logged per recurring problem.
#[derive(Debug, Default)]
pub struct LogOnce(HashMap<String, String>);

impl LogOnce {
    /// Whether this problem has not been logged yet, or not with this reason.
    pub fn is_news(&mut self, problem: &str, reason: &str) -> bool {
        self.0.insert(problem.to_owned(), reason.to_owned()).is_none_or(|logged| logged != reason)
    }

    /// Whether this problem existed until now.
    pub fn is_over(&mut self, problem: &str) -> bool {
        self.0.remove(problem).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_logged_once_per_reason() {
        let mut problems = LogOnce::default();
        let news = ["status 403", "status 403", "timed out", "status 403"].map(|reason| problems.is_news("a", reason));
        assert_eq!(news, [true, false, true, true]);
        assert!(problems.is_news("b", "status 403"), "another problem");
        assert!(problems.is_over("a") && !problems.is_over("a"));
        assert!(problems.is_news("a", "status 403"), "the problem came back");
    }
}
