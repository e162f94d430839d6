//! Listens to every fact of one replication: here, counts who says how much. Listeners watch and
//! never speak, so that the rollout is the same with and without them.
//!
//! `cargo run --release --example own_listener`

use std::collections::BTreeMap;

use rollcast::error::Error;
use rollcast::random::Streams;
use rollcast::rollout::Rollout;
use rollcast::scenario::Scenario;
use rollcast::wiring::Fact;

fn main() -> Result<(), Error> {
    let mut scenario = Scenario::default();
    scenario.deployment.replicas = 10;
    let mut said: BTreeMap<&str, usize> = BTreeMap::new();
    let mut rollout = Rollout::new(&scenario);
    let timeline = rollout.simulate_observed(&Streams::new(1, 0), |_, fact| {
        *said.entry(room(fact)).or_default() += 1;
    })?;
    let pods = timeline.pods.len();
    said.iter()
        .for_each(|(room, facts)| println!("{room:24} {facts:>5} facts"));
    println!("{pods} pods, {} facts", said.values().sum::<usize>());
    Ok(())
}

fn room(fact: &Fact) -> &'static str {
    match fact {
        Fact::Api(_) => "API server",
        Fact::Operator(_) => "operator",
        Fact::Deployment(_) => "Deployment controller",
        Fact::ReplicaSet(_) => "ReplicaSet controller",
        Fact::Scheduler(_) => "scheduler",
        Fact::Kubelet(..) => "kubelets",
        Fact::App(_) => "processes",
        Fact::EndpointSlice(_) => "EndpointSlice controller",
        Fact::KubeProxy(..) => "kube-proxies",
        Fact::Lbc(_) => "load balancer controller",
        Fact::TargetGroup(_) => "target group",
        Fact::AlbNode(..) => "load balancer nodes",
        Fact::Other(..) => "further target groups",
    }
}
