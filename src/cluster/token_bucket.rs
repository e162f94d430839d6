//! Client-side rate limit of the Kubernetes clients (`flowcontrol.NewTokenBucketRateLimiter`).

use crate::time::{Span, Time};

/// A token bucket that starts full, kept as the time at which it would be full again
/// (the generic cell rate algorithm, ITU-T I.371): exact in integers.
#[derive(Debug, Clone)]
pub struct TokenBucket {
    per_token: Span,
    burst: u64,
    full_at: Time,
}

impl TokenBucket {
    /// So many tokens a second, so many at most.
    pub const fn new(per_second: u64, burst: u64) -> TokenBucket {
        TokenBucket {
            per_token: Span::from_micros(1_000_000 / per_second),
            burst,
            full_at: Time::ZERO,
        }
    }

    /// Takes a token; how long the caller must wait for it.
    pub fn take(&mut self, now: Time) -> Span {
        let empty_before = now + self.per_token * self.burst;
        self.full_at = self.full_at.max(now) + self.per_token;
        self.full_at.saturating_since(empty_before)
    }

    /// Full again, as at the start of a run.
    pub const fn reset(&mut self) {
        self.full_at = Time::ZERO;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 20 a second, burst 30: the 30th call passes at once, the 31st waits 50 ms, the 40th 500 ms.
    #[test]
    fn burst_then_rate() {
        let mut bucket = TokenBucket::new(20, 30);
        let waits: Vec<u64> = (0..40)
            .map(|_| bucket.take(Time::from_micros(7)).as_micros() / 1_000)
            .collect();
        assert_eq!((waits[29], waits[30], waits[39]), (0, 50, 500));
    }
}
