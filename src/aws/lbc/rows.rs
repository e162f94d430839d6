//! What the controller knows of each target, and what follows from all of them together: counted as they change, so
//! that a reconcile looks only at those that it has something to do for.

use super::endpoint::{Endpoint, PodStatus, Standing, standing};
use crate::aws::target::TargetState;
use crate::id::{PodId, TargetId};

/// What is known of a target, and of the pod that has its `ip:port`.
#[derive(Debug, Clone, Copy, Default)]
struct Row {
    pod: Option<PodId>,
    endpoint: Option<Endpoint>,
    status: Option<PodStatus>,
    /// As the last reconcile resolved it.
    standing: Standing,
    /// Counts as an endpoint, as that reconcile resolved it.
    wanted: bool,
    /// Was wanted when the checkpoint was saved.
    saved: bool,
    /// What the API said last.
    shown: Option<TargetState>,
    cached: Cached,
    /// The gate's condition as last patched.
    gate: Option<bool>,
    /// What it was last counted as.
    counted: Counted,
}

/// A target in the controller's cache (pkg/targetgroupbinding/targets_manager.go).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Cached {
    #[default]
    Absent,
    /// Just registered or deregistered: its health is to be asked for.
    Unknown,
    Known(TargetState),
}

/// What a row is counted as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Counted {
    /// Not known to be healthy: to be asked for within the cache's lifetime, too.
    doubtful: bool,
    /// The API has said something else than the cache has.
    stale: bool,
    /// Wanted and not registered, or the contrary.
    misplaced: bool,
    /// The checkpoint does not cover it.
    uncovered: bool,
    /// Wanted, and its gate is not True.
    gate_closed: bool,
    /// Wanted, just registered or `initial`.
    initial: bool,
    /// Wanted, gated and not healthy.
    waits: bool,
    /// Its gate is to be patched.
    gate_due: bool,
}

/// Rows in order.
#[derive(Debug, Default)]
struct RowSet(Vec<u16>);

/// All of them, by target.
#[derive(Debug)]
pub(super) struct Rows {
    rows: Vec<Row>,
    /// Endpoints of this standing are wanted.
    wanted: Standing,
    /// Rows whose endpoint or pod has changed since they were last resolved.
    changed: Vec<u16>,
    /// By standing.
    standings: [u32; 4],
    doubtful: u32,
    gates_closed: u32,
    initial: u32,
    waiting: u32,
    stale: RowSet,
    misplaced: RowSet,
    uncovered: RowSet,
    gates_due: RowSet,
}

impl Cached {
    /// Registered, for all the controller knows: matching leaves draining targets out.
    const fn is_registered(self) -> bool {
        !matches!(self, Cached::Absent | Cached::Known(TargetState::Draining))
    }

    /// What an answer of the API leaves there.
    fn of(shown: Option<TargetState>) -> Cached {
        shown.map_or(Cached::Absent, Cached::Known)
    }
}

impl Row {
    /// Whether its pod has this target group's gate.
    fn is_gated(&self) -> bool {
        self.pod.is_some() && self.status.is_some_and(|status| status.gated)
    }

    fn count(&self) -> Counted {
        let healthy = self.cached == Cached::Known(TargetState::Healthy);
        let gated = self.wanted && self.is_gated();
        Counted {
            doubtful: !healthy && self.cached != Cached::Absent,
            stale: self.cached != Cached::of(self.shown),
            misplaced: self.wanted != self.cached.is_registered(),
            uncovered: self.wanted != self.saved,
            gate_closed: self.wanted
                && self
                    .status
                    .is_some_and(|status| status.gated && !status.gate),
            initial: self.wanted
                && matches!(
                    self.cached,
                    Cached::Unknown | Cached::Known(TargetState::Initial)
                ),
            waits: gated && !healthy,
            gate_due: gated && self.gate != Some(healthy),
        }
    }
}

impl RowSet {
    fn put(&mut self, row: u16, is_in: bool) {
        match (self.0.binary_search(&row), is_in) {
            (Err(place), true) => self.0.insert(place, row),
            (Ok(place), false) => {
                self.0.remove(place);
            }
            _ => {}
        }
    }
}

impl Rows {
    pub(super) const fn new() -> Rows {
        Rows {
            rows: Vec::new(),
            wanted: Standing::Counts,
            changed: Vec::new(),
            standings: [0; 4],
            doubtful: 0,
            gates_closed: 0,
            initial: 0,
            waiting: 0,
            stale: RowSet(Vec::new()),
            misplaced: RowSet(Vec::new()),
            uncovered: RowSet(Vec::new()),
            gates_due: RowSet(Vec::new()),
        }
    }

    /// Forgets everything, keeps the memory.
    pub(super) fn clear(&mut self) {
        self.rows.clear();
        self.wanted = Standing::Counts;
        self.changed.clear();
        self.standings = [0; 4];
        (self.doubtful, self.gates_closed) = (0, 0);
        (self.initial, self.waiting) = (0, 0);
        self.stale.0.clear();
        self.misplaced.0.clear();
        self.uncovered.0.clear();
        self.gates_due.0.clear();
    }

    fn edit(&mut self, row: usize, edit: impl FnOnce(&mut Row)) {
        let known = &mut self.rows[row];
        edit(known);
        let (before, now) = (known.counted, known.count());
        if before == now {
            return;
        }
        known.counted = now;
        let add = |count: &mut u32, before, now| {
            *count = *count + u32::from(now) - u32::from(before);
        };
        add(&mut self.doubtful, before.doubtful, now.doubtful);
        add(&mut self.gates_closed, before.gate_closed, now.gate_closed);
        add(&mut self.initial, before.initial, now.initial);
        add(&mut self.waiting, before.waits, now.waits);
        let put = |set: &mut RowSet, before, now| {
            if before != now {
                set.put(row as u16, now);
            }
        };
        put(&mut self.stale, before.stale, now.stale);
        put(&mut self.misplaced, before.misplaced, now.misplaced);
        put(&mut self.uncovered, before.uncovered, now.uncovered);
        put(&mut self.gates_due, before.gate_due, now.gate_due);
    }

    /// The row of a pod at its target. A pod that was given an earlier one's IP takes its place: the
    /// checkpoint, which has their times of creation, does not cover it. Nothing if a younger one has.
    fn of(&mut self, pod: PodId, target: TargetId) -> Option<usize> {
        let row = target.index();
        if self.rows.len() <= row {
            self.rows.resize(row + 1, Row::default());
        }
        match self.rows[row].pod {
            Some(last) if last.index() > pod.index() => return None,
            Some(last) if last.index() == pod.index() => {}
            Some(_) => self.edit(row, |row| {
                (row.endpoint, row.status, row.gate, row.saved) = (None, None, None, false);
                row.pod = Some(pod);
            }),
            None => self.edit(row, |row| row.pod = Some(pod)),
        }
        Some(row)
    }

    /// Long registered: listed by the API, covered by the checkpoint.
    pub(super) fn know(
        &mut self,
        pod: PodId,
        target: TargetId,
        endpoint: Endpoint,
        status: PodStatus,
    ) {
        let Some(row) = self.of(pod, target) else {
            return;
        };
        self.edit(row, |row| {
            row.endpoint = Some(endpoint);
            row.status = Some(status);
            (row.wanted, row.saved) = (true, true);
            row.shown = Some(TargetState::Healthy);
            row.gate = status.gated.then_some(true);
        });
        self.changed.push(row as u16);
    }

    /// The slice says this of a pod.
    pub(super) fn see_endpoint(
        &mut self,
        pod: PodId,
        target: TargetId,
        endpoint: Option<Endpoint>,
    ) {
        if let Some(row) = self.of(pod, target)
            && self.rows[row].endpoint != endpoint
        {
            self.rows[row].endpoint = endpoint;
            self.changed.push(row as u16);
        }
    }

    /// The pod cache says this of a pod. Whether it is gated, or was; nothing if a younger pod has its IP.
    pub(super) fn see_pod(
        &mut self,
        pod: PodId,
        target: TargetId,
        status: Option<PodStatus>,
    ) -> Option<bool> {
        let row = self.of(pod, target)?;
        let gated = status
            .or(self.rows[row].status)
            .is_some_and(|status| status.gated);
        if self.rows[row].status != status {
            self.edit(row, |row| row.status = status);
            self.changed.push(row as u16);
        }
        Some(gated)
    }

    /// The API says this of a target.
    pub(super) fn see_health(&mut self, target: TargetId, state: Option<TargetState>) {
        self.edit(target.index(), |row| row.shown = state);
    }

    /// Decides which endpoints are wanted.
    pub(super) fn resolve(&mut self) {
        let mut changed = std::mem::take(&mut self.changed);
        for row in &changed {
            let known = &mut self.rows[usize::from(*row)];
            let now = standing(known.endpoint, known.status);
            if known.standing != Standing::Ignored {
                self.standings[known.standing as usize] -= 1;
            }
            if now != Standing::Ignored {
                self.standings[now as usize] += 1;
            }
            known.standing = now;
        }
        let wanted = if self.standings[Standing::Counts as usize] > 0 {
            Standing::Counts
        } else {
            Standing::LastResort
        };
        if std::mem::replace(&mut self.wanted, wanted) != wanted {
            // Nobody counts any more, or somebody does again: that decides on all.
            changed.clear();
            changed.extend(0..self.rows.len() as u16);
        }
        for row in changed.drain(..) {
            let known = &self.rows[usize::from(row)];
            let is_wanted = known.standing == wanted;
            if known.wanted != is_wanted {
                self.edit(usize::from(row), |row| row.wanted = is_wanted);
            }
        }
        self.changed = changed;
    }

    /// Whether an endpoint that does not count may come to, without an event.
    pub(super) const fn any_potential(&self) -> bool {
        self.standings[Standing::Potential as usize] > 0
    }

    /// Whether a wanted endpoint's gate is not True.
    pub(super) const fn any_gate_closed(&self) -> bool {
        self.gates_closed > 0
    }

    /// Whether the checkpoint covers what is wanted.
    pub(super) const fn are_covered(&self) -> bool {
        self.uncovered.0.is_empty()
    }

    /// The checkpoint covers what is wanted from now on.
    pub(super) fn save(&mut self) {
        for row in std::mem::take(&mut self.uncovered.0) {
            let known = &mut self.rows[usize::from(row)];
            (known.saved, known.counted.uncovered) = (known.wanted, false);
        }
    }

    /// Whether the health of any is to be asked for.
    pub(super) const fn any_doubtful(&self) -> bool {
        self.doubtful > 0
    }

    /// Takes the API's answer into the cache: of all, or of those that were in doubt.
    pub(super) fn take_answer(&mut self, of_all: bool) {
        let stale = std::mem::take(&mut self.stale.0);
        let (asked, others) = stale
            .into_iter()
            .partition(|row| of_all || self.rows[usize::from(*row)].counted.doubtful);
        self.stale.0 = others;
        let asked: Vec<u16> = asked;
        for row in asked {
            self.rows[usize::from(row)].counted.stale = false;
            self.edit(usize::from(row), |row| row.cached = Cached::of(row.shown));
        }
    }

    /// Those that are to be registered and are not, and those that are not to be and are.
    pub(super) fn misplaced(&self) -> impl Iterator<Item = (TargetId, bool)> + '_ {
        let wanted = |row: u16| self.rows[usize::from(row)].wanted;
        self.misplaced
            .0
            .iter()
            .map(move |row| (TargetId(*row), wanted(*row)))
    }

    /// A target has just been registered or deregistered.
    pub(super) fn sent(&mut self, target: TargetId) {
        self.edit(target.index(), |row| row.cached = Cached::Unknown);
    }

    /// Who has a target's IP.
    pub(super) fn pod(&self, target: TargetId) -> Option<PodId> {
        self.rows[target.index()].pod
    }

    /// Patches the gates whose condition has changed; `patch` hears of whom, and to what.
    pub(super) fn patch_gates(&mut self, mut patch: impl FnMut(PodId, bool)) {
        for row in std::mem::take(&mut self.gates_due.0) {
            let known = &mut self.rows[usize::from(row)];
            let healthy = known.cached == Cached::Known(TargetState::Healthy);
            (known.gate, known.counted.gate_due) = (Some(healthy), false);
            if let Some(pod) = known.pod {
                patch(pod, healthy);
            }
        }
    }

    /// Whether a wanted gated target is waited for, and whether any wanted one is `initial`: just registered counts
    /// so (Elb.RegistrationInProgress).
    pub(super) const fn waits(&self) -> (bool, bool) {
        (self.waiting > 0, self.initial > 0)
    }

    /// Another leader: its cache is empty, and the gates are as the pods have them.
    pub(super) fn lead(&mut self) {
        for row in 0..self.rows.len() {
            self.edit(row, |row| {
                row.cached = Cached::Absent;
                row.gate = row
                    .status
                    .filter(|status| status.gated)
                    .map(|status| status.gate);
            });
        }
    }
}
