//! Each fuzz target over its corpus and mutations of it: the same ones every time.

use std::fs;
use std::path::Path;

use crate::targets::{TARGETS, Target};

/// Mutations of each target, unless ROLLCAST_MUTATIONS says how many.
const MUTATIONS: u64 = 1_500;
/// Longer inputs tell nothing more.
const LONGEST: usize = 1 << 16;

/// SplitMix64.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound.max(1) as u64) as usize
    }
}

fn files(folder: &str, most: u64) -> Vec<Vec<u8>> {
    let mut paths: Vec<_> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    let is_small = |path: &std::path::PathBuf| {
        fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() < most)
    };
    paths
        .into_iter()
        .filter(is_small)
        .map(|path| fs::read(path).unwrap())
        .collect()
}

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let more: &[&str] = match target {
        "scenario" => &["scenarios", "tests/scenario_errors"],
        "manifest" => &["tests/manifests", "tests/manifest_errors"],
        _ => &[],
    };
    let own = format!("fuzz/corpus/{target}");
    std::iter::once(own.as_str())
        .chain(more.iter().copied())
        .flat_map(|folder| files(folder, 20_000))
        .collect()
}

/// The words of a dictionary, as libFuzzer writes them.
fn words(target: &str) -> Vec<Vec<u8>> {
    let text = fs::read_to_string(format!("fuzz/dictionaries/{target}.dict")).unwrap();
    let word = |line: &str| {
        let inner = line.strip_prefix('"')?.strip_suffix('"')?.as_bytes();
        let (mut word, mut rest) = (Vec::new(), inner);
        loop {
            rest = match rest {
                [b'\\', b'x', high, low, rest @ ..] => {
                    let digits = [*high, *low];
                    word.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
                    rest
                }
                [b'\\', byte, rest @ ..] | [byte, rest @ ..] => {
                    word.push(*byte);
                    rest
                }
                [] => return Some(word),
            }
        }
    };
    text.lines().filter_map(word).collect()
}

fn mutated(corpus: &[Vec<u8>], words: &[Vec<u8>], chance: &mut Chance) -> Vec<u8> {
    let mut bytes = corpus[chance.below(corpus.len())].clone();
    for _ in 0..=chance.below(4) {
        let (from, length) = (chance.below(bytes.len() + 1), chance.below(64));
        let to = (from + length).min(bytes.len());
        match chance.below(7) {
            0 if from < bytes.len() => bytes[from] = chance.below(256) as u8,
            1 => drop(bytes.drain(from..to)),
            2 => bytes.truncate(from),
            3 => {
                let part = bytes[from..to].to_vec();
                bytes.splice(from..from, part);
            }
            4 => {
                let other = &corpus[chance.below(corpus.len())];
                bytes.splice(
                    from..,
                    other[chance.below(other.len() + 1)..].iter().copied(),
                );
            }
            _ => {
                bytes.splice(from..to, words[chance.below(words.len())].iter().copied());
            }
        }
    }
    bytes.truncate(LONGEST);
    bytes
}

#[test]
fn no_target_panics() {
    let told = std::env::var("ROLLCAST_MUTATIONS")
        .ok()
        .map(|count| count.parse().unwrap());
    let count = told.unwrap_or(MUTATIONS);
    let run = |(number, (name, target)): (usize, &Target)| {
        let (corpus, words, mut chance) = (corpus(name), words(name), Chance(number as u64));
        assert!(!corpus.is_empty() && words.len() > 5, "{name}");
        let mutations = (0..count).map(|_| mutated(&corpus, &words, &mut chance));
        for bytes in corpus.iter().cloned().chain(mutations) {
            if std::panic::catch_unwind(|| target(&bytes)).is_err() {
                let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("crash-{name}"));
                fs::write(&file, &bytes).unwrap();
                panic!(
                    "the target `{name}` panics: keep {} in its corpus, and mend it",
                    file.display()
                );
            }
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = TARGETS
            .iter()
            .enumerate()
            .map(|target| scope.spawn(move || run(target)))
            .collect();
        threads
            .into_iter()
            .for_each(|thread| thread.join().unwrap());
    });
}
