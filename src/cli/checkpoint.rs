//! The record of a sweep on disk: begun whole, then only appended to, so that it survives any end.

use std::fs::{self, File};
use std::io::{BufReader, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rollcast::error::Error;
use rollcast::sweep::record::point_line;
use rollcast::sweep::{Budget, Header, Record, Totals};

use super::{output, progress};

/// What is lost by a sudden end is no more than this and a portion.
const OFTEN: Duration = Duration::from_secs(1);

/// A record that is being written.
#[derive(Debug)]
pub struct Checkpoint {
    path: PathBuf,
    file: File,
    written: Instant,
}

/// Reads a record.
///
/// # Errors
/// It cannot be read, or is none.
pub fn read(path: &Path) -> Result<Record, Error> {
    let file = File::open(path)
        .map_err(|error| Error::input(format!("cannot read: {error}")).in_file(path))?;
    Record::read(BufReader::new(file)).map_err(|error| error.in_file(path))
}

/// The record to go on with: what is on disk if it is to be resumed, else an empty one.
///
/// # Errors
/// There is a record that was not to be resumed, or it is of another sweep.
pub fn begin(path: &Path, header: Header, resume: bool) -> Result<Record, Error> {
    match fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Record::new(header)),
        Err(error) => Err(output::unwritable(path, &error)),
        Ok(found) if found.is_dir() => {
            Err(output::unwritable(path, &ErrorKind::IsADirectory.into()))
        }
        Ok(found) if !found.is_file() && resume => Err(Error::input(
            "a pipe or a device keeps nothing to go on with",
        )
        .in_file(path)
        .hint("leave out --resume")),
        Ok(found) if !found.is_file() || found.len() == 0 => Ok(Record::new(header)),
        _ if !resume => Err(Error::input("there is a checkpoint already")
            .in_file(path)
            .hint("--resume goes on with it; remove it to start afresh")),
        _ => {
            let mut record = read(path)?;
            header
                .must_equal(&record.header)
                .map_err(|error| error.in_file(path))?;
            if record.header.share != header.share {
                let other = record.header.share;
                return Err(Error::input(format!(
                    "it is the checkpoint of share {}/{}",
                    other.number, other.of
                ))
                .in_file(path));
            }
            record.header = header;
            Ok(record)
        }
    }
}

impl Checkpoint {
    /// Writes what there is, whole, and keeps the file open.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn create(path: &Path, record: &Record) -> Result<Checkpoint, Error> {
        let unwritable = |error: std::io::Error| output::unwritable(path, &error);
        let lines = record.to_lines();
        let file = if output::is_stream(path) {
            // A pipe or a device stays what it is.
            let mut file = File::options().write(true).open(path).map_err(unwritable)?;
            file.write_all(lines.as_bytes()).map_err(unwritable)?;
            file
        } else {
            let target = output::replace(path, lines.as_bytes())?;
            File::options()
                .append(true)
                .open(target)
                .map_err(unwritable)?
        };
        Ok(Checkpoint {
            path: path.to_owned(),
            file,
            written: progress::now(),
        })
    }

    /// Notes what a point has come to, if it is done or the last note is a while ago.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn note(&mut self, number: usize, totals: &Totals, budget: &Budget) -> Result<(), Error> {
        if !budget.is_spent(totals) && self.written.elapsed() < OFTEN {
            return Ok(());
        }
        self.written = progress::now();
        let line = point_line(number, totals);
        self.file
            .write_all(line.as_bytes())
            .map_err(|error| output::unwritable(&self.path, &error))
    }
}
