//! MetaImage volumes (`.mha`), raw or compressed, as axial slices in radiological convention.

use std::io::Read;

use flate2::read::ZlibDecoder;

use super::header::{TextHeader, numbers};
use super::voxels::{Element, Fields, Voxels};
use crate::Error;
use crate::geometry::Affine;
use crate::{Geometry, Limits, Slice};

/// The key of the last header line.
const DATA_FILE: &str = "ElementDataFile";

/// Alternative keys of the axis directions.
const DIRECTIONS: [&str; 3] = ["transformmatrix", "rotation", "orientation"];

/// Whether the bytes start like MetaImage.
pub(crate) fn is_metaimage(bytes: &[u8]) -> bool {
    let begins = |key: &[u8]| bytes.get(..key.len()).is_some_and(|start| start.eq_ignore_ascii_case(key));
    begins(b"ObjectType") || begins(b"NDims")
}

/// Reads all axial slices in HU from inferior to superior, and their geometry.
pub(crate) fn read(bytes: &[u8], name: &str, limits: &Limits) -> Result<(Vec<Slice>, Geometry), Error> {
    let header = TextHeader::parse(bytes, name, '=', |line| line.starts_with(DATA_FILE));
    let header = header.ok_or_else(|| Error::invalid(name, DATA_FILE, "it is missing; export the volume again"))?;
    if !header.get(&["elementdatafile"]).is_some_and(|file| file.eq_ignore_ascii_case("local")) {
        return Err(header.invalid(DATA_FILE, "the voxels are in another file; save the volume as one .mha file"));
    }
    let lengths = header.lengths("DimSize", limits)?;
    let voxels = voxels(&header)?;
    let geometry = Geometry::of(lengths, &affine(&header)?);
    let geometry = geometry.map_err(|reason| header.invalid("ElementSpacing", format!("{reason}; export again")))?;
    let geometry = geometry.oriented(header.get(&DIRECTIONS).is_some());
    if header.get(&["binarydata"]).is_some_and(|binary| !binary.eq_ignore_ascii_case("true")) {
        return Err(header.invalid("BinaryData", "voxels written as text are not read; save the volume in binary"));
    }
    if header.get(&["headersize"]).is_some_and(|size| size != "0") {
        return Err(
            header.invalid("HeaderSize", "voxels that do not follow the header are not read; save the volume again")
        );
    }
    let behind = bytes.get(header.end..).unwrap_or_default();
    let content: Box<dyn Read + '_> = match is(&header, "compresseddata") {
        true => Box::new(ZlibDecoder::new(behind)),
        false => Box::new(behind),
    };
    Ok((voxels.read(&header, &geometry, content, 0, limits)?, geometry))
}

fn is(header: &TextHeader<'_>, key: &str) -> bool {
    header.get(&[key]).is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

fn voxels(header: &TextHeader<'_>) -> Result<Voxels, Error> {
    let stated = header.get(&["elementtype"]).unwrap_or_default();
    let channels = header.get(&["elementnumberofchannels"]).unwrap_or("1");
    let element = match (channels, stated) {
        ("1", "MET_CHAR") => Element::I8,
        ("1", "MET_UCHAR") => Element::U8,
        ("1", "MET_SHORT") => Element::I16,
        ("1", "MET_USHORT") => Element::U16,
        ("1", "MET_INT") => Element::I32,
        ("1", "MET_UINT") => Element::U32,
        ("1", "MET_LONG_LONG") => Element::I64,
        ("1", "MET_ULONG_LONG") => Element::U64,
        ("1", "MET_FLOAT") => Element::F32,
        ("1", "MET_DOUBLE") => Element::F64,
        _ => {
            let reason = format!("{stated:?} is not one real number; save as MET_SHORT or MET_FLOAT");
            return Err(header.invalid("ElementType", reason));
        }
    };
    let big_endian = is(header, "binarydatabyteordermsb") || is(header, "elementbyteordermsb");
    Ok(Voxels { element, big_endian, slope: 1.0, intercept: 0.0 })
}

/// The affine in RAS coordinates; MetaImage uses LPS.
fn affine(header: &TextHeader<'_>) -> Result<Affine, Error> {
    let stated = |keys: &[&str], field: &str, otherwise: &[f64]| match header.get(keys) {
        Some(stated) => numbers(stated).filter(|numbers| numbers.len() == otherwise.len()).ok_or_else(|| {
            header.invalid(field, format!("it is not {} numbers; export the volume again", otherwise.len()))
        }),
        None => Ok(otherwise.to_vec()),
    };
    let upright = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0];
    let directions = stated(&DIRECTIONS, "TransformMatrix", &upright)?;
    let origin = stated(&["offset", "position", "origin"], "Offset", &[0.0; 3])?;
    if header.get(&["elementspacing", "elementsize"]).is_none() {
        return Err(header.invalid("ElementSpacing", "it is missing; save the volume with its spacing"));
    }
    let spacing = stated(&["elementspacing", "elementsize"], "ElementSpacing", &[1.0; 3])?;
    let row = |world: usize, sign: f64| -> [f64; 4] {
        let step = |axis: usize| sign * directions[3 * axis + world] * spacing[axis];
        [step(0), step(1), step(2), sign * origin[world]]
    };
    Ok([row(0, -1.0), row(1, -1.0), row(2, 1.0)])
}
