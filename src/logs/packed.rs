//! Gzip, unpacked as it is read.

use std::cell::Cell;
use std::io::{BufRead, BufReader, Read};
use std::rc::Rc;

use flate2::bufread::MultiGzDecoder;

/// What is packed may unpack to so many times as many bytes, and to so many in any case.
pub(super) const MOST_EXPANDED: u64 = 100;
const ALWAYS_UNPACKED: u64 = 32 << 20;

/// The bytes of a file, unpacked if they are gzip's.
pub(super) fn unpacked(mut reader: Box<dyn BufRead>) -> std::io::Result<Box<dyn BufRead>> {
    let is_packed = reader.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    if !is_packed {
        return Ok(reader);
    }
    let packed = Rc::new(Cell::new(0));
    let counted = Counted {
        reader,
        count: packed.clone(),
    };
    Ok(Box::new(BufReader::new(Unpacked {
        reader: MultiGzDecoder::new(BufReader::new(counted)),
        packed,
        unpacked: 0,
    })))
}

/// Counts the bytes that go through.
struct Counted<R> {
    reader: R,
    count: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.count.set(self.count.get().saturating_add(read as u64));
        Ok(read)
    }
}

/// Bytes unpacked, as long as they are no more than a log could come to: logs shrink to a tenth, what shrinks to a
/// hundredth was made to fill a memory or a day.
struct Unpacked<R> {
    reader: R,
    packed: Rc<Cell<u64>>,
    unpacked: u64,
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.unpacked = self.unpacked.saturating_add(read as u64);
        if self.unpacked > ALWAYS_UNPACKED && self.unpacked / MOST_EXPANDED > self.packed.get() {
            return Err(std::io::ErrorKind::FileTooLarge.into());
        }
        Ok(read)
    }
}
