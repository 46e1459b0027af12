//! Polygons on their way from strips to files, and what is counted of them.

use geo_io::{
    Component, Connectivity, Detection, GeoContext, SceneInfo, SceneStrip, StripVectorizer, VectorWriter,
    VectorizeOptions,
};

use crate::areas::Areas;
use crate::config::{MinArea, PolygonConfig};
use crate::error::PipelineError;

/// Traces the masks of all prompts of a scene and writes what is large enough.
pub struct PolygonTracer {
    vectorizers: Vec<StripVectorizer>,
    context: GeoContext,
    prompts: Vec<String>,
    config: PolygonConfig,
    keep: usize,
    found: Found,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// Detections written, per prompt.
    pub detections: Vec<u64>,
    /// Detections smaller than the user wants them, per prompt.
    pub below_min_area: Vec<u64>,
    /// Detections less sure than the user wants them, per prompt.
    pub too_uncertain: Vec<u64>,
    /// Detections whose area is unknown, and which are there although a smallest area was asked for.
    pub area_unknown: u64,
    /// Pixels of the mask, per prompt.
    pub mask_px: Vec<u64>,
    /// The ground that the detections written cover, per prompt.
    pub areas: Vec<Areas>,
    /// The first detections, as many as were asked for.
    pub kept: Vec<Detection>,
}

impl PolygonTracer {
    /// For a scene and its prompts; `keep` detections are handed back besides being written.
    ///
    /// # Errors
    /// None at present.
    pub fn new(
        info: &SceneInfo,
        prompts: &[String],
        config: PolygonConfig,
        keep: usize,
    ) -> Result<Self, PipelineError> {
        let options = VectorizeOptions {
            // Small components are dropped here, not in the vectorizer, so that they are counted.
            min_area_px: 0,
            connectivity: if config.corners_connect { Connectivity::Eight } else { Connectivity::Four },
            fill_holes_px: fill_holes_px(config.fill_holes, info),
            with_saddles: config.shaping().needs_saddles(),
        };
        let vectorizer = || StripVectorizer::new(info.size.width, info.size.height, options);
        let none = vec![0; prompts.len()];
        Ok(Self {
            vectorizers: prompts.iter().map(|_| vectorizer()).collect(),
            context: GeoContext::new(info)?,
            prompts: prompts.to_vec(),
            config,
            keep,
            found: Found {
                detections: none.clone(),
                below_min_area: none.clone(),
                too_uncertain: none.clone(),
                mask_px: none,
                areas: vec![Areas::default(); prompts.len()],
                ..Found::default()
            },
        })
    }

    /// Takes the next rows of a prompt's mask.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn push(
        &mut self,
        prompt: usize,
        strip: &SceneStrip,
        vector: Option<&mut VectorWriter>,
    ) -> Result<(), PipelineError> {
        self.found.mask_px[prompt] += strip.mask.iter().filter(|&&label| label == 1).count() as u64;
        let components = self.vectorizers[prompt].push(strip);
        self.write(prompt, &components, vector)
    }

    /// Writes what reaches the last row.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn finish(mut self, mut vector: Option<&mut VectorWriter>) -> Result<Found, PipelineError> {
        for (prompt, vectorizer) in std::mem::take(&mut self.vectorizers).into_iter().enumerate() {
            let components = vectorizer.finish();
            self.write(prompt, &components, vector.as_deref_mut())?;
        }
        Ok(self.found)
    }

    fn write(
        &mut self,
        prompt: usize,
        components: &[Component],
        mut vector: Option<&mut VectorWriter>,
    ) -> Result<(), PipelineError> {
        let PolygonConfig { min_area, max_uncertainty, .. } = self.config;
        let shaping = self.config.shaping();
        let found = &mut self.found;
        for component in components {
            if matches!(min_area, MinArea::Px(min) if component.n_px < min) {
                found.below_min_area[prompt] += 1;
                continue;
            }
            if max_uncertainty.is_some_and(|most| component.stats.unc_mean > most) {
                found.too_uncertain[prompt] += 1;
                continue;
            }
            let detection = Detection::shaped(component, &self.context, &self.prompts[prompt], shaping)?;
            // A detection whose area is unknown is kept: nothing is dropped in silence.
            if matches!((min_area, detection.area_m2), (MinArea::M2(min), Some(area)) if area < min) {
                found.below_min_area[prompt] += 1;
                continue;
            }
            let unknown = matches!(min_area, MinArea::M2(min) if min > 0.0) && detection.area_m2.is_none();
            found.area_unknown += u64::from(unknown);
            if let Some(vector) = vector.as_mut() {
                vector.write(&detection)?;
            }
            found.detections[prompt] += 1;
            found.areas[prompt].add(&detection);
            if found.kept.len() < self.keep {
                found.kept.push(detection);
            }
        }
        Ok(())
    }
}

/// The largest hole that is filled, in pixels as large as the one in the middle of the scene.
fn fill_holes_px(area: MinArea, info: &SceneInfo) -> u64 {
    match area {
        MinArea::Px(area) => area,
        // The cast saturates and rounds down: a hole that is larger than asked for is never filled.
        MinArea::M2(area) => info.pixel_size_m.map_or(0, |side| (area / (side * side) + 1e-9) as u64),
    }
}
