//! Recorded streams: the cuts in `testdata/`, and the full corpus where it exists.

use std::path::{Path, PathBuf};

/// Root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// `$ARANCINI_CORPUS`, or beside the repository.
pub fn corpus() -> Option<PathBuf> {
    let path =
        std::env::var_os("ARANCINI_CORPUS").map_or_else(|| root().join("../shared/corpus"), PathBuf::from);
    path.join("oracle").is_dir().then_some(path)
}

/// The name and bytes of each stream in a directory, sorted by name.
pub fn streams(directory: &Path) -> impl Iterator<Item = (String, Vec<u8>)> + use<> {
    let mut paths: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths.into_iter().filter_map(|path| {
        let file = path.file_name()?.to_str()?;
        if let Some(name) = file.strip_suffix(".bmp.zst") {
            let packed = std::fs::read(&path).unwrap();
            Some((name.to_owned(), zstd::decode_all(&packed[..]).unwrap()))
        } else {
            let name = file.strip_suffix(".bmp")?;
            Some((name.to_owned(), std::fs::read(&path).unwrap()))
        }
    })
}
