//! The records API of a database: the table `records`.

#![forbid(unsafe_code)]

use super::Database;
use crate::Error;
use crate::sqlite::{self, Row, Rows, Value, Write};

/// A row of the table `records`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its id.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: i64,
}

impl Database {
    /// Inserts a record and returns its id. Makes the table `records` if there is none.
    ///
    /// # Blocking
    /// Waits for the lock, for at most the timeout of this database.
    ///
    /// # Errors
    /// [`Error::Lock`] when the lock is not granted, [`Error::Sqlite`] when the write fails; nothing is written then.
    pub fn create_record(&self, name: &str, value: i64) -> Result<i64, Error> {
        self.write_locked(Write::CreateRecord { name, value }).map(|written| written.last_insert_rowid)
    }

    /// Sets the value of a record. Succeeds also when no record has that id.
    ///
    /// # Blocking
    /// Waits for the lock, for at most the timeout of this database.
    ///
    /// # Errors
    /// As [`create_record`](Self::create_record).
    pub fn update_record(&self, id: i64, value: i64) -> Result<(), Error> {
        self.write_locked(Write::UpdateRecord { id, value }).map(drop)
    }

    /// The record with that id. Does not take the lock.
    ///
    /// # Errors
    /// [`Error::Sqlite`], `SQLITE_MISMATCH` among them when a column has another type than [`Record`].
    pub fn record(&self, id: i64) -> Result<Option<Record>, Error> {
        self.read(None, false, |source| source.record(id))?.rows.pop().map(to_record).transpose()
    }

    /// All records in the order of their ids. Does not take the lock.
    ///
    /// # Errors
    /// As [`record`](Self::record).
    pub fn records(&self) -> Result<Vec<Record>, Error> {
        #[expect(clippy::redundant_closure_for_method_calls, reason = "the method is that of one lifetime only")]
        let Rows { rows, .. } = self.read(None, false, |source| source.records())?;
        rows.into_iter().map(to_record).collect()
    }
}

fn to_record(row: Row) -> Result<Record, Error> {
    match <[Value; 3]>::try_from(row) {
        Ok([Value::Integer(id), Value::Text(name), Value::Integer(value)]) => Ok(Record { id, name, value }),
        _ => {
            Err(sqlite::Error::mismatch("a row of the table records is not of the types INTEGER, TEXT, INTEGER").into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::tests::{TestResult, temporary};

    #[test]
    fn a_database_without_the_table_has_no_records() -> TestResult {
        let (_dir, db) = temporary()?;
        assert_eq!(db.record(1)?, None);
        assert_eq!(db.records()?, []);
        Ok(())
    }

    #[test]
    fn a_row_of_other_types_is_a_mismatch() -> TestResult {
        let (_dir, db) = temporary()?;
        db.with_write_lock(|c| c.execute_batch("CREATE TABLE records (id INTEGER PRIMARY KEY, name, value)"))??;
        db.with_write_lock(|c| c.execute("INSERT INTO records VALUES (1, NULL, 2.5)", []))??;
        assert!(matches!(db.record(1), Err(Error::Sqlite(sqlite::Error::Sqlite(f))) if f.code() == "SQLITE_MISMATCH"));
        Ok(())
    }
}
