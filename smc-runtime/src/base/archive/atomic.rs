//! A file that is there whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::base::error::{Error, Result};

static NUMBER: AtomicU64 = AtomicU64::new(0);

/// Writes the file `path` by `fill`: into a new file of the same folder, brought to the disk, which then takes the name. Whatever happens, there is the
/// old file or the new one under the name, each of them whole; bytes written.
///
/// ```
/// use std::io::Write;
/// use smc_runtime::base::archive::write_whole;
/// let path = std::env::temp_dir().join(format!("smc-whole-{}", std::process::id()));
/// assert_eq!(write_whole(&path, |file| file.write_all(b"all of it"))?, 9);
/// assert_eq!(std::fs::read(&path).unwrap(), b"all of it");
/// // A failure leaves what was there.
/// write_whole(&path, |_| Err(std::io::Error::other("no more room"))).unwrap_err();
/// assert_eq!(std::fs::read(&path).unwrap(), b"all of it");
/// # std::fs::remove_file(&path).unwrap();
/// # Ok::<(), smc_runtime::Error>(())
/// ```
///
/// # Errors
/// [`Error::Io`], with the path.
pub fn write_whole(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> Result<u64> {
    let failed = |source| Error::Io {
        path: path.to_owned(),
        source,
    };
    let beside = beside(path).ok_or_else(|| failed(std::io::Error::other("no name of a file")))?;
    let written = written(&beside, fill).and_then(|bytes| {
        fs::rename(&beside, path)?;
        on_disk(path);
        Ok(bytes)
    });
    written.map_err(|source| {
        // What is left of a failure is of no use; if it cannot be removed either, the error says why.
        let _ = fs::remove_file(&beside);
        failed(source)
    })
}

/// A name in the same folder that no other process or thread uses.
fn beside(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_string_lossy();
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let own = format!(".{name}.{}-{number}.part", std::process::id());
    Some(path.with_file_name(own))
}

fn written(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> std::io::Result<u64> {
    let file = OpenOptions::new().write(true).create_new(true).open(path)?;
    let mut buffered = BufWriter::with_capacity(1 << 20, file);
    fill(&mut buffered)?;
    let file = buffered
        .into_inner()
        .map_err(std::io::IntoInnerError::into_error)?;
    file.sync_all()?;
    Ok(file.metadata()?.len())
}

/// Brings the folder's entry to the disk, where that can be asked for.
fn on_disk(path: &Path) {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
    if let Ok(folder) = File::open(folder.unwrap_or(Path::new("."))) {
        // Some file systems cannot; the file itself is there.
        let _ = folder.sync_all();
    }
}
