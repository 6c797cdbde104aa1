//! The outcomes of writes that end in the same way.

#![forbid(unsafe_code)]

use super::{Outcome, Written};
use crate::sqlite::Error;
use crate::sqlite::write::Write;

pub(super) fn refuse_all(writes: &[Write<'_>], error: &Error) -> Vec<Outcome> {
    let count = |write: &Write<'_>| if let Write::All(all) = write { all.len() } else { 1 };
    (0..writes.iter().map(count).sum()).map(|_| Err(error.clone())).collect()
}

/// An outcome for each of several writes that go together; the first one tells of an error.
pub(super) fn of_all(all: &[Write<'_>], written: Result<Vec<Written>, Error>) -> Vec<Outcome> {
    match written {
        Ok(written) => written.into_iter().map(Ok).collect(),
        Err(error) => {
            let undone = all.iter().skip(1).map(|_| Ok(Written::default()));
            std::iter::once(Err(error)).chain(undone).collect()
        }
    }
}
