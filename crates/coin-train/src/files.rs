//! Writing that leaves the old file whole until the new one is.

use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;

/// Writes `bytes` beside `path`, syncs, and renames.
pub fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let saved = || -> std::io::Result<()> {
        std::fs::create_dir_all(folder)?;
        let mut file = readable().tempfile_in(folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    };
    saved()
        .with_context(|| format!("{} could not be written; free some space or choose another folder", path.display()))
}

/// Reads a whole file, naming it when that fails.
pub fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("{} could not be read", path.display()))
}

/// A temporary file that others may read once it has its name, as any other file.
fn readable() -> tempfile::Builder<'static, 'static> {
    #[allow(unused_mut)]
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(std::fs::Permissions::from_mode(0o644));
    }
    builder
}
