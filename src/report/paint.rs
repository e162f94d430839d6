//! Colour on a terminal: the number of the answer bold, each cause in the hue that charts give it. Without colour
//! nothing is lost.

use crate::verdict::Cause;

const PLAIN: &str = "\x1b[0m";
const BOLD: &str = "\x1b[1m";

/// A cause's colour of the 256 that terminals have: the nearest to a chart's that is legible on white and on black.
const fn color(cause: Cause) -> u8 {
    match cause {
        Cause::Refused => 136,
        Cause::HostUnreachable => 100,
        Cause::ResetInFlight => 166,
        Cause::KeepAliveRace => 132,
        Cause::CutByDeregistration => 169,
        Cause::NoTarget => 244,
        Cause::ConnectTimeout => 32,
        Cause::ResponseTimeout => 67,
        Cause::ClientGaveUp => 74,
    }
}

/// The application's own 503.
const TARGET: u8 = 29;

/// Paints a finished text, which holds no control character: `number` in its sentence, and causes where they
/// begin a line.
pub(super) fn answer(text: &str, number: &str) -> String {
    let causes: Vec<(String, u8)> = Cause::ALL
        .into_iter()
        .map(|cause| (format!("{} {cause} ", cause.status()), color(cause)))
        .chain([("503 target ".to_owned(), TARGET)])
        .collect();
    let mut is_bold = false;
    let mut painted = String::with_capacity(text.len() + 200);
    for line in text.lines() {
        let cause = causes
            .iter()
            .find(|(name, _)| line.starts_with(name.as_str()));
        let phrase = format!("costs {number} of");
        if let Some((name, color)) = cause {
            let rest = line.strip_prefix(name.as_str()).unwrap_or_default();
            painted.push_str(&format!("\x1b[38;5;{color}m{name}{PLAIN}{rest}"));
        } else if !is_bold && line.contains(&phrase) {
            is_bold = true;
            painted.push_str(&line.replacen(
                &phrase,
                &format!("costs {BOLD}{number}{PLAIN} of"),
                1,
            ));
        } else {
            painted.push_str(line);
        }
        painted.push('\n');
    }
    painted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn painting_adds_colour_and_takes_nothing_away() {
        let text = "A rollout costs 980 of 12,000\n\n504 connect-timeout  947\nany 980\n";
        let painted = answer(text, "980");
        assert_eq!(
            painted,
            "A rollout costs \x1b[1m980\x1b[0m of 12,000\n\n\
             \x1b[38;5;32m504 connect-timeout \x1b[0m 947\nany 980\n"
        );
    }
}
