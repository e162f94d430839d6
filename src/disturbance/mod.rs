//! Weather: what befalls a cluster while a rollout is under way, or while nothing is.
//!
//! Each kind has a file and unfolds before the run into what rooms hear at given instants, and into
//! rules for links. No room has a switch for a disturbance: a drained host is a cordon and some
//! evictions, a lost one a kubelet that goes down and a node controller that notices.

pub mod api_throttle;
pub mod bad_version;
pub mod graceful_node_shutdown;
mod host;
pub mod lbc_outage;
pub mod load_step;
pub mod node_drain;
pub mod node_loss;
pub mod pod_kill;
pub mod rule;
pub mod slow_link;
pub mod spot_interruption;
pub mod zone_outage;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::cluster::spec::ClusterSpec;
use crate::dist::Dist;
use crate::event::Event;
use crate::id::NodeId;
use crate::random::{Purpose, Stream, Streams, pair};
use crate::setting::Setting;
use crate::time::{Span, Time};
use api_throttle::ApiThrottle;
use bad_version::BadVersion;
use graceful_node_shutdown::GracefulNodeShutdown;
use lbc_outage::LbcOutage;
use load_step::LoadStep;
use node_drain::NodeDrain;
use node_loss::NodeLoss;
use pod_kill::PodKill;
use rule::LinkRule;
use slow_link::SlowLink;
use spot_interruption::SpotInterruption;
use zone_outage::ZoneOutage;

/// Declares the kinds: the word that a scenario writes, and the settings of each.
macro_rules! kinds {
    ($( $kind:ident = $word:literal; )+) => {
        /// What a `[[disturbance]]` can be.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Kind {
            $( #[doc = concat!("`", $word, "`")] $kind, )+
        }

        impl Kind {
            /// All kinds, in the order of docs/MODEL.md.
            pub const ALL: &'static [Kind] = &[$( Kind::$kind, )+];

            /// The word that a scenario writes.
            pub const fn word(self) -> &'static str {
                match self {
                    $( Kind::$kind => $word, )+
                }
            }

            /// A disturbance of this kind, all settings left to their defaults.
            pub fn left_to_defaults(self) -> Disturbance {
                match self {
                    $( Kind::$kind => Disturbance::$kind($kind::default()), )+
                }
            }

            /// What happens.
            pub const fn about(self) -> &'static str {
                match self {
                    $( Kind::$kind => $kind::ABOUT, )+
                }
            }

            /// Its keys.
            pub const fn settings(self) -> &'static [Setting] {
                match self {
                    $( Kind::$kind => $kind::SETTINGS, )+
                }
            }
        }

        /// A disturbance with its settings.
        #[derive(Debug, Clone, PartialEq, Serialize)]
        #[serde(tag = "kind", rename_all = "snake_case")]
        pub enum Disturbance {
            $( #[doc = concat!("`", $word, "`")] $kind($kind), )+
        }
    };
}

kinds! {
    NodeDrain = "node_drain";
    SpotInterruption = "spot_interruption";
    GracefulNodeShutdown = "graceful_node_shutdown";
    NodeLoss = "node_loss";
    ZoneOutage = "zone_outage";
    PodKill = "pod_kill";
    LbcOutage = "lbc_outage";
    ApiThrottle = "api_throttle";
    SlowLink = "slow_link";
    LoadStep = "load_step";
    BadVersion = "bad_version";
}

/// What a disturbance unfolds into.
#[derive(Debug, Clone, Default)]
pub struct Unfolded {
    /// What rooms hear, and when.
    pub events: Vec<(Time, Event)>,
    /// What happens to links.
    pub rules: Vec<LinkRule>,
}

/// Where a disturbance strikes.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// When the rollout starts.
    pub rollout_at: Time,
    /// The hosts.
    pub cluster: &'a ClusterSpec,
    /// Chance.
    pub streams: &'a Streams,
}

/// One disturbance's place: its scene, and its number in the scenario, which is the address
/// of its draws.
#[derive(Debug, Clone, Copy)]
struct Place<'a> {
    number: u8,
    scene: Scene<'a>,
}

/// What is drawn for a disturbance.
#[derive(Debug, Clone, Copy)]
enum Draw {
    When = 0,
    Whom = 1,
    Length = 2,
    /// How old a lost host's last heartbeat is.
    Heartbeat = 3,
    /// Where the node controller stands in its period.
    Monitor = 4,
    /// Where the termination handler stands in its period.
    Handler = 5,
}

/// Unfolds all disturbances of a scenario for one replication.
pub fn unfold(disturbances: &[Disturbance], scene: Scene) -> Unfolded {
    let mut unfolded = Unfolded::default();
    for (number, disturbance) in (0..).zip(disturbances) {
        disturbance.unfold(Place { number, scene }, &mut unfolded);
    }
    unfolded
}

impl Disturbance {
    /// From the rollout's start until it happens.
    pub const fn at(&self) -> &Dist {
        match self {
            Disturbance::NodeDrain(spec) => &spec.at,
            Disturbance::SpotInterruption(spec) => &spec.at,
            Disturbance::GracefulNodeShutdown(spec) => &spec.at,
            Disturbance::NodeLoss(spec) => &spec.at,
            Disturbance::ZoneOutage(spec) => &spec.at,
            Disturbance::PodKill(spec) => &spec.at,
            Disturbance::LbcOutage(spec) => &spec.at,
            Disturbance::ApiThrottle(spec) => &spec.at,
            Disturbance::SlowLink(spec) => &spec.at,
            Disturbance::LoadStep(spec) => &spec.at,
            // It has been read into the steps.
            Disturbance::BadVersion(_) => &Dist::Constant(Span::ZERO),
        }
    }

    fn unfold(&self, place: Place, unfolded: &mut Unfolded) {
        let at = place.time(self.at());
        match self {
            Disturbance::NodeDrain(spec) => spec.unfold(at, place, unfolded),
            Disturbance::SpotInterruption(spec) => spec.unfold(at, place, unfolded),
            Disturbance::GracefulNodeShutdown(spec) => spec.unfold(at, place, unfolded),
            Disturbance::NodeLoss(spec) => spec.unfold(at, place, unfolded),
            Disturbance::ZoneOutage(spec) => spec.unfold(at, place, unfolded),
            Disturbance::PodKill(spec) => spec.unfold(at, place, unfolded),
            Disturbance::LbcOutage(spec) => spec.unfold(at, place, unfolded),
            Disturbance::ApiThrottle(spec) => spec.unfold(at, unfolded),
            Disturbance::SlowLink(spec) => spec.unfold(at, unfolded),
            // The load is stage 2's, a bad version is a revision's: nothing for the control plane to hear.
            Disturbance::LoadStep(_) | Disturbance::BadVersion(_) => {}
        }
    }
}

impl Place<'_> {
    fn draw(&self, what: Draw, host: NodeId) -> Stream {
        let entity = pair(
            u64::from(self.number) << 8 | what as u64,
            host.index() as u64,
        );
        self.scene.streams.at(Purpose::Disturbance, entity)
    }

    fn time(&self, at: &Dist) -> Time {
        self.scene.rollout_at + at.sample(&mut self.draw(Draw::When, NodeId(0)))
    }

    /// The host that was given, or one that chance picks.
    fn host(&self, given: Option<u16>) -> NodeId {
        let nodes = usize::from(self.scene.cluster.nodes.max(1));
        NodeId(given.unwrap_or_else(|| self.draw(Draw::Whom, NodeId(0)).below(nodes) as u16))
    }
}

impl Unfolded {
    fn at(&mut self, at: Time, event: Event) {
        self.events.push((at, event));
    }
}
