//! Writes a contact sheet of phantom patients: `cargo run --release --example contact_sheet -- sheet.png`.

use coin_imaging::anomaly::{AnomalyStyle, insert};
use coin_imaging::phantom::{Organ, Phantom};
use coin_imaging::picture::Picture;
use coin_imaging::{Window, write};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).unwrap_or_else(|| "sheet.png".into());
    let cell = |seed: u64| {
        let phantom = Phantom::generate(seed, 256);
        let kidneys = phantom.mask(Organ::Kidney);
        let inserted = insert(&phantom.slice, &kidneys, Window::PHANTOM, &AnomalyStyle::PHANTOM, seed);
        let slice = inserted.filter(|_| seed % 2 == 1).map_or(phantom.slice, |inserted| inserted.slice);
        Picture::of_slice(&slice, Window::PHANTOM)
    };
    let rows: Vec<Vec<Picture>> = (0..3).map(|row| (0..4).map(|column| cell(row * 4 + column)).collect()).collect();
    let captions = ["normal", "synthetic anomaly", "normal", "synthetic anomaly"];
    std::fs::write(path, write::png(&Picture::grid(&captions, &rows))?)?;
    Ok(())
}
