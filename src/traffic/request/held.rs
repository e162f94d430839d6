//! Requests that a kernel may yet answer for a pod that is gone: held until all have asked.

use crate::id::{AlbNodeId, PodId};
use crate::time::{Span, Time};
use crate::traffic::outcome::Witness;
use crate::traffic::unreachable::{Answered, Kernels};
use crate::verdict::{Cause, Verdict};

/// How a request ends if no kernel answers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    pub(super) sent: Time,
    pub(super) pod: Option<PodId>,
    pub(super) verdict: Verdict,
    pub(super) latency: Span,
}

/// Tells how all of them end; they are held by target, then node, in order of sending.
pub(super) fn answer<W: Witness>(
    kernels: &mut Kernels,
    all: &mut [Vec<Held>],
    nodes: usize,
    witness: &mut W,
) {
    if !kernels.are_on() {
        return;
    }
    for &Answered {
        address,
        node,
        nth,
        sent,
        at,
    } in kernels.pass_all()
    {
        let held = &mut all[address * nodes + node][nth as usize];
        if at - sent < held.latency {
            (held.verdict, held.latency) = (Verdict::Alb(Cause::HostUnreachable), at - sent);
        }
    }
    for (lane, held) in all.iter().enumerate() {
        for Held {
            sent,
            pod,
            verdict,
            latency,
        } in held
        {
            witness.record(
                *sent,
                AlbNodeId((lane % nodes) as u8),
                *pod,
                *verdict,
                *latency,
            );
        }
    }
}
