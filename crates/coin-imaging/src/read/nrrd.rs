//! NRRD volumes (`.nrrd`, and `.nhdr` with the voxels in other files; teem.sourceforge.net/nrrd), raw or gzipped, as axial slices in radiological convention.

use super::gzip::Gunzip;
use super::header::{Decode, TextHeader, is_list, numbers};
use super::voxels::{self, Element, Fields, Volume, Voxels};
use crate::Error;
use crate::error::excerpt;
use crate::geometry::Affine;
use crate::{Geometry, Limits};

/// Keys of the file with the voxels.
const DATA_FILE: [&str; 2] = ["data file", "datafile"];

/// A direction or position in mm.
type Vector = [f64; 3];

/// Whether the bytes start like NRRD.
pub(crate) fn is_nrrd(bytes: &[u8]) -> bool {
    bytes.starts_with(b"NRRD000")
}

/// The files with the voxels; none if they follow the header.
pub(crate) fn data_files(bytes: &[u8]) -> Vec<String> {
    let header = header(bytes, "");
    header.and_then(|header| Some(header.files(bytes, header.get(&DATA_FILE)?))).unwrap_or_default()
}

/// Reads all axial slices in HU. `images` are the files with the voxels of a detached header.
pub(crate) fn read(bytes: &[u8], images: &[&[u8]], name: &str, limits: &Limits) -> Result<Volume, Error> {
    let header = header(bytes, name);
    let header = header.ok_or_else(|| Error::invalid(name, "header", "it does not end; export the volume again"))?;
    let (lengths, directions) = axes(&header)?;
    let lengths = voxels::lengths(&header, "sizes", &lengths, limits)?;
    let voxels = voxels(&header)?;
    let affine = affine(&header, directions)?;
    let geometry = Geometry::of(lengths, &affine);
    let geometry = geometry.map_err(|reason| header.invalid("space directions", format!("{reason}; export again")))?;
    let geometry = geometry.oriented(header.get(&["space"]).is_some());
    for field in ["byte skip", "line skip"] {
        if header.get(&[field]).is_some_and(|skip| skip != "0") {
            return Err(
                header.invalid(field, "voxels that do not follow the header are not read; save the volume again")
            );
        }
    }
    let encoding = header.get(&["encoding"]).unwrap_or_default();
    let (decode, exact): (Decode<'_>, Option<usize>) = match encoding.to_ascii_lowercase().as_str() {
        "raw" => (|file| Box::new(file), Some(voxels.bytes(lengths))),
        "gzip" | "gz" => (|file| Box::new(Gunzip::new(file)), None),
        _ => {
            let reason = format!("it is \"{}\"; save the volume raw or gzipped", excerpt(encoding));
            return Err(header.invalid("encoding", reason));
        }
    };
    let content = header.voxels("data file", bytes, images, header.get(&DATA_FILE), exact, decode)?;
    voxels.read(&header, geometry, content, 0, limits)
}

fn header<'a>(bytes: &'a [u8], name: &'a str) -> Option<TextHeader<'a>> {
    let names_files = |line: &str| {
        line.split_once(':').is_some_and(|(key, value)| {
            is_list(value) && DATA_FILE.iter().any(|known| key.trim().eq_ignore_ascii_case(known))
        })
    };
    let header = TextHeader::parse(bytes, name, ':', |line| line.is_empty() || names_files(line));
    // A detached header may end with its file.
    header.or_else(|| TextHeader::whole(bytes, name, ':'))
}

/// Lengths and directions in mm of the axes in space; an axis of length 1 without a direction holds no further values.
fn axes(header: &TextHeader<'_>) -> Result<(Vec<i64>, Vec<Vector>), Error> {
    let stated = header.lengths("sizes")?;
    let directions: Vec<Option<Vector>> = match (header.get(&["space directions"]), header.get(&["spacings"])) {
        (Some(stated), _) => {
            vectors(stated).ok_or_else(|| header.not_numbers("space directions", stated, "directions like (1,0,0)"))?
        }
        (None, Some(stated)) => {
            let steps = numbers(stated).ok_or_else(|| header.not_numbers("spacings", stated, "numbers"))?;
            let step = |(axis, mm): (usize, f64)| {
                mm.is_finite().then(|| std::array::from_fn(|world| if world == axis { mm } else { 0.0 }))
            };
            // Axes that are not in space have the spacing NaN.
            let mut axis = 0..;
            steps.into_iter().map(|mm| if mm.is_finite() { step((axis.next()?, mm)) } else { None }).collect()
        }
        (None, None) => {
            return Err(header.invalid("space directions", "it is missing; save the volume with its spacing"));
        }
    };
    if directions.len() != stated.len() {
        let reason = format!("it has {} directions for {} axes; export again", directions.len(), stated.len());
        return Err(header.invalid("space directions", reason));
    }
    let (mut lengths, mut kept) = (Vec::new(), Vec::new());
    for (axis, (length, direction)) in stated.into_iter().zip(directions).enumerate() {
        match direction {
            Some(direction) if kept.len() < 3 => {
                lengths.push(length);
                kept.push(direction);
            }
            _ if length == 1 => {}
            _ => {
                let reason = format!("axis {} has {length} values per voxel; save one volume of scalars", axis + 1);
                return Err(header.invalid("sizes", reason));
            }
        }
    }
    // A single slice: its normal, 1 mm long, completes the axes.
    if let [[ax, ay, az], [bx, by, bz]] = kept[..] {
        let normal = [ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx];
        let length = normal.iter().map(|part| part * part).sum::<f64>().sqrt();
        lengths.push(1);
        kept.push(normal.map(|part| part / length));
    }
    Ok((lengths, kept))
}

/// The vectors `(x,y,z)`; `none` for an axis that is not in space.
fn vectors(stated: &str) -> Option<Vec<Option<Vector>>> {
    let mut rest = stated.trim();
    let mut found = Vec::new();
    while !rest.is_empty() {
        if let Some(behind) = rest.strip_prefix("none") {
            found.push(None);
            rest = behind.trim_start();
            continue;
        }
        let (inside, behind) = rest.strip_prefix('(')?.split_once(')')?;
        let numbers = numbers(inside)?;
        // NaN stands for none as well, and time is no direction in space.
        let is_none = numbers.iter().all(|part| part.is_nan()) || matches!(numbers[..], [0.0, 0.0, 0.0, _]);
        found.push(if is_none { None } else { Some(vector(&numbers)?) });
        rest = behind.trim_start();
    }
    Some(found)
}

/// A vector in space, whose fourth part is time; those of a single slice may lie in its plane.
fn vector(numbers: &[f64]) -> Option<Vector> {
    match *numbers {
        [x, y, z] | [x, y, z, _] => Some([x, y, z]),
        [x, y] => Some([x, y, 0.0]),
        _ => None,
    }
}

fn voxels(header: &TextHeader<'_>) -> Result<Voxels, Error> {
    let stated = header.get(&["type"]).unwrap_or_default();
    let element = match stated.to_ascii_lowercase().as_str() {
        "signed char" | "int8" | "int8_t" => Element::I8,
        "uchar" | "unsigned char" | "uint8" | "uint8_t" => Element::U8,
        "short" | "short int" | "signed short" | "signed short int" | "int16" | "int16_t" => Element::I16,
        "ushort" | "unsigned short" | "unsigned short int" | "uint16" | "uint16_t" => Element::U16,
        "int" | "signed int" | "int32" | "int32_t" => Element::I32,
        "uint" | "unsigned int" | "uint32" | "uint32_t" => Element::U32,
        "longlong" | "long long" | "long long int" | "signed long long" | "int64" | "int64_t" => Element::I64,
        "ulonglong" | "unsigned long long" | "unsigned long long int" | "uint64" | "uint64_t" => Element::U64,
        "float" => Element::F32,
        "double" => Element::F64,
        _ => {
            let reason = format!("\"{}\" is not one real number; save as short or float", excerpt(stated));
            return Err(header.invalid("type", reason));
        }
    };
    let big_endian = header.get(&["endian"]).is_some_and(|endian| endian.eq_ignore_ascii_case("big"));
    Ok(Voxels { element, big_endian, slope: 1.0, intercept: 0.0 })
}

/// The affine in RAS coordinates.
fn affine(header: &TextHeader<'_>, directions: Vec<Vector>) -> Result<Affine, Error> {
    let space = header.get(&["space"]).unwrap_or("left-posterior-superior").to_ascii_lowercase();
    let signs = match space.trim_end_matches("-time").trim_end_matches('t') {
        "left-posterior-superior" | "lps" => [-1.0, -1.0, 1.0],
        "right-anterior-superior" | "ras" => [1.0, 1.0, 1.0],
        "left-anterior-superior" | "las" => [-1.0, 1.0, 1.0],
        _ => {
            let reason =
                format!("\"{}\" is not an anatomical space; save with left-posterior-superior", excerpt(&space));
            return Err(header.invalid("space", reason));
        }
    };
    let origin = match header.get(&["space origin"]) {
        Some(stated) => numbers(stated).and_then(|numbers| vector(&numbers)),
        None => Some([0.0; 3]),
    };
    let Some(origin) = origin else {
        let stated = header.get(&["space origin"]).unwrap_or_default();
        return Err(header.not_numbers("space origin", stated, "2 or 3 numbers"));
    };
    let [a, b, c] = directions[..] else {
        let reason = format!("it has {} directions in space, not 2 or 3; export the volume again", directions.len());
        return Err(header.invalid("space directions", reason));
    };
    let units = units(header)?;
    let row =
        |world: usize| [a[world], b[world], c[world], origin[world]].map(|part| signs[world] * units[world] * part);
    Ok([0, 1, 2].map(row))
}

/// The lengths in mm of the units of the three directions in space.
fn units(header: &TextHeader<'_>) -> Result<[f64; 3], Error> {
    let mut units = [1.0; 3];
    // Every unit is in quotes.
    let stated = header.get(&["space units"]).unwrap_or_default().split('"').skip(1).step_by(2);
    for (unit, stated) in units.iter_mut().zip(stated) {
        *unit = match stated.trim() {
            "" | "mm" => 1.0,
            "cm" => 10.0,
            "m" => 1000.0,
            "um" | "µm" => 1e-3,
            other => {
                let reason = format!("\"{}\" is no unit of length; save the volume in mm", excerpt(other));
                return Err(header.invalid("space units", reason));
            }
        };
    }
    Ok(units)
}
