//! The options of a job: the flags of `segment` that shape results, by the same names, as numbers or as text.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use geo_io::{ScaleChoice, SceneOptions, Trust};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use crate::budget::Ram;
use crate::config::{
    BATCH, MinArea, OnBadTile, OutputConfig, PolygonConfig, RunConfig, parse_connectivity, parse_presence,
    parse_simplify, parse_threshold, parse_uncertainty,
};
use crate::tiling::Overlap;
use crate::view::choice::{FrameChoice, Resolution, ViewConfig, ViewSizes};
use crate::view::part::Part;

/// The flags of `segment` that shape results, by the same names.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JobOptions {
    bands: Option<Vec<usize>>,
    #[serde(deserialize_with = "spelled")]
    scale: ScaleChoice,
    src_nodata: Option<f64>,
    assume_crs: Option<String>,
    allow_no_crs: bool,
    threshold: Option<Spelled>,
    min_presence: Option<Spelled>,
    bbox: Option<[f64; 4]>,
    srcwin: Option<[u32; 4]>,
    pub(super) cutline: Option<PathBuf>,
    min_area: Option<Spelled>,
    max_uncertainty: Option<Spelled>,
    fill_holes: Option<Spelled>,
    simplify: Option<Spelled>,
    connectivity: Option<Spelled>,
    regularize: bool,
    smooth: bool,
    tile_overlap: Option<Spelled>,
    resolution: Option<Spelled>,
    frame: Option<Spelled>,
    views: Option<Spelled>,
    on_bad_tile: Option<OnBadTile>,
    raw_uncertainty: bool,
    pub(super) rfc7946: bool,
    batch: Option<usize>,
    ram: Option<Spelled>,
}

impl JobOptions {
    /// How scenes are read that come from somebody.
    pub(super) fn scene_options(&self, trust: Trust) -> SceneOptions {
        let Self { bands, scale, src_nodata: nodata, assume_crs, allow_no_crs, .. } = self.clone();
        SceneOptions { bands, scale, nodata, assume_crs, allow_no_crs, trust, known_scaling: None }
    }

    /// How each scene is worked on; names in the options are relative to `folder`.
    ///
    /// # Errors
    /// The option that makes no sense, and why.
    pub(super) fn run_config(&self, outputs: OutputConfig, folder: &Path) -> Result<RunConfig, String> {
        let defaults = RunConfig::new(outputs);
        let batch = self.batch.unwrap_or(BATCH);
        if !(1..=1024).contains(&batch) {
            return Err(format!("options.batch: {batch} is no number from 1 to 1024"));
        }
        Ok(RunConfig {
            views: ViewConfig {
                resolution: value("resolution", self.resolution.as_ref(), Resolution::from_str)?.unwrap_or_default(),
                frame: value("frame", self.frame.as_ref(), FrameChoice::from_str)?.unwrap_or_default(),
                sizes: value("views", self.views.as_ref(), ViewSizes::from_str)?.unwrap_or_default(),
            },
            overlap: value("tile_overlap", self.tile_overlap.as_ref(), Overlap::from_str)?.unwrap_or(defaults.overlap),
            threshold: value("threshold", self.threshold.as_ref(), parse_threshold)?.unwrap_or(defaults.threshold),
            min_presence: value("min_presence", self.min_presence.as_ref(), parse_presence)?,
            part: match (self.bbox, self.srcwin) {
                (Some(_), Some(_)) => return Err("options: give bbox or srcwin, not both".to_owned()),
                (Some(bounds), None) => Part::Box(bounds),
                (None, Some(pixels)) => Part::Pixels(pixels),
                (None, None) => Part::Whole,
            },
            cutline: self.cutline.as_ref().map(|file| folder.join(file)),
            polygons: self.polygon_config()?,
            batch,
            ram: value("ram", self.ram.as_ref(), Ram::from_str)?.unwrap_or_default(),
            // With nobody watching, most of a scene is better than none of it.
            on_bad_tile: self.on_bad_tile.unwrap_or(OnBadTile::Hole),
            raw_uncertainty: self.raw_uncertainty,
            ..defaults
        })
    }

    /// How the mask becomes polygons.
    fn polygon_config(&self) -> Result<PolygonConfig, String> {
        Ok(PolygonConfig {
            min_area: value("min_area", self.min_area.as_ref(), MinArea::from_str)?.unwrap_or(MinArea::Px(0)),
            max_uncertainty: value("max_uncertainty", self.max_uncertainty.as_ref(), parse_uncertainty)?,
            fill_holes: value("fill_holes", self.fill_holes.as_ref(), MinArea::from_str)?.unwrap_or(MinArea::Px(0)),
            simplify_px: value("simplify", self.simplify.as_ref(), parse_simplify)?,
            corners_connect: value("connectivity", self.connectivity.as_ref(), parse_connectivity)?.unwrap_or(false),
            regularize: self.regularize,
            smooth: self.smooth,
        })
    }
}

/// A value that may be written as a number or as text: `0.3` or `"0.3m"`.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Spelled {
    Text(String),
    Whole(i64),
    Number(f64),
}

impl Display for Spelled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Whole(number) => number.fmt(f),
            Self::Number(number) => number.fmt(f),
        }
    }
}

pub(super) fn spelled<'de, D: Deserializer<'de>, T: FromStr<Err: Display>>(deserializer: D) -> Result<T, D::Error> {
    Spelled::deserialize(deserializer)?.to_string().parse().map_err(D::Error::custom)
}

fn value<T, E: Display>(
    name: &str,
    spelled: Option<&Spelled>,
    read: impl FnOnce(&str) -> Result<T, E>,
) -> Result<Option<T>, String> {
    let read = |text: &Spelled| read(&text.to_string()).map_err(|reason| format!("options.{name}: {reason}"));
    spelled.map(read).transpose()
}
