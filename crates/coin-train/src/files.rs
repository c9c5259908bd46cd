//! Writing that leaves the old file whole until the new one is.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use thiserror::Error;

/// A file of a run or a report that is not what it should be.
#[derive(Debug, Error)]
pub enum FileError {
    /// No space, no permission, no such disk.
    #[error("{path} could not be written: {reason}; free some space or choose another folder")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: std::io::Error,
    },
    /// Missing, or not allowed.
    #[error("{path} could not be read: {reason}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: std::io::Error,
    },
    /// More than is read at once.
    #[error("{path} has more than {limit} bytes; split or shrink the file")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// How much is allowed.
        limit: u64,
    },
    /// Not what was written.
    #[error("{path} is damaged; delete its folder to go on from the checkpoint before")]
    Damaged {
        /// The file.
        path: PathBuf,
    },
}

/// How files and folders begin that are not, or no longer, whole.
pub const UNFINISHED: &str = ".unfinished-";

/// Removes what a kill left unfinished in `folder`.
pub fn sweep(folder: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        match (entry.file_name().to_string_lossy().starts_with(UNFINISHED), entry.file_type()?.is_dir()) {
            (true, true) => std::fs::remove_dir_all(entry.path())?,
            (true, false) => std::fs::remove_file(entry.path())?,
            (false, _) => {}
        }
    }
    Ok(())
}

/// Writes `bytes` beside `path`, syncs, and renames.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let saved = || -> std::io::Result<()> {
        std::fs::create_dir_all(folder)?;
        let mut file = readable().tempfile_in(folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        // The new name, too, must outlive a power cut; elsewhere than on Unix a folder cannot be synced.
        #[cfg(unix)]
        std::fs::File::open(folder)?.sync_all()?;
        Ok(())
    };
    saved().map_err(|reason| FileError::Write { path: path.to_owned(), reason })
}

/// Appends `bytes` to a file, which is made where it is missing.
pub fn append(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let appended = || std::fs::OpenOptions::new().create(true).append(true).open(path)?.write_all(bytes);
    appended().map_err(|reason| FileError::Write { path: path.to_owned(), reason })
}

/// Reads a whole file.
pub fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    std::fs::read(path).map_err(|reason| FileError::Read { path: path.to_owned(), reason })
}

/// Reads a file of at most `limit` bytes; a larger one is refused before it fills the memory.
pub fn read_limited(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        std::fs::File::open(path)?.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().map_err(|reason| FileError::Read { path: path.to_owned(), reason })?;
    if bytes.len() as u64 > limit {
        return Err(FileError::TooLarge { path: path.to_owned(), limit });
    }
    Ok(bytes)
}

/// A temporary file that others may read once it has its name, as any other file.
fn readable() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(UNFINISHED);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(std::fs::Permissions::from_mode(0o644));
    }
    builder
}
