//! The phantom's anatomy is plausible: all organs, with typical HU and realistic noise.
#![allow(clippy::unwrap_used, reason = "tests")]

use coin_imaging::phantom::{Organ, Phantom};

const SIZE: usize = 128;
const PATIENTS: u64 = 12;

fn patients() -> impl Iterator<Item = Phantom> {
    (0..PATIENTS).map(|seed| Phantom::generate(seed, SIZE))
}

/// Mean HU of `organ`.
fn mean_hu(patient: &Phantom, organ: Organ) -> f32 {
    let mask = patient.mask(organ);
    let hu = patient.slice.hu().iter().zip(mask.as_slice()).filter(|(_, inside)| **inside).map(|(hu, _)| hu);
    hu.sum::<f32>() / mask.count() as f32
}

/// Correlation of the liver's pixels with those `dx` columns and `dy` rows away, excluding its outline, whose pixels
/// contain fat.
fn liver_correlation(patient: &Phantom, dx: usize, dy: usize) -> f32 {
    let (mask, hu) = (patient.mask(Organ::Liver), patient.slice.hu());
    let within =
        |x: usize, y: usize| x > 0 && y > 0 && (x - 1..=x + 1).all(|x| (y - 1..=y + 1).all(|y| mask.get(x, y)));
    let both = mask.pixels().filter(|&(x, y)| within(x, y) && within(x + dx, y + dy));
    let pairs: Vec<[f32; 2]> = both.map(|(x, y)| [hu[y * SIZE + x], hu[(y + dy) * SIZE + x + dx]]).collect();
    let mean = |value: &dyn Fn(&[f32; 2]) -> f32| pairs.iter().map(value).sum::<f32>() / pairs.len() as f32;
    let (a, b) = (mean(&|p| p[0]), mean(&|p| p[1]));
    let covariance = mean(&|p| (p[0] - a) * (p[1] - b));
    covariance / (mean(&|p| (p[0] - a).powi(2)) * mean(&|p| (p[1] - b).powi(2))).sqrt()
}

#[test]
fn one_seed_gives_one_patient() {
    let slice = |seed| Phantom::generate(seed, SIZE).slice;
    for seed in 0..4 {
        assert_eq!(slice(seed), slice(seed));
        assert_ne!(slice(seed), slice(seed + 1));
    }
}

#[test]
fn every_organ_is_present_with_plausible_hu() {
    let organs = [
        (Organ::Outside, -1010.0..=-900.0),
        (Organ::SubcutaneousFat, -120.0..=-85.0),
        (Organ::VisceralFat, -110.0..=-60.0),
        (Organ::Muscle, 40.0..=70.0),
        (Organ::Bone, 200.0..=450.0),
        (Organ::Liver, 60.0..=130.0),
        (Organ::Spleen, 90.0..=140.0),
        (Organ::Kidney, 100.0..=190.0),
        (Organ::Vessel, 90.0..=220.0),
        // Between pure fluid and mostly gas.
        (Organ::Bowel, -600.0..=60.0),
    ];
    for (seed, patient) in patients().enumerate() {
        assert!(patient.slice.hu().iter().all(|hu| (-1024.0..=3071.0).contains(hu)));
        for (organ, plausible) in &organs {
            assert!(patient.mask(*organ).count() > 0, "patient {seed} has no {organ:?}");
            let hu = mean_hu(&patient, *organ);
            assert!(plausible.contains(&hu), "patient {seed}: {organ:?} of {hu} HU");
        }
        assert!(patient.slice.hu()[0] < -900.0, "patient {seed} has no air in the corner");
    }
}

#[test]
fn there_are_two_kidneys_of_similar_size() {
    for (seed, patient) in patients().enumerate() {
        let areas: Vec<usize> =
            patient.mask(Organ::Kidney).largest_components(3).iter().map(|kidney| kidney.count()).collect();
        let [first, second, ref rest @ ..] = areas[..] else { panic!("patient {seed}: {areas:?}") };
        assert!(3 * second > first, "patient {seed}: {areas:?}");
        assert!(rest.iter().all(|crumb| crumb * 10 < second), "patient {seed}: {areas:?}");
    }
}

#[test]
fn kidneys_differ_between_patients() {
    let areas: Vec<usize> = patients().map(|patient| patient.mask(Organ::Kidney).count()).collect();
    let (least, most) = (areas.iter().min().unwrap(), areas.iter().max().unwrap());
    assert!(*most as f32 > 1.15 * *least as f32, "{areas:?}");
}

#[test]
fn noise_is_correlated_between_neighbours_only() {
    for (seed, patient) in patients().enumerate() {
        let across = liver_correlation(&patient, 1, 0);
        let down = liver_correlation(&patient, 0, 1);
        let far = liver_correlation(&patient, 5, 5);
        // The kernel [1 2 1] correlates neighbours by 2/3, and pixels more than two apart not at all.
        let neighbours = [across, down].iter().all(|correlation| (0.5..0.8).contains(correlation));
        assert!(neighbours && far.abs() < 0.3, "patient {seed}: {across} across, {down} down, {far} far");
    }
}
