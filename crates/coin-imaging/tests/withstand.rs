//! Fuzzing: files of every format, truncated at every byte and mutated at random, never cause a panic, hang or
//! unbounded allocation. They give slices or a typed error. `COIN_DAMAGE=100000` sets the number of mutations per file.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

mod damage;

use std::io::Cursor;
use std::path::Path;
use std::time::{Duration, Instant};
use std::{env, fs};

use coin_imaging::{File, Limits, Window, open_all};
use image::{GrayImage, ImageFormat};
use peak_alloc::PeakAlloc;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// Most memory that opening a small file may take, whatever it claims.
const MEMORY: usize = 512 << 20;
/// Longest time that opening a file may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// Files up to this size are truncated at every byte.
const SHORT: usize = 4096;

/// A file of every format: those made by `tests/interop/readers.py corpus`, and pictures.
fn corpus() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<(String, Vec<u8>)> = entries
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(path).unwrap()))
        .collect();
    let picture = GrayImage::from_fn(12, 10, |x, y| image::Luma([(x * y) as u8]));
    for (name, format) in [
        ("slice.png", ImageFormat::Png),
        ("slice.jpg", ImageFormat::Jpeg),
        ("slice.tif", ImageFormat::Tiff),
        ("slice.bmp", ImageFormat::Bmp),
    ] {
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, format).unwrap();
        files.push((name.into(), bytes.into_inner()));
    }
    files.sort();
    files
}

/// Number of opened files, and the peak cost.
#[derive(Default)]
struct Tally {
    inputs: usize,
    opened: usize,
    memory: usize,
    time: Duration,
}

impl Tally {
    fn open(&mut self, name: &str, bytes: &[u8]) {
        let before = HEAP.current_usage();
        HEAP.reset_peak_usage();
        let started = Instant::now();
        let opened = open_all(&[File { name, bytes }], Window::ABDOMEN, &Limits::default());
        let (time, memory) = (started.elapsed(), HEAP.peak_usage().saturating_sub(before));
        if let Err(error) = &opened {
            let message = error.to_string();
            assert!(message.starts_with(name) && !message.contains('\n'), "{message}");
        }
        if memory > MEMORY || time > PATIENCE {
            fs::write(env::temp_dir().join(format!("withstand-{name}")), bytes).unwrap();
        }
        assert!(memory <= MEMORY, "{name} takes {memory} bytes");
        assert!(time <= PATIENCE, "{name} takes {time:?}");
        self.inputs += 1;
        self.opened += usize::from(opened.is_ok());
        self.memory = self.memory.max(memory);
        self.time = self.time.max(time);
    }
}

/// Two acquisitions of one series are damaged and opened together.
#[test]
fn damaged_series_are_handled() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let slice = fs::read(folder.join("dicom-explicit.dcm")).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let mut scans = 0;
    for _ in 0..damage::times(500) {
        let files: Vec<Vec<u8>> = (0..6).map(|_| damage::damaged(&mut rng, &slice, &slice)).collect();
        let files: Vec<File<'_>> = files.iter().map(|bytes| File { name: "slice", bytes }).collect();
        let before = HEAP.current_usage();
        HEAP.reset_peak_usage();
        if let Ok(opened) = open_all(&files, Window::ABDOMEN, &Limits::default()) {
            scans += opened.scans.len();
            // No slice is dropped in silence: it is in a volume, a copy, or left out with its reason.
            let slices: usize = opened.scans.iter().map(coin_imaging::Scan::slice_count).sum();
            let said = opened.notes.len() + opened.scans.iter().map(|scan| scan.notes().len()).sum::<usize>();
            assert!(
                slices + opened.notes.len() >= files.len() || said > 0,
                "{slices} slices and no word of the others"
            );
        }
        assert!(HEAP.peak_usage().saturating_sub(before) <= MEMORY);
    }
    assert!(scans > 0);
}

#[test]
fn damaged_files_are_handled() {
    let corpus = corpus();
    assert!(corpus.len() > 25, "{} kinds", corpus.len());
    let times = damage::times(2000);
    let mut tally = Tally::default();
    for (i, (name, bytes)) in corpus.iter().enumerate() {
        tally.open(name, bytes);
        assert_eq!(tally.opened, i + 1, "{name} is read as it is");
    }
    let whole = std::mem::take(&mut tally);
    for (name, bytes) in &corpus {
        for length in 0..bytes.len().min(SHORT) {
            tally.open(name, &bytes[..length]);
        }
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        for _ in 0..times {
            let other = &corpus[rng.random_range(0..corpus.len())].1;
            let damaged = damage::damaged(&mut rng, bytes, other);
            tally.open(name, &damaged);
        }
    }
    let Tally { inputs, opened, memory, time } = tally;
    let megabytes = memory >> 20;
    println!(
        "{} kinds, {inputs} damaged files, {opened} read; at most {megabytes} MiB and {time:.1?} each",
        whole.inputs
    );
}
