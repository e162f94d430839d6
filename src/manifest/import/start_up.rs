//! An assumed start-up gives way to what the probes say: a pod that started later would be restarted for ever, and
//! nobody runs such a manifest.

use super::Import;
use crate::manifest::draft::Origin;
use crate::manifest::source::{At, Place};
use crate::manifest::workload::{Container, Probe};
use crate::scenario::Scenario;
use crate::time::Span;

/// Until when a probe waits for a container.
struct Budget<'a> {
    place: &'a Place,
    kind: &'static str,
    /// The last attempt that may still save it comes no earlier than this: initialDelaySeconds + (failureThreshold - 1)
    /// × periodSeconds.
    last_attempt: Span,
    /// It is restarted no later than this: initialDelaySeconds + failureThreshold × periodSeconds.
    restart: Span,
}

impl Budget<'_> {
    /// That of the startup probe, which holds the liveness probe back; else that of the liveness probe.
    fn of(container: &Container) -> Option<Budget<'_>> {
        let (kind, probe) = match (&container.startup, &container.liveness) {
            (Some(probe), _) => ("startup", probe),
            (None, Some(probe)) => ("liveness", probe),
            (None, None) => return None,
        };
        let Probe {
            place,
            initial_delay,
            period,
            failure_threshold,
            ..
        } = probe;
        let given = |at: &Option<At<u32>>, default| {
            at.as_ref()
                .map(|at| at.value)
                .filter(|&n| n > 0)
                .unwrap_or(default)
        };
        let (period, failures) = (
            u64::from(given(period, 10)),
            u64::from(given(failure_threshold, 3)),
        );
        let delay = u64::from(initial_delay.as_ref().map_or(0, |at| at.value));
        let after =
            |failures: u64| Span::from_secs(delay.saturating_add(failures.saturating_mul(period)));
        let last_attempt = after(failures.saturating_sub(1));
        Some(Budget {
            place,
            kind,
            last_attempt,
            restart: after(failures),
        })
    }
}

impl Import<'_> {
    /// `app.start_up`, if it is assumed to be longer than the probes allow. It keeps its shape.
    pub(super) fn bound_start_up(&mut self, scenario: &Scenario) {
        let key = "app.start_up";
        let Some(budget) = Budget::of(self.container()).filter(|_| !self.values.has(key)) else {
            return;
        };
        let assumed = &scenario.revisions[0].app.start_up;
        // With a single attempt right at the start, what answers at once is what is left.
        let longest = budget.last_attempt.max(Span::from_millis(500));
        if assumed.quantile(0.999) <= longest {
            return;
        }
        let slowest = assumed.quantile(0.99).as_micros().max(1) as f64;
        let scaled = |p| {
            Span::from_secs_f64(
                longest.as_secs_f64() * assumed.quantile(p).as_micros() as f64 / slowest,
            )
        };
        let [least, most_likely] =
            [scaled(0.01), scaled(0.5)].map(|span| Span::from_millis(span.as_micros() / 1000));
        let (kind, restart) = (budget.kind, budget.restart);
        let why = format!(
            "the {kind} probe restarts what has not answered by {restart}, and this manifest is run: so the application \
             starts within {longest}"
        );
        let toml = format!("{{ triangular = [\"{least}\", \"{most_likely}\", \"{longest}\"] }}");
        let place = budget.place.clone();
        self.ask(
            key,
            format!("how long from a container's start until it answers? ({why})"),
        );
        self.notice(&place, why.clone());
        self.values.push(key, toml, Origin::Concluded(place, why));
    }
}
