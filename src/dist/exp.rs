//! e to a power, for draws by the million.

use std::f64::consts::SQRT_2;

/// 2^(i/16).
#[rustfmt::skip]
const ROOTS: [f64; 16] = [
    1.0, 1.0442737824274138, 1.0905077326652577, 1.1387886347566916,
    1.189207115002721, 1.241857812073484, 1.2968395546510096, 1.3542555469368927,
    SQRT_2, 1.4768261459394993, 1.5422108254079407, 1.6104903319492543,
    1.681792830507429, 1.7562521603732995, 1.8340080864093424, 1.9152065613971474,
];

/// ln 2 / 16 in two parts, the first short enough for its multiples to be exact.
const STEP: (f64, f64) = (0.0433216979727149, 8.12281680868118e-10);
const STEPS_IN_ONE: f64 = 23.083120654223414;

/// Added to a number and taken away again, it leaves a whole one, which then stands in its lowest bits.
const ROUNDER: f64 = 6_755_399_441_055_744.0;

/// eˣ to about the last bit, on every processor the same: x = n·ln 2/16 + r, eˣ = 2^(n/16)·eʳ, and eʳ by its
/// Taylor series (Tang, *Table-driven implementation of the exponential function*, ACM TOMS 15(2), 1989).
#[inline]
pub(super) fn exp(x: f64) -> f64 {
    if is_near(x) { exp_near(x) } else { x.exp() }
}

/// Each number's power in its place. Without a branch in it, the loop does two at a time.
#[inline]
pub(super) fn exp_all(xs: &mut [f64]) {
    if xs.iter().fold(true, |near, x| near & is_near(*x)) {
        xs.iter_mut().for_each(|x| *x = exp_near(*x));
    } else {
        xs.iter_mut().for_each(|x| *x = exp(*x));
    }
}

/// Whether the power is a normal number by far. NaN is not near.
#[inline]
fn is_near(x: f64) -> bool {
    x.abs() < 700.0
}

#[inline]
fn exp_near(x: f64) -> f64 {
    let shifted = x * STEPS_IN_ONE + ROUNDER;
    let (n, whole) = (shifted.to_bits(), shifted - ROUNDER);
    let r = x - whole * STEP.0 - whole * STEP.1;
    let square = r * r;
    let tail = (1.0 / 24.0 + r * (1.0 / 120.0)) + square * (1.0 / 720.0 + r * (1.0 / 5040.0));
    let series = r + square * ((0.5 + r * (1.0 / 6.0)) + square * tail);
    let scale = f64::from_bits(ROOTS[n as usize % 16].to_bits().wrapping_add(n >> 4 << 52));
    scale + scale * series
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_are_as_one() {
        for wide in [1.0, 1e3] {
            let xs = [-0.9, -0.0, 0.3, 0.7, 1e-9].map(|x| x * wide);
            let mut all = xs;
            exp_all(&mut all);
            assert_eq!(all.map(f64::to_bits), xs.map(|x| exp(x).to_bits()));
        }
    }

    #[test]
    fn as_the_library_has_it() {
        let drawn = (0..400_000).map(|i| (f64::from(i) - 200_000.0) * 3.4567e-3);
        for x in drawn.chain([0.0, -0.0, 1e-300, 1e-9, 0.5, 1.0, -1.0]) {
            let (got, wanted) = (exp(x), x.exp());
            assert!(
                (got - wanted).abs() <= 3e-16 * wanted,
                "e^{x} = {wanted}, not {got}"
            );
        }
        assert_eq!(
            [0.0, f64::INFINITY, f64::NEG_INFINITY].map(exp),
            [1.0, f64::INFINITY, 0.0]
        );
        assert!(exp(f64::NAN).is_nan());
    }
}
