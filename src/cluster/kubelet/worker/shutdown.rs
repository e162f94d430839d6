//! Graceful node shutdown: pods that end without having been deleted (pkg/kubelet/nodeshutdown).

use super::{Host, Out, PodWorker, Stage};
use crate::cluster::pod::{Phase, PodObject};
use crate::time::{Span, Time};

impl PodWorker {
    /// A pod bound to a host that is shutting down: failed at once (`nodeshutdown_manager.go`, `Admit`).
    pub fn rejected(now: Time, object: PodObject, host: Host) -> PodWorker {
        let mut worker = PodWorker::new(object, now, Stage::Stopped, host);
        worker.status.phase = Phase::Failed;
        worker
    }

    /// Its host is shutting down. A pod that is ending already keeps its grace period.
    pub fn shut_down(&mut self, now: Time, limit: Span, host: Host, out: Out) {
        if !self.deleting {
            self.shut_down = Some(limit);
            self.end(now, host, out);
        }
    }
}
