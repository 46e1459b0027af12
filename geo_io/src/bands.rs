//! Which bands make the picture.

use gdal::Dataset;
use gdal::Metadata;
use gdal::raster::{ColorInterpretation, GdalDataType, RasterBand};

/// More bands than any camera has: a header that claims them is damaged or hostile.
const MAX_BANDS: usize = 10_000;

/// Why bands cannot be chosen.
#[derive(Debug, PartialEq)]
pub(crate) enum Refusal {
    /// The scene is at fault.
    Scene(String),
    /// The user's choice is.
    Option(String),
}

/// The bands that make the picture, counted from 1.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Colour {
    Rgb([usize; 3]),
    Grey(usize),
    /// A band of indices and the colour of each.
    Palette(usize, Vec<[u8; 3]>),
}

impl Colour {
    pub(crate) fn bands(&self) -> Vec<usize> {
        match self {
            Self::Rgb(bands) => bands.to_vec(),
            Self::Grey(band) | Self::Palette(band, _) => vec![*band],
        }
    }
}

/// The type of stored samples, with what GDAL 3.6 says only in metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sample {
    U8,
    I8,
    Other(GdalDataType),
}

impl Sample {
    pub(crate) fn of(band: &RasterBand) -> Self {
        let signed = band.metadata_item("PIXELTYPE", "IMAGE_STRUCTURE").is_some_and(|text| text == "SIGNEDBYTE");
        match band.band_type() {
            GdalDataType::UInt8 if signed => Self::I8,
            GdalDataType::UInt8 => Self::U8,
            other if other.name() == "Int8" => Self::I8,
            other => Self::Other(other),
        }
    }

    /// Bytes of one stored sample.
    pub(crate) fn bytes_of(band: &RasterBand) -> u64 {
        match band.band_type() {
            // The safe layer has no names for complex types; the largest takes 16 bytes.
            GdalDataType::Unknown => 16,
            known => u64::from(known.bytes()),
        }
    }

    pub(crate) fn name(self) -> String {
        match self {
            Self::U8 => "Byte".to_owned(),
            Self::I8 => "Int8".to_owned(),
            Self::Other(other) => other.name(),
        }
    }

    pub(crate) fn is_float(self) -> bool {
        matches!(self, Self::Other(other) if other.is_floating())
    }
}

/// Chooses bands: those the user names, or else by their colour meaning. Says in `notes` what a user should know.
pub(crate) fn choose(dataset: &Dataset, wanted: Option<&[usize]>, notes: &mut Vec<String>) -> Result<Colour, Refusal> {
    let count = dataset.raster_count();
    if count == 0 {
        return Err(Refusal::Scene(without_bands(dataset)));
    }
    if count > MAX_BANDS {
        return Err(Refusal::Scene(format!("it claims {count} bands, more than {MAX_BANDS}")));
    }
    let colour = match wanted {
        Some(bands) => named(bands, count)?,
        None => by_meaning(dataset, count, notes)?,
    };
    for index in colour.bands() {
        let band = band_of(dataset, index)?;
        // The safe layer has no names for complex types.
        if band.band_type() == GdalDataType::Unknown {
            return Err(Refusal::Scene(format!(
                "band {index} holds complex samples, which are no picture (make an amplitude first: gdal_translate -b {index} \
                 DERIVED_SUBDATASET:LOGAMPLITUDE:IN OUT.tif)"
            )));
        }
    }
    with_palette(dataset, colour, notes)
}

fn named(bands: &[usize], count: usize) -> Result<Colour, Refusal> {
    if let Some(band) = bands.iter().find(|band| **band == 0 || **band > count) {
        return Err(Refusal::Option(format!("band {band} is out of range: the scene has bands 1 to {count}")));
    }
    match *bands {
        [grey] => Ok(Colour::Grey(grey)),
        [red, green, blue] => Ok(Colour::Rgb([red, green, blue])),
        _ => Err(Refusal::Option(format!(
            "{} bands were named: name one (grey) or three (red, green, blue)",
            bands.len()
        ))),
    }
}

fn by_meaning(dataset: &Dataset, count: usize, notes: &mut Vec<String>) -> Result<Colour, Refusal> {
    use ColorInterpretation::{AlphaBand, BlueBand, GreenBand, RedBand};
    let mut meanings = Vec::with_capacity(count);
    for index in 1..=count {
        meanings.push(band_of(dataset, index)?.color_interpretation());
    }
    let find = |meaning| meanings.iter().position(|found| *found == meaning).map(|index| index + 1);
    let plain: Vec<usize> = (1..=count).filter(|index| meanings[index - 1] != AlphaBand).collect();
    if let (Some(red), Some(green), Some(blue)) = (find(RedBand), find(GreenBand), find(BlueBand)) {
        if plain.len() > 4 {
            notes.push(format!("{count} bands: {red}, {green}, {blue} used as red, green, blue; others by --bands"));
        }
        return Ok(Colour::Rgb([red, green, blue]));
    }
    match plain[..] {
        [grey] => {
            notes.push("one band: used as grey".to_owned());
            Ok(Colour::Grey(grey))
        }
        [red, green, blue, ..] => {
            notes.push(format!(
                "no colour meaning: bands {red}, {green}, {blue} used as red, green, blue; others by --bands"
            ));
            Ok(Colour::Rgb([red, green, blue]))
        }
        _ => Err(Refusal::Scene(format!(
            "its {} bands without alpha are neither grey nor red, green, blue (choose by --bands 1, or --bands 1,2,2)",
            plain.len()
        ))),
    }
}

/// A single band of indices is looked at through its colours.
fn with_palette(dataset: &Dataset, colour: Colour, notes: &mut Vec<String>) -> Result<Colour, Refusal> {
    let Colour::Grey(index) = colour else { return Ok(colour) };
    let band = band_of(dataset, index)?;
    let Some(table) = band.color_table() else { return Ok(colour) };
    let byte = |value: i16| value.clamp(0, 255) as u8;
    let colours: Vec<[u8; 3]> = (0..table.entry_count())
        .map(|index| table.entry_as_rgb(index).map_or([0; 3], |entry| [byte(entry.r), byte(entry.g), byte(entry.b)]))
        .collect();
    if colours.is_empty() {
        return Ok(colour);
    }
    notes.retain(|note| !note.starts_with("one band"));
    notes.push(format!("palette of {} colours expanded", colours.len()));
    Ok(Colour::Palette(index, colours))
}

fn band_of(dataset: &Dataset, index: usize) -> Result<RasterBand<'_>, Refusal> {
    dataset.rasterband(index).map_err(|_| Refusal::Scene(format!("band {index} cannot be used")))
}

fn without_bands(dataset: &Dataset) -> String {
    let parts: Vec<String> = dataset
        .metadata_domain("SUBDATASETS")
        .unwrap_or_default()
        .iter()
        .filter_map(|item| {
            item.split_once('=').filter(|(key, _)| key.ends_with("_NAME")).map(|(_, name)| name.to_owned())
        })
        .collect();
    match parts.len() {
        0 => "it has no bands".to_owned(),
        count => {
            let more = if count > 3 { format!(" or {} more", count - 3) } else { String::new() };
            format!("it is a container; name one of its parts instead: {}{more}", parts[..count.min(3)].join(" or "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gdal::DriverManager;

    fn raster(bands: usize) -> Dataset {
        DriverManager::get_driver_by_name("MEM").unwrap().create("", 4, 4, bands).unwrap()
    }

    fn with_meanings(meanings: &[ColorInterpretation]) -> Dataset {
        let dataset = raster(meanings.len());
        for (index, meaning) in meanings.iter().enumerate() {
            let meaning = ColorInterpretation::from_c_int(meaning.c_int()).unwrap();
            dataset.rasterband(index + 1).unwrap().set_color_interpretation(meaning).unwrap();
        }
        dataset
    }

    #[test]
    fn colours_are_found_by_meaning_and_alpha_is_no_colour() {
        use ColorInterpretation::{AlphaBand, BlueBand, GrayIndex, GreenBand, RedBand};
        let bgra = with_meanings(&[BlueBand, GreenBand, RedBand, AlphaBand]);
        assert_eq!(choose(&bgra, None, &mut vec![]), Ok(Colour::Rgb([3, 2, 1])));
        let mut notes = vec![];
        let grey_alpha = with_meanings(&[GrayIndex, AlphaBand]);
        assert_eq!(choose(&grey_alpha, None, &mut notes), Ok(Colour::Grey(1)));
        assert_eq!(notes, ["one band: used as grey"]);
    }

    #[test]
    fn two_bands_and_no_bands_are_refused_and_the_user_may_choose() {
        use ColorInterpretation::{GrayIndex, Undefined};
        let two = with_meanings(&[GrayIndex, Undefined]);
        assert!(matches!(choose(&two, None, &mut vec![]), Err(Refusal::Scene(_))));
        assert_eq!(choose(&two, Some(&[2]), &mut vec![]), Ok(Colour::Grey(2)));
        assert!(matches!(choose(&raster(0), None, &mut vec![]), Err(Refusal::Scene(_))));
    }

    #[test]
    fn a_band_out_of_range_or_a_pair_of_bands_is_the_users_mistake() {
        for wanted in [vec![4], vec![0], vec![1, 2], vec![]] {
            assert!(matches!(choose(&raster(3), Some(&wanted), &mut vec![]), Err(Refusal::Option(_))), "{wanted:?}");
        }
    }
}
