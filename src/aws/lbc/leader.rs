//! What is the process's rather than one TargetGroupBinding's: the throttle, and the loss of the lead,
//! a "15-second to 2 minute stoppage of CRUD operations" (docs/deploy/scaling.md).

use super::{Fact, Input, Lbc, Stage, Throttle, Workqueue};
use crate::actor::Outbox;

impl Lbc {
    /// Swaps the throttles of two TargetGroupBindings: the process has one, which is lent to whichever
    /// of them it works on.
    pub const fn swap_throttle(&mut self, other: &mut Lbc) {
        std::mem::swap(&mut self.throttle, &mut other.throttle);
    }

    /// Nothing is reconciled any more. A call under way may still reach AWS; nobody hears its answer.
    pub(super) fn stop(&mut self) {
        (self.leads, self.stage) = (false, Stage::Idle);
        self.queue = Workqueue::new(self.version.events_absorb_polls());
        self.throttle = Throttle::new(self.version);
    }

    /// The checkpoint is an annotation, and the gates are in the pods: both outlive a leader.
    pub(super) fn lead(&mut self, out: &mut Outbox<'_, Input, Fact>) {
        self.leads = true;
        self.cached_until = None;
        self.rows.lead();
        self.to_deregister.clear();
        self.to_register.clear();
        self.sent.clear();
        self.enqueue(out);
    }
}
