//! NRRD volumes (`.nrrd`, teem.sourceforge.net/nrrd), raw or gzipped, as axial slices in radiological convention.

use std::io::Read;

use flate2::read::MultiGzDecoder;

use super::header::{TextHeader, numbers};
use super::voxels::{Element, Fields, Voxels};
use crate::Error;
use crate::geometry::Affine;
use crate::{Geometry, Limits, Slice};

/// Whether the bytes start like NRRD.
pub(crate) fn is_nrrd(bytes: &[u8]) -> bool {
    bytes.starts_with(b"NRRD000")
}

/// Reads all axial slices in HU from inferior to superior, and their geometry.
pub(crate) fn read(bytes: &[u8], name: &str, limits: &Limits) -> Result<(Vec<Slice>, Geometry), Error> {
    let header = TextHeader::parse(bytes, name, ':', str::is_empty);
    let header = header.ok_or_else(|| Error::invalid(name, "header", "it does not end; export the volume again"))?;
    if header.get(&["data file", "datafile"]).is_some() {
        return Err(header.invalid("data file", "the voxels are in another file; save the volume as one .nrrd file"));
    }
    let lengths = header.lengths("sizes", limits)?;
    let voxels = voxels(&header)?;
    let affine = affine(&header)?;
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
    let behind = bytes.get(header.end..).unwrap_or_default();
    let content: Box<dyn Read + '_> = match header.get(&["encoding"]) {
        Some("raw") => Box::new(behind),
        Some("gzip" | "gz") => Box::new(MultiGzDecoder::new(behind)),
        other => {
            let reason = format!("it is {:?}; save the volume raw or gzipped", other.unwrap_or_default());
            return Err(header.invalid("encoding", reason));
        }
    };
    Ok((voxels.read(&header, &geometry, content, 0, limits)?, geometry))
}

fn voxels(header: &TextHeader<'_>) -> Result<Voxels, Error> {
    let stated = header.get(&["type"]).unwrap_or_default();
    let element = match stated {
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
            let reason = format!("{stated:?} is not one real number; save as short or float");
            return Err(header.invalid("type", reason));
        }
    };
    let big_endian = header.get(&["endian"]).is_some_and(|endian| endian.eq_ignore_ascii_case("big"));
    Ok(Voxels { element, big_endian, slope: 1.0, intercept: 0.0 })
}

/// The affine in RAS coordinates.
fn affine(header: &TextHeader<'_>) -> Result<Affine, Error> {
    let space = header.get(&["space"]).unwrap_or("left-posterior-superior").to_ascii_lowercase();
    let signs = match space.as_str() {
        "left-posterior-superior" | "lps" => [-1.0, -1.0, 1.0],
        "right-anterior-superior" | "ras" => [1.0, 1.0, 1.0],
        "left-anterior-superior" | "las" => [-1.0, 1.0, 1.0],
        _ => {
            let reason = format!("{space:?} is not an anatomical space; save with left-posterior-superior");
            return Err(header.invalid("space", reason));
        }
    };
    let damaged = |field: &str| header.invalid(field, "it is not numbers; export the volume again");
    let three = |field: &'static str, stated: &str| -> Result<Vec<f64>, Error> {
        numbers(stated).ok_or_else(|| damaged(field))
    };
    let steps = match (header.get(&["space directions"]), header.get(&["spacings"])) {
        (Some(stated), _) => three("space directions", stated)?,
        (None, Some(stated)) => match three("spacings", stated)?[..] {
            [x, y, z] => vec![x, 0.0, 0.0, 0.0, y, 0.0, 0.0, 0.0, z],
            _ => return Err(damaged("spacings")),
        },
        (None, None) => {
            return Err(header.invalid("space directions", "it is missing; save the volume with its spacing"));
        }
    };
    let origin = match header.get(&["space origin"]) {
        Some(stated) => three("space origin", stated)?,
        None => vec![0.0; 3],
    };
    let (&[ax, ay, az, bx, by, bz, cx, cy, cz], &[x, y, z]) = (&steps[..], &origin[..]) else {
        return Err(damaged("space directions"));
    };
    let rows = [[ax, bx, cx, x], [ay, by, cy, y], [az, bz, cz, z]];
    Ok([0, 1, 2].map(|world| rows[world].map(|mm| signs[world] * mm)))
}
