//! Replications of each stage and of both, by wall clock: `cargo bench --bench engines`.
//!
//! For a quiet machine and a before and after; what CI holds is instructions (benches/instructions).

#[path = "measure/workloads.rs"]
mod workloads;

use criterion::{Criterion, criterion_group, criterion_main};

fn benchmarks(criterion: &mut Criterion) {
    for name in [
        "rollout",
        "request-w2",
        "interval-w2",
        "interval-w2-100k",
        "whole-100-rps",
        "whole-1m-rps",
    ] {
        let mut workload = workloads::workload(name);
        let mut replication = 0;
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| {
                replication += 1;
                workload(replication, 1)
            });
        });
    }
}

criterion_group!(benches, benchmarks);
criterion_main!(benches);
