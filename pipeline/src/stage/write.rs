//! Writes finished rows and traces their polygons.

use std::time::Duration;

use geo_io::{
    Component, Detection, GeoContext, PendingOutput, RasterOptions, RasterWriter, SceneInfo, StripVectorizer,
    VectorOptions, VectorWriter, VectorizeOptions,
};
use tokio::sync::mpsc::Receiver;

use crate::config::{MinArea, RunConfig};
use crate::error::PipelineError;
use crate::outputs::OutputNames;
use crate::stage::{BusyClock, Cancel, StripSet};

/// The open outputs of a run, all under temporary names.
pub struct Writers {
    rasters: Vec<RasterWriter>,
    vector: Option<VectorWriter>,
}

impl Writers {
    /// Creates the outputs.
    ///
    /// # Errors
    /// An output that exists or cannot be created.
    pub fn create(names: &OutputNames, info: &SceneInfo, config: &RunConfig) -> Result<Self, PipelineError> {
        let overwrite = config.outputs.overwrite;
        let raster_options = RasterOptions { overwrite, raw_uncertainty: config.raw_uncertainty };
        let vector_options = VectorOptions { rfc7946: config.outputs.rfc7946, overwrite, ..VectorOptions::default() };
        let create = |path: &std::path::PathBuf| RasterWriter::create(info, path, &raster_options);
        Ok(Self {
            rasters: names.rasters.iter().map(create).collect::<Result<_, _>>()?,
            vector: names.vector.as_ref().map(|path| VectorWriter::create(path, info, &vector_options)).transpose()?,
        })
    }
}

/// Writes strips as they are finished.
pub struct WriteStage {
    /// The open outputs.
    pub writers: Writers,
    /// The scene that the strips are rows of.
    pub info: SceneInfo,
    /// What was looked for.
    pub prompts: Vec<String>,
    /// The smallest detection that is written.
    pub min_area: MinArea,
    /// How many detections to keep for the caller.
    pub keep: usize,
    /// Finished rows from the top.
    pub input: Receiver<StripSet>,
    /// Tells when to stop.
    pub cancel: Cancel,
}

/// What a run has written, complete but not yet under its final names.
pub struct Written {
    /// All outputs but the report.
    pub pending: PendingOutput,
    /// Detections written, per prompt.
    pub detections: Vec<u64>,
    /// Detections smaller than the user wants them, per prompt.
    pub below_min_area: Vec<u64>,
    /// Detections whose area is unknown, and which are there although a smallest area was asked for.
    pub area_unknown: u64,
    /// Pixels of the mask, per prompt.
    pub mask_px: Vec<u64>,
    /// The first detections, as many as were asked for.
    pub kept: Vec<Detection>,
}

impl WriteStage {
    /// The name of the stage in reports and errors.
    pub const NAME: &str = "write";

    /// Writes all strips, closes and verifies the outputs, and returns them with the time it took.
    ///
    /// # Errors
    /// An output that cannot be written, or [`PipelineError::Stopped`] when the input ends early.
    pub fn run(mut self) -> Result<(Written, Duration), PipelineError> {
        let mut clock = BusyClock::default();
        let size = self.info.size;
        let mut tracing = Tracing::new(&self)?;
        let mut rows = 0;
        while rows < size.height {
            self.cancel.check(Self::NAME)?;
            let strips = self.input.blocking_recv().ok_or(PipelineError::Stopped(Self::NAME))?;
            clock.time(|| -> Result<(), PipelineError> {
                for (writer, strip) in self.writers.rasters.iter_mut().zip(&strips) {
                    writer.write_rows(strip)?;
                }
                for (prompt, strip) in strips.iter().enumerate() {
                    rows = strip.row_off + strip.rows;
                    tracing.mask_px[prompt] += strip.mask.iter().filter(|&&label| label == 1).count() as u64;
                    let components = tracing.vectorizers[prompt].push(strip);
                    tracing.write(prompt, &components, self.writers.vector.as_mut())?;
                }
                Ok(())
            })?;
        }
        self.cancel.check(Self::NAME)?;
        let written = clock.time(|| tracing.finish(self.writers))?;
        Ok((written, clock.total()))
    }
}

/// Polygons on their way from strips to the file.
struct Tracing {
    vectorizers: Vec<StripVectorizer>,
    context: GeoContext,
    prompts: Vec<String>,
    min_area: MinArea,
    keep: usize,
    detections: Vec<u64>,
    below_min_area: Vec<u64>,
    area_unknown: u64,
    mask_px: Vec<u64>,
    kept: Vec<Detection>,
}

impl Tracing {
    fn new(stage: &WriteStage) -> Result<Self, PipelineError> {
        let size = stage.info.size;
        // Small components are dropped here, not in the vectorizer, so that they are counted.
        let vectorizer = || StripVectorizer::new(size.width, size.height, VectorizeOptions::default());
        let none = vec![0; stage.prompts.len()];
        Ok(Self {
            vectorizers: stage.prompts.iter().map(|_| vectorizer()).collect(),
            context: GeoContext::new(&stage.info)?,
            prompts: stage.prompts.clone(),
            min_area: stage.min_area,
            keep: stage.keep,
            detections: none.clone(),
            below_min_area: none.clone(),
            area_unknown: 0,
            mask_px: none,
            kept: Vec::new(),
        })
    }

    fn write(
        &mut self,
        prompt: usize,
        components: &[Component],
        mut vector: Option<&mut VectorWriter>,
    ) -> Result<(), PipelineError> {
        for component in components {
            if matches!(self.min_area, MinArea::Px(min) if component.n_px < min) {
                self.below_min_area[prompt] += 1;
                continue;
            }
            let detection = Detection::from_component(component, &self.context, &self.prompts[prompt])?;
            // A detection whose area is unknown is kept: nothing is dropped in silence.
            if matches!((self.min_area, detection.area_m2), (MinArea::M2(min), Some(area)) if area < min) {
                self.below_min_area[prompt] += 1;
                continue;
            }
            let unknown = matches!(self.min_area, MinArea::M2(min) if min > 0.0) && detection.area_m2.is_none();
            self.area_unknown += u64::from(unknown);
            if let Some(vector) = vector.as_mut() {
                vector.write(&detection)?;
            }
            self.detections[prompt] += 1;
            if self.kept.len() < self.keep {
                self.kept.push(detection);
            }
        }
        Ok(())
    }

    fn finish(mut self, mut writers: Writers) -> Result<Written, PipelineError> {
        for (prompt, vectorizer) in std::mem::take(&mut self.vectorizers).into_iter().enumerate() {
            let components = vectorizer.finish();
            self.write(prompt, &components, writers.vector.as_mut())?;
        }
        let mut pending = PendingOutput::default();
        for raster in writers.rasters {
            pending = pending.merge(raster.finish()?);
        }
        if let Some(vector) = writers.vector {
            pending = pending.merge(vector.finish()?);
        }
        let Self { detections, below_min_area, area_unknown, mask_px, kept, .. } = self;
        Ok(Written { pending, detections, below_min_area, area_unknown, mask_px, kept })
    }
}
