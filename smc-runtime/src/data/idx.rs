//! The IDX format of MNIST and its kin: images in one file, their labels in another.

use std::path::Path;

use super::dataset::Dataset;
use super::source::Source;
use crate::base::error::Result;

/// Reads images and their labels from a pair of IDX files of unsigned bytes, as MNIST and Fashion-MNIST come.
///
/// Every row has the pixels of one image, row after row, divided by 255; the target is the label. A file begins with the
/// bytes 0, 0, 8 and the number of dimensions, then the dimensions as big-endian 32-bit numbers, then the data
/// (<http://yann.lecun.com/exdb/mnist/>). Files that gzip has compressed are unpacked on the way, with the feature `gzip`.
/// Both headers are compared before any data are read, and memory grows with what a file holds, not with what its header
/// says.
///
/// # Errors
/// If a file cannot be read; if it is not IDX, has another type of numbers or number of dimensions, is shorter or longer
/// than its header says, or has sizes beyond what can be addressed; and if there are not as many labels as images.
///
/// ```
/// use smc_runtime::data::read_idx;
///
/// # let folder = std::env::temp_dir().join(format!("smc-idx-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// let (images, labels) = (folder.join("images"), folder.join("labels"));
/// // Two images of 1 × 2 pixels, of the classes 7 and 3.
/// std::fs::write(&images, [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 0, 255, 51, 0]).unwrap();
/// std::fs::write(&labels, [0, 0, 8, 1, 0, 0, 0, 2, 7, 3]).unwrap();
/// let data = read_idx(&images, &labels)?;
/// assert_eq!((data.row(0), data.row(1)), (&[0.0, 1.0][..], &[0.2, 0.0][..]));
/// assert_eq!(data.targets(), [7.0, 3.0]);
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok::<(), smc_runtime::Error>(())
/// ```
pub fn read_idx(images: impl AsRef<Path>, labels: impl AsRef<Path>) -> Result<Dataset> {
    read(
        Source::open(images.as_ref())?,
        Source::open(labels.as_ref())?,
    )
}

/// As [`read_idx`], of the files' contents; errors call them `images` and `labels`.
///
/// # Errors
/// As [`read_idx`].
pub fn read_idx_bytes(images: &[u8], labels: &[u8]) -> Result<Dataset> {
    read(
        Source::named("images", images)?,
        Source::named("labels", labels)?,
    )
}

fn read(images: Source<'_>, labels: Source<'_>) -> Result<Dataset> {
    let images = Idx::open(images, "images, two or more", |dimensions| dimensions >= 2)?;
    let labels = Idx::open(labels, "labels, one", |dimensions| dimensions == 1)?;
    let (rows, pixels) = (images.sizes[0], images.sizes[1..].iter().product());
    if labels.sizes[0] != rows {
        return Err(labels.source.wrong(
            "byte 4",
            format!("{rows} labels, one per image"),
            format!("{} labels", labels.sizes[0]),
        ));
    }
    let targets = labels.values(f32::from)?;
    let features = images.values(|byte| f32::from(byte) / 255.0)?;
    Dataset::new(pixels, features, targets)
}

/// An IDX file behind its header.
struct Idx<'a> {
    source: Source<'a>,
    sizes: Vec<usize>,
    /// Length of the header, in bytes.
    header: usize,
    /// Length of the data, in bytes.
    length: usize,
}

impl<'a> Idx<'a> {
    /// Reads the header of a file whose number of dimensions must satisfy `fits`.
    fn open(mut source: Source<'a>, what: &str, fits: impl Fn(u8) -> bool) -> Result<Self> {
        let magic: [u8; 4] = word(&mut source, 0)?;
        let [0, 0, 8, dimensions] = magic else {
            return Err(source.wrong(
                "byte 0",
                "0, 0, 8 and the number of dimensions, which begin an IDX file of unsigned bytes",
                format!("{magic:?}"),
            ));
        };
        if !fits(dimensions) {
            return Err(source.wrong(
                "byte 3",
                format!("the number of dimensions of {what}"),
                dimensions.to_string(),
            ));
        }
        let header = 4 + 4 * usize::from(dimensions);
        let mut sizes = Vec::with_capacity(usize::from(dimensions));
        for at in (4..header).step_by(4) {
            sizes.push(u32::from_be_bytes(word(&mut source, at)?) as usize);
        }
        if let Some(zero) = sizes.iter().position(|&size| size == 0) {
            return Err(source.wrong(
                format!("byte {}", 4 + 4 * zero),
                "a size of at least 1",
                "0",
            ));
        }
        // Every byte becomes an f32.
        let most = isize::MAX as usize / size_of::<f32>();
        let length = sizes
            .iter()
            .try_fold(1usize, |product, &size| product.checked_mul(size));
        match length.filter(|&length| length <= most) {
            Some(length) => Ok(Self {
                source,
                sizes,
                header,
                length,
            }),
            None => Err(source.wrong(
                "byte 4",
                format!("sizes whose product is at most {most}"),
                format!("{sizes:?}"),
            )),
        }
    }

    /// The data, each byte as `value` has it.
    fn values(mut self, value: impl Fn(u8) -> f32) -> Result<Vec<f32>> {
        let mut buffer = [0; 1 << 13];
        let mut values = Vec::new();
        while values.len() < self.length {
            let wanted = buffer.len().min(self.length - values.len());
            let read = self.source.bytes(&mut buffer[..wanted])?;
            if read == 0 {
                return Err(self.source.wrong(
                    format!("byte {}", self.header + values.len()),
                    format!("{} bytes of data, as the header says", self.length),
                    format!("the end of the file after {}", values.len()),
                ));
            }
            values.extend(buffer[..read].iter().map(|&byte| value(byte)));
        }
        if self.source.bytes(&mut buffer[..1])? > 0 {
            return Err(self.source.wrong(
                format!("byte {}", self.header + self.length),
                format!("the end of the file after {} bytes of data", self.length),
                "more bytes",
            ));
        }
        Ok(values)
    }
}

/// The four bytes of a header that begin at byte `at`.
fn word(source: &mut Source<'_>, at: usize) -> Result<[u8; 4]> {
    let mut word = [0; 4];
    let mut filled = 0;
    while filled < 4 {
        let read = source.bytes(&mut word[filled..])?;
        if read == 0 {
            return Err(source.wrong(
                format!("byte {}", at + filled),
                "the header of an IDX file",
                "the end of the file",
            ));
        }
        filled += read;
    }
    Ok(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn file(sizes: &[u32], data: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 0, 8, sizes.len() as u8];
        bytes.extend(sizes.iter().flat_map(|size| size.to_be_bytes()));
        bytes.extend(data);
        bytes
    }

    fn from_bytes(images: impl AsRef<[u8]>, labels: impl AsRef<[u8]>) -> Result<Dataset> {
        read(
            Source::named("test", images.as_ref())?,
            Source::named("test", labels.as_ref())?,
        )
    }

    fn message(images: impl AsRef<[u8]>, labels: impl AsRef<[u8]>) -> String {
        from_bytes(images, labels).unwrap_err().to_string()
    }

    fn images() -> Vec<u8> {
        file(&[2, 1, 3], &[1, 2, 3, 4, 5, 6])
    }

    fn labels() -> Vec<u8> {
        file(&[2], &[9, 0])
    }

    #[test]
    fn the_header_must_be_that_of_unsigned_bytes() {
        let magic = "test, byte 0: expected 0, 0, 8 and the number of dimensions, which begin an IDX file of unsigned \
                     bytes, found ";
        let mut floats = images();
        floats[2] = 0x0d;
        assert_eq!(message(floats, labels()), format!("{magic}[0, 0, 13, 3]"));
        assert_eq!(
            message(b"P5 28 28", labels()),
            format!("{magic}[80, 53, 32, 50]")
        );
        assert_eq!(
            message(labels(), images()),
            "test, byte 3: expected the number of dimensions of images, two or more, found 1"
        );
        assert_eq!(
            message(images(), images()),
            "test, byte 3: expected the number of dimensions of labels, one, found 3"
        );
    }

    #[test]
    fn what_is_too_short_or_too_long_is_refused() {
        assert_eq!(
            message(vec![], labels()),
            "test, byte 0: expected the header of an IDX file, found the end of the file"
        );
        assert_eq!(
            message(&images()[..10], labels()),
            "test, byte 10: expected the header of an IDX file, found the end of the file"
        );
        assert_eq!(
            message(&images()[..20], labels()),
            "test, byte 20: expected 6 bytes of data, as the header says, found the end of the file after 4"
        );
        let mut long = labels();
        long.push(1);
        assert_eq!(
            message(images(), long),
            "test, byte 10: expected the end of the file after 2 bytes of data, found more bytes"
        );
    }

    #[test]
    fn sizes_that_cannot_be_are_refused_before_anything_is_read() {
        let huge = message(file(&[u32::MAX, u32::MAX, u32::MAX], &[]), labels());
        assert!(
            huge.starts_with("test, byte 4: expected sizes whose product is at most"),
            "{huge}"
        );
        assert_eq!(
            message(file(&[2, 0, 3], &[]), labels()),
            "test, byte 8: expected a size of at least 1, found 0"
        );
        // A petabyte, of which the file holds none: to set memory aside for it would end the process.
        assert_eq!(
            message(file(&[1, u32::MAX, 65535], &[]), file(&[1], &[7])),
            "test, byte 16: expected 281470681677825 bytes of data, as the header says, found the end of the file after 0"
        );
    }

    #[test]
    fn there_must_be_as_many_labels_as_images() {
        assert_eq!(
            message(images(), file(&[3], &[9, 0, 1])),
            "test, byte 4: expected 2 labels, one per image, found 3 labels"
        );
    }

    #[cfg(feature = "gzip")]
    #[test]
    fn compressed_files_are_unpacked() {
        use std::io::Write;
        let pack = |bytes: &[u8]| {
            let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            packed.write_all(bytes).unwrap();
            packed.finish().unwrap()
        };
        let plain = from_bytes(images(), labels()).unwrap();
        assert_eq!(from_bytes(pack(&images()), labels()).unwrap(), plain);
        assert_eq!(from_bytes(pack(&images()), pack(&labels())).unwrap(), plain);
        let cut = pack(&images());
        let cut = cut[..cut.len() - 9].to_vec();
        let error = message(cut, labels());
        assert!(error.starts_with("test: "), "{error}");
    }

    #[cfg(not(feature = "gzip"))]
    #[test]
    fn compressed_files_name_the_feature_that_reads_them() {
        assert_eq!(
            message(vec![0x1f, 0x8b, 8, 0], labels()),
            "test, start: expected a file that is not compressed, as this build is without the feature `gzip`, found gzip"
        );
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            height in 1usize..5, width in 1usize..5,
            rows in prop::collection::vec((any::<[u8; 16]>(), any::<u8>()), 1..9),
        ) {
            let pixels = height * width;
            let data: Vec<u8> = rows.iter().flat_map(|(row, _)| row[..pixels].to_vec()).collect();
            let classes: Vec<u8> = rows.iter().map(|(_, label)| *label).collect();
            let sizes = [rows.len(), height, width].map(|size| size as u32);
            let read = from_bytes(file(&sizes, &data), file(&sizes[..1], &classes)).unwrap();
            prop_assert_eq!((read.rows(), read.columns()), (rows.len(), pixels));
            let bytes: Vec<u8> = read.features().iter().map(|x| (x * 255.0).round() as u8).collect();
            prop_assert_eq!(bytes, data);
            let targets: Vec<u8> = read.targets().iter().map(|&y| y as u8).collect();
            prop_assert_eq!(targets, classes);
        }

        #[test]
        fn any_bytes_are_read_or_refused(
            left in prop::collection::vec(any::<u8>(), 0..40),
            right in prop::collection::vec(any::<u8>(), 0..40),
            at in 0usize..22, byte in any::<u8>(), cut in 0usize..23,
        ) {
            let _ = from_bytes(&left, &right);
            let _ = from_bytes([&[0, 0, 8][..], &left].concat(), [&[0, 0, 8][..], &right].concat());
            let mut changed = images();
            changed[at] = byte;
            changed.truncate(cut);
            let _ = from_bytes(changed, labels());
        }
    }
}
