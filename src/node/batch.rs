//! A batch of writes on their way in.

#![forbid(unsafe_code)]

use std::sync::Arc;
use std::time::Instant;

use crate::Database;
use crate::db::Outcomes;
use crate::lock::WriteGuard;
use crate::sqlite::{self, HoldId, Interrupt, TransactionId, Write};

/// A batch of writes on their way in, and where they belong.
pub(super) struct Batch {
    pub(super) database: Arc<Database>,
    /// The open transaction it belongs to.
    pub(super) transaction: Option<TransactionId>,
    /// The SQL texts of its writes.
    pub(super) statements: Vec<String>,
    /// The writes, see [`sqlite::decode`].
    pub(super) bytes: Vec<u8>,
    /// How many writes are done.
    pub(super) done: usize,
    /// Since when the writes that are left wait.
    pub(super) since: Instant,
}

impl Batch {
    /// Writes for a while. Gives the outcomes, and the rest of the batch if some writes are left.
    pub(super) fn run(
        mut self,
        guard: &WriteGuard,
        hold: Option<HoldId>,
        interrupt: &Interrupt,
    ) -> std::result::Result<(Outcomes, Option<Self>), crate::Error> {
        let writes = sqlite::decode(&self.statements, &self.bytes).ok_or(sqlite::Error::Malformed)?;
        let left = writes.get(self.done..).unwrap_or_default();
        let outcomes = self.database.write(guard, hold, self.transaction, left, interrupt)?;
        let done = count(left, outcomes.each.len());
        if done == left.len() {
            return Ok((outcomes, None));
        }
        self.done += done;
        Ok((outcomes, Some(self)))
    }
}

/// How many of these writes have that number of outcomes. A write of several has an outcome for
/// each.
fn count(writes: &[Write<'_>], outcomes: usize) -> usize {
    let mut sum = 0;
    let has_outcome = |write: &&Write<'_>| {
        sum += if let Write::All(all) = write { all.len() } else { 1 };
        sum <= outcomes
    };
    writes.iter().take_while(has_outcome).count()
}
