//! The EndpointSlice controller: believes the last pod event it saw, writes what follows from it.
//!
//! Source: Kubernetes 1.36, pkg/controller/endpointslice/endpointslice_controller.go,
//! staging/src/k8s.io/endpointslice/{utils,reconciler}.go.

use crate::actor::{Actor, Outbox};
use crate::cluster::pod::{Endpoint, Phase, PodObject};
use crate::id::PodId;
use crate::time::{Span, Time};

/// A sync that finds its cache behind its own last write is tried again after this
/// (`defaultSyncBackOff`), unless another event comes first.
const STALE_RETRY: Span = Span::from_secs(1);

/// What the controller hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// Watch: a pod.
    Pod(PodObject),
    /// An endpoint of the write under way was committed.
    Written,
    /// Watch: an endpoint of its own write, back again.
    SawWrite,
    /// Own timer: try again.
    Retry,
}

/// An endpoint is written; all endpoints of one write have its number. `None`: it leaves the slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wrote {
    /// Which.
    pub pod: PodId,
    /// What it says now.
    pub endpoint: Option<Endpoint>,
    /// Number of the write, from 0.
    pub write: u32,
}

/// One endpoint: what the slice should say of a pod, and what it was last made to say.
#[derive(Debug, Clone, Copy)]
struct Row {
    pod: PodId,
    wanted: Option<Endpoint>,
    written: Option<Endpoint>,
}

/// The EndpointSlice controller, working on one Service.
#[derive(Debug)]
pub struct EndpointSliceController {
    publish_not_ready: bool,
    /// In the order in which their pods were first seen.
    rows: Vec<Row>,
    /// By pod: its row.
    row_of: Vec<Option<u16>>,
    /// Rows that may have to be written.
    changed: Vec<u16>,
    writes: u32,
    /// Endpoints of the write under way that are not committed yet.
    unanswered: u32,
    /// Endpoints written that the cache has not shown yet.
    unseen: u32,
    triggered: bool,
}

impl EndpointSliceController {
    /// A controller of a Service; `publish_not_ready` is its `publishNotReadyAddresses`.
    pub const fn new(publish_not_ready: bool) -> EndpointSliceController {
        EndpointSliceController {
            publish_not_ready,
            rows: Vec::new(),
            row_of: Vec::new(),
            changed: Vec::new(),
            writes: 0,
            unanswered: 0,
            unseen: 0,
            triggered: false,
        }
    }

    /// An empty slice again.
    pub fn reset(&mut self) {
        self.rows.clear();
        self.row_of.clear();
        self.changed.clear();
        (self.writes, self.unanswered, self.unseen, self.triggered) = (0, 0, 0, false);
    }

    /// Knows a pod whose endpoint was written before the run started.
    pub fn seed_pod(&mut self, object: PodObject) {
        let written = self.endpoint_of(&object);
        let row = self.row(object.pod);
        (self.rows[row].wanted, self.rows[row].written) = (written, written);
    }

    fn see_pod(&mut self, object: &PodObject) {
        let wanted = self.endpoint_of(object);
        let row = self.row(object.pod);
        if std::mem::replace(&mut self.rows[row].wanted, wanted) != wanted {
            self.changed.push(row as u16);
        }
    }

    fn row(&mut self, pod: PodId) -> usize {
        if self.row_of.len() <= pod.index() {
            self.row_of.resize(pod.index() + 1, None);
        }
        let new = self.rows.len() as u16;
        let row = *self.row_of[pod.index()].get_or_insert(new);
        if row == new {
            self.rows.push(Row {
                pod,
                wanted: None,
                written: None,
            });
        }
        usize::from(row)
    }

    /// `podToEndpoint` and `ShouldPodBeInEndpoints`: in the slice from the moment it has an IP,
    /// terminating or not, until its containers have ended or it no longer matches the selector.
    const fn endpoint_of(&self, object: &PodObject) -> Option<Endpoint> {
        if !matches!(object.phase, Phase::Running) || object.removed || object.isolated {
            return None;
        }
        let (serving, terminating) = (object.ready, object.deleting);
        let ready = self.publish_not_ready || serving && !terminating;
        Some(Endpoint {
            node: object.node,
            ready,
            serving,
            terminating,
        })
    }

    fn sync(&mut self, out: &mut Outbox<'_, Input, Wrote>) {
        if self.unanswered > 0 {
            self.triggered = true;
            return;
        }
        self.triggered = false;
        let rows = &self.rows;
        self.changed.retain(|row| {
            let Row {
                wanted, written, ..
            } = rows[usize::from(*row)];
            wanted != written
        });
        if self.changed.is_empty() {
            return;
        }
        if self.unseen > 0 {
            return out.wake(STALE_RETRY, Input::Retry);
        }
        self.changed.sort_unstable();
        self.changed.dedup();
        for row in self.changed.drain(..) {
            let row = &mut self.rows[usize::from(row)];
            row.written = row.wanted;
            self.unanswered += 1;
            out.say(Wrote {
                pod: row.pod,
                endpoint: row.wanted,
                write: self.writes,
            });
        }
        self.unseen = self.unanswered;
        self.writes += 1;
    }
}

impl Actor for EndpointSliceController {
    type Input = Input;
    type Fact = Wrote;

    fn handle(&mut self, _now: Time, input: Input, out: &mut Outbox<'_, Input, Wrote>) {
        match input {
            Input::Pod(object) => {
                self.see_pod(&object);
                self.sync(out);
            }
            Input::Written => {
                self.unanswered -= 1;
                if self.unanswered == 0 && self.triggered {
                    self.sync(out);
                }
            }
            Input::SawWrite => self.unseen -= 1,
            Input::Retry => self.sync(out),
        }
    }
}
