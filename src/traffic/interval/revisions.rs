//! Revisions as far as their requests differ: a row each.

use crate::cluster::app::AppSpec;
use crate::id::PodId;
use crate::scenario::Scenario;

/// Rows of tables by revision.
#[derive(Debug, Clone)]
pub(super) struct Revisions(Vec<usize>);

impl Revisions {
    /// Those of a scenario, and what the processes of each row are. Further revisions whose requests take as long as
    /// those of one of the first two have its row.
    pub(super) fn new(scenario: &Scenario) -> (Revisions, Vec<&AppSpec>) {
        let (mut rows, mut apps) = (Vec::new(), Vec::<&AppSpec>::new());
        for (number, revision) in scenario.revisions.iter().enumerate() {
            let app = &revision.app;
            let same = |known: &&AppSpec| {
                (known.service_time == app.service_time) && known.keep_alive == app.keep_alive
            };
            let known = apps.iter().rposition(same).filter(|_| number > 1);
            rows.push(known.unwrap_or(apps.len()));
            if known.is_none() {
                apps.push(app);
            }
        }
        (Revisions(rows), apps)
    }

    /// The row of a pod's revision; that of the first for a target without a pod.
    pub(super) fn row_of(&self, pod: Option<PodId>) -> usize {
        pod.and_then(|pod| self.0.get(usize::from(pod.revision().0)))
            .copied()
            .unwrap_or(0)
    }
}
