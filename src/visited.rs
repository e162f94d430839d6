//! Where a walk over folders has been: a loop of links ends, each file is read once, and a walk over a whole disk is
//! refused.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::error::Error;

/// Folders within folders.
const DEEPEST: usize = 32;

/// Files and folders: more are a disk, not a release or the logs of one.
const MOST: usize = 100_000;

/// Files and folders, by their canonical paths.
#[derive(Debug, Default)]
pub struct Visited(BTreeSet<PathBuf>);

impl Visited {
    /// Whether this is the first visit, by whatever path; `depth` counts the folders around it, from 0 for what the
    /// user named. What cannot be resolved is new: whoever opens it says why it cannot be.
    ///
    /// # Errors
    /// It is too deep, or one too many; exit code 4.
    pub fn enter(&mut self, path: &Path, depth: usize) -> Result<bool, Error> {
        if depth > DEEPEST {
            return Err(
                Error::too_large(format!("more than {DEEPEST} folders within folders"))
                    .in_file(path),
            );
        }
        if self.0.len() >= MOST {
            let error =
                Error::too_large(format!("more than {MOST} files and folders")).in_file(path);
            return Err(error.hint("name the folder that matters"));
        }
        Ok(self
            .0
            .insert(path.canonicalize().unwrap_or_else(|_| path.to_owned())))
    }
}
