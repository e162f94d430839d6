//! The command line of rollcast.

fn main() {}
