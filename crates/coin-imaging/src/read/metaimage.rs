//! MetaImage volumes (`.mha`, and `.mhd` with the voxels in other files), raw or compressed, as axial slices in radiological convention.

use flate2::read::ZlibDecoder;

use super::header::{Decode, TextHeader, numbers};
use super::voxels::{self, Element, Fields, Volume, Voxels};
use crate::Error;
use crate::error::excerpt;
use crate::geometry::Affine;
use crate::{Geometry, Limits};

/// The key of the last header line.
const DATA_FILE: &str = "ElementDataFile";

/// Bytes in which the voxels' place must be named if a comment comes first.
const START: usize = 1 << 16;

/// Alternative keys of the axis directions.
const DIRECTIONS: [&str; 3] = ["transformmatrix", "rotation", "orientation"];

/// Whether the bytes start like MetaImage.
pub(crate) fn is_metaimage(bytes: &[u8]) -> bool {
    let begins = |key: &[u8]| bytes.get(..key.len()).is_some_and(|start| start.eq_ignore_ascii_case(key));
    let says_where = || {
        bytes
            .get(..START.min(bytes.len()))
            .is_some_and(|start| start.split(|&byte| byte == b'\n').any(|line| line.starts_with(DATA_FILE.as_bytes())))
    };
    begins(b"ObjectType") || begins(b"NDims") || begins(b"Comment") && says_where()
}

/// The files with the voxels; none if they follow the header.
pub(crate) fn data_files(bytes: &[u8]) -> Vec<String> {
    let header = header(bytes, "");
    header.and_then(|header| Some(header.files(bytes, detached(&header)?))).unwrap_or_default()
}

/// Reads all axial slices in HU. `images` are the files with the voxels of a detached header.
pub(crate) fn read(bytes: &[u8], images: &[&[u8]], name: &str, limits: &Limits) -> Result<Volume, Error> {
    let header = header(bytes, name);
    let header = header.ok_or_else(|| Error::invalid(name, DATA_FILE, "it is missing; export the volume again"))?;
    let stated = header.lengths("DimSize")?;
    let lengths = voxels::lengths(&header, "DimSize", &stated, limits)?;
    let voxels = voxels(&header)?;
    let geometry = Geometry::of(lengths, &affine(&header, stated.len())?);
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
    let (decode, exact): (Decode<'_>, Option<usize>) = match is(&header, "compresseddata") {
        true => (|file| Box::new(ZlibDecoder::new(file)), None),
        false => (|file| Box::new(file), Some(voxels.bytes(lengths))),
    };
    let content = header.voxels(DATA_FILE, bytes, images, detached(&header), exact, decode)?;
    voxels.read(&header, geometry, content, 0, limits)
}

fn header<'a>(bytes: &'a [u8], name: &'a str) -> Option<TextHeader<'a>> {
    let header = TextHeader::parse(bytes, name, '=', |line| line.starts_with(DATA_FILE));
    // A detached header may end without a line break.
    header.or_else(|| TextHeader::whole(bytes, name, '=').filter(|header| header.get(&["elementdatafile"]).is_some()))
}

fn detached<'a>(header: &'a TextHeader<'_>) -> Option<&'a str> {
    header.get(&["elementdatafile"]).filter(|file| !file.eq_ignore_ascii_case("local"))
}

fn is(header: &TextHeader<'_>, key: &str) -> bool {
    header.get(&[key]).is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

fn voxels(header: &TextHeader<'_>) -> Result<Voxels, Error> {
    let stated = header.get(&["elementtype"]).unwrap_or_default();
    let channels = header.get(&["elementnumberofchannels"]).unwrap_or("1");
    if channels != "1" {
        let reason = format!("it is {}; save one volume of scalars", excerpt(channels));
        return Err(header.invalid("ElementNumberOfChannels", reason));
    }
    let element = match stated {
        "MET_CHAR" => Element::I8,
        "MET_UCHAR" => Element::U8,
        "MET_SHORT" => Element::I16,
        "MET_USHORT" => Element::U16,
        // Four bytes on every system.
        "MET_INT" | "MET_LONG" => Element::I32,
        "MET_UINT" | "MET_ULONG" => Element::U32,
        "MET_LONG_LONG" => Element::I64,
        "MET_ULONG_LONG" => Element::U64,
        "MET_FLOAT" => Element::F32,
        "MET_DOUBLE" => Element::F64,
        "" => return Err(header.invalid("ElementType", "it is missing; export the volume again")),
        _ => {
            let reason = format!("\"{}\" is not one real number; save as MET_SHORT or MET_FLOAT", excerpt(stated));
            return Err(header.invalid("ElementType", reason));
        }
    };
    let big_endian = is(header, "binarydatabyteordermsb") || is(header, "elementbyteordermsb");
    Ok(Voxels { element, big_endian, slope: 1.0, intercept: 0.0 })
}

/// The affine in RAS coordinates of a volume with this number of axes; MetaImage uses LPS. Axes beyond three, which have one
/// position, are dropped, and missing ones completed.
fn affine(header: &TextHeader<'_>, axes: usize) -> Result<Affine, Error> {
    let stated = |keys: &[&str], field: &str, otherwise: Vec<f64>| match header.get(keys) {
        Some(stated) => numbers(stated)
            .filter(|numbers| numbers.len() == otherwise.len())
            .ok_or_else(|| header.not_numbers(field, stated, &format!("{} numbers", otherwise.len()))),
        None => Ok(otherwise),
    };
    let on_diagonal = |axis: usize, world: usize| f64::from(u8::from(axis == world));
    let upright = (0..axes * axes).map(|i| on_diagonal(i / axes, i % axes)).collect();
    let directions = stated(&DIRECTIONS, "TransformMatrix", upright)?;
    let origin = stated(&["offset", "position", "origin"], "Offset", vec![0.0; axes])?;
    if header.get(&["elementspacing", "elementsize"]).is_none() {
        return Err(header.invalid("ElementSpacing", "it is missing; save the volume with its spacing"));
    }
    let spacing = stated(&["elementspacing", "elementsize"], "ElementSpacing", vec![1.0; axes])?;
    let row = |world: usize, sign: f64| -> [f64; 4] {
        let step = |axis: usize| match axis.max(world) < axes {
            true => sign * directions[axes * axis + world] * spacing[axis],
            false => sign * on_diagonal(axis, world),
        };
        [step(0), step(1), step(2), sign * origin.get(world).copied().unwrap_or_default()]
    };
    Ok([row(0, -1.0), row(1, -1.0), row(2, 1.0)])
}
