use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use crate::StoreError;
use crate::file::private;
use crate::writer::{Job, Writer};

/// Pages copied between two commits: 4 MiB.
const STEP: i32 = 1_024;

impl Writer<'_> {
    /// Copies the database while commits go on: what they change is copied too, so the copy is of the moment when it is
    /// done. `next` is the job that came in the meantime and is no commit; none is taken after it.
    pub(crate) fn backup(
        &mut self,
        path: &Path,
        jobs: &Receiver<Job>,
        next: &mut Option<Job>,
    ) -> Result<(), StoreError> {
        if path.exists() {
            return Err(StoreError::Exists(path.into()));
        }
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        let result = self.copy(&partial, jobs, next).and_then(|()| publish(&partial, path));
        if result.is_err() {
            // Whatever is left of it is of no use.
            let _ = fs::remove_file(&partial);
        }
        result
    }

    fn copy(&mut self, to: &Path, jobs: &Receiver<Job>, next: &mut Option<Job>) -> Result<(), StoreError> {
        private().create(true).truncate(true).open(to).map_err(StoreError::io(to))?;
        let mut copy = Connection::open(to)?;
        let backup = Backup::new(self.connection, &mut copy)?;
        while backup.step(STEP)? != StepResult::Done {
            if next.is_none() {
                *next = self.commit_gathered(jobs);
            }
        }
        Ok(())
    }
}

/// Gives a finished copy its name, for good.
fn publish(partial: &Path, path: &Path) -> Result<(), StoreError> {
    File::open(partial).and_then(|file| file.sync_all()).map_err(StoreError::io(partial))?;
    // Unlike a rename it replaces nothing.
    fs::hard_link(partial, path).map_err(StoreError::io(path))?;
    fs::remove_file(partial).map_err(StoreError::io(partial))?;
    #[cfg(unix)]
    if let Some(directory) = fs::canonicalize(path).map_err(StoreError::io(path))?.parent() {
        File::open(directory).and_then(|directory| directory.sync_all()).map_err(StoreError::io(directory))?;
    }
    Ok(())
}
