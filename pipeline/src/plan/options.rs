//! The options of a plan: everything besides scenes, model and prompts that shapes its results.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use geo_io::{SceneOptions, Trust};
use serde::{Deserialize, Serialize};

use crate::config::{OnBadTile, OutputConfig, PolygonConfig, RunConfig};
use crate::error::PipelineError;
use crate::view::choice::ViewConfig;
use crate::view::part::Part;

/// The options of a plan, as flags would give them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each field is the flag of `segment` with the same name")]
pub struct PlanOptions {
    pub bands: Option<Vec<usize>>,
    pub scale: String,
    pub src_nodata: Option<f64>,
    pub assume_crs: Option<String>,
    pub allow_no_crs: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub untrusted_max_px: Option<u64>,
    pub part: Part,
    pub resolution: String,
    pub frame: String,
    pub views: String,
    pub tile_overlap: String,
    pub threshold: f32,
    pub min_presence: Option<f64>,
    pub min_area: String,
    pub max_uncertainty: Option<f64>,
    pub fill_holes: String,
    pub simplify: Option<f64>,
    pub connectivity: u8,
    pub on_bad_tile: OnBadTile,
    pub raw_uncertainty: bool,
    pub rfc7946: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub regularize: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub smooth: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cog: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub styles: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stac: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cutline: Option<PlannedCutline>,
}

/// The polygons that bound what is worked on, as a plan knows them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedCutline {
    /// The file.
    pub file: PathBuf,
    /// BLAKE3 of its content; none for what is no plain file.
    pub content: Option<String>,
}

impl PlannedCutline {
    fn of(file: &Path) -> Self {
        let hash = || {
            let mut hasher = blake3::Hasher::new();
            // A pipe would block.
            let file = file.metadata().ok().filter(std::fs::Metadata::is_file).and_then(|_| File::open(file).ok());
            std::io::copy(&mut file?, &mut hasher).ok().map(|_| hasher.finalize().to_hex().to_string())
        };
        Self { file: file.to_owned(), content: hash() }
    }
}

impl PlanOptions {
    /// The options of a run.
    #[must_use]
    pub fn new(scene: &SceneOptions, run: &RunConfig) -> Self {
        Self {
            bands: scene.bands.clone(),
            scale: scene.scale.to_string(),
            src_nodata: scene.nodata,
            assume_crs: scene.assume_crs.clone(),
            allow_no_crs: scene.allow_no_crs,
            untrusted_max_px: match scene.trust {
                Trust::Trusted => None,
                Trust::Untrusted { max_px } => Some(max_px),
            },
            part: run.part,
            resolution: run.views.resolution.to_string(),
            frame: run.views.frame.to_string(),
            views: run.views.sizes.to_string(),
            tile_overlap: run.overlap.to_string(),
            threshold: run.threshold,
            min_presence: run.min_presence,
            min_area: run.polygons.min_area.to_string(),
            max_uncertainty: run.polygons.max_uncertainty,
            fill_holes: run.polygons.fill_holes.to_string(),
            simplify: run.polygons.simplify_px,
            connectivity: run.polygons.connectivity(),
            on_bad_tile: run.on_bad_tile,
            raw_uncertainty: run.raw_uncertainty,
            rfc7946: run.outputs.rfc7946,
            regularize: run.polygons.regularize,
            smooth: run.polygons.smooth,
            cog: run.outputs.cog,
            styles: run.outputs.styles,
            stac: run.outputs.stac,
            cutline: run.cutline.as_deref().map(PlannedCutline::of),
        }
    }

    /// Ends the work when the polygons of the cutline are no longer those of the plan.
    pub(super) fn cutline_unchanged(&self) -> Result<(), PipelineError> {
        match &self.cutline {
            Some(planned) if PlannedCutline::of(&planned.file) != *planned => {
                let reason = format!("the cutline {} has changed since it was planned", planned.file.display());
                Err(PipelineError::PlanMismatch { reason })
            }
            _ => Ok(()),
        }
    }

    /// What is written besides polygons and rasters, and how; no names.
    pub(super) fn outputs(&self) -> OutputConfig {
        let Self { cog, styles, stac, rfc7946, .. } = *self;
        OutputConfig { cog, styles, stac, rfc7946, ..OutputConfig::default() }
    }

    /// How scenes are read.
    pub(super) fn scene(&self) -> Result<SceneOptions, String> {
        Ok(SceneOptions {
            bands: self.bands.clone(),
            scale: parsed(&self.scale)?,
            nodata: self.src_nodata,
            assume_crs: self.assume_crs.clone(),
            allow_no_crs: self.allow_no_crs,
            trust: self.untrusted_max_px.map_or(Trust::Trusted, |max_px| Trust::Untrusted { max_px }),
            known_scaling: None,
        })
    }

    /// How runs go.
    pub(super) fn run(&self) -> Result<RunConfig, String> {
        Ok(RunConfig {
            views: ViewConfig {
                resolution: parsed(&self.resolution)?,
                frame: parsed(&self.frame)?,
                sizes: parsed(&self.views)?,
            },
            part: self.part,
            overlap: parsed(&self.tile_overlap)?,
            threshold: self.threshold,
            min_presence: self.min_presence,
            polygons: PolygonConfig {
                min_area: parsed(&self.min_area)?,
                max_uncertainty: self.max_uncertainty,
                fill_holes: parsed(&self.fill_holes)?,
                simplify_px: self.simplify,
                corners_connect: self.connectivity == 8,
                regularize: self.regularize,
                smooth: self.smooth,
            },
            on_bad_tile: self.on_bad_tile,
            raw_uncertainty: self.raw_uncertainty,
            cutline: self.cutline.as_ref().map(|planned| planned.file.clone()),
            ..RunConfig::new(self.outputs())
        })
    }
}

fn parsed<T: FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| error.to_string())
}
