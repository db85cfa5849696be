//! A Zarr store of format 3 in a folder: groups and arrays of one chunk each, as JSON and raw numbers. It is there whole or not at all.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::error::{Error, Result};

/// A store that is being written beside its place; [`finish`](Store::finish) puts it there.
pub(crate) struct Store {
    place: PathBuf,
    beside: PathBuf,
    finished: bool,
}

/// The numbers of an array.
pub(crate) enum Cells<'a> {
    F64(&'a [f64]),
    I64(&'a [i64]),
    Text(&'a [String]),
}

impl Store {
    /// A store that is to be the folder `place`, which is not there yet.
    pub(crate) fn new(place: &Path) -> Result<Self> {
        let failed = |source| Error::Io {
            path: place.to_owned(),
            source,
        };
        if place.exists() {
            let expected = "there is such a file or folder already: nothing is overwritten";
            return Err(Error::config("folder", place.display(), expected));
        }
        let name = place.file_name().map(|name| name.to_string_lossy());
        let name = name.ok_or_else(|| failed(std::io::Error::other("no name of a folder")))?;
        let beside = place.with_file_name(format!(".{name}.{}.part", std::process::id()));
        fs::create_dir(&beside).map_err(failed)?;
        Ok(Self {
            place: place.to_owned(),
            beside,
            finished: false,
        })
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        let whole = self.beside.join(path);
        let folder = whole.parent().unwrap_or(&self.beside);
        let written = fs::create_dir_all(folder).and_then(|()| fs::write(&whole, bytes));
        written.map_err(|source| Error::Io {
            path: self.place.join(path),
            source,
        })
    }

    /// A group, with what is to be said of it; the root's name is empty.
    pub(crate) fn group(&self, name: &str, attributes: &Map<String, Value>) -> Result<()> {
        let about = json!({"zarr_format": 3, "node_type": "group", "attributes": attributes});
        self.write(
            &Path::new(name).join("zarr.json"),
            about.to_string().as_bytes(),
        )
    }

    /// An array in a group: sizes with a name for each dimension.
    pub(crate) fn array(
        &self,
        group: &str,
        name: &str,
        dimensions: &[(String, usize)],
        cells: &Cells<'_>,
    ) -> Result<()> {
        let shape: Vec<usize> = dimensions.iter().map(|(_, n)| *n).collect();
        let names: Vec<&str> = dimensions.iter().map(|(name, _)| name.as_str()).collect();
        let little = json!([{"name": "bytes", "configuration": {"endian": "little"}}]);
        let (kind, fill, codecs, bytes) = match cells {
            Cells::F64(values) => {
                let bytes = values.iter().flat_map(|x| x.to_le_bytes()).collect();
                ("float64", json!("NaN"), little, bytes)
            }
            Cells::I64(values) => {
                let bytes = values.iter().flat_map(|x| x.to_le_bytes()).collect();
                ("int64", json!(0), little, bytes)
            }
            Cells::Text(texts) => {
                let mut bytes: Vec<u8> = (texts.len() as u32).to_le_bytes().to_vec();
                for text in *texts {
                    bytes.extend((text.len() as u32).to_le_bytes());
                    bytes.extend(text.as_bytes());
                }
                ("string", json!(""), json!([{"name": "vlen-utf8"}]), bytes)
            }
        };
        let about = json!({
            "zarr_format": 3, "node_type": "array", "shape": shape, "data_type": kind,
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": shape}},
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
            "fill_value": fill, "codecs": codecs, "attributes": {}, "dimension_names": names,
        });
        let folder = Path::new(group).join(name);
        self.write(&folder.join("zarr.json"), about.to_string().as_bytes())?;
        // The one chunk there is: number 0 in every dimension.
        let chunk = shape
            .iter()
            .fold(folder.join("c"), |path, _| path.join("0"));
        self.write(&chunk, &bytes)
    }

    /// Puts the store in its place.
    pub(crate) fn finish(mut self) -> Result<()> {
        self.finished = true;
        fs::rename(&self.beside, &self.place).map_err(|source| Error::Io {
            path: self.place.clone(),
            source,
        })
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if !self.finished {
            // What is left of a failure is of no use.
            let _ = fs::remove_dir_all(&self.beside);
        }
    }
}
