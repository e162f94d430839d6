//! What the live engine keeps.

use super::*;
use crate::random::Streams;

/// Ten times the requests need no more memory.
#[test]
fn memory_does_not_grow_with_the_number_of_requests() {
    let peak = |secs| {
        let mut scenario = Scenario::default();
        scenario.load.workers = Some(50);
        scenario.load.duration = Some(Span::from_secs(secs));
        let mut engine = LiveEngine::new(&scenario);
        let mut ended: Vec<crate::traffic::outcome::Failure> = Vec::new();
        engine.simulate(
            std::iter::empty(),
            &Timeline::default(),
            &Streams::new(1, 0),
            &mut ended,
        );
        (ended.len(), engine.flights.peak())
    };
    let ((few, small), (many, large)) = (peak(5), peak(50));
    assert!(many > 9 * few && few > 100_000, "{few}, {many}");
    assert_eq!((small, large), (50, 50));
}
