//! Writes finished rows and traces their polygons.

use std::path::PathBuf;
use std::time::Duration;

use geo_io::{
    ClassOptions, ClassWriter, PendingOutput, RasterOptions, RasterOrigin, RasterWriter, SceneInfo, VectorOptions,
    VectorWriter,
};
use tokio::sync::mpsc::Receiver;

use crate::config::{PolygonConfig, RunConfig};
use crate::error::PipelineError;
use crate::outputs::{OutputNames, layers};
use crate::polygons::{Found, PolygonTracer};
use crate::qgis::style::{Style, qml};
use crate::stage::{BusyClock, Cancel, StripSet};

/// The open outputs of a run, all under temporary names.
pub struct Writers {
    rasters: Vec<RasterWriter>,
    classes: Option<ClassWriter>,
    vector: Option<VectorWriter>,
}

impl Writers {
    /// Creates the outputs.
    ///
    /// # Errors
    /// An output that exists or cannot be created.
    pub fn create(
        names: &OutputNames,
        prompts: &[String],
        info: &SceneInfo,
        config: &RunConfig,
    ) -> Result<Self, PipelineError> {
        let overwrite = config.outputs.overwrite;
        let cog = config.outputs.cog;
        let raster = |(path, prompt): (&PathBuf, &String)| {
            let origin = RasterOrigin {
                prompt: prompt.clone(),
                scene: info.short_name(),
                threshold: Some(config.threshold),
                first_px: info.origin,
            };
            let options = RasterOptions { overwrite, raw_uncertainty: config.raw_uncertainty, cog, origin };
            RasterWriter::create(info, path, &options)
        };
        let classes = |path: &PathBuf| ClassWriter::create(info, path, prompts, &ClassOptions { overwrite, cog });
        let vector_options = VectorOptions {
            rfc7946: config.outputs.rfc7946,
            overwrite,
            layers: layers(prompts),
            several_parts: config.polygons.corners_connect,
            style_qml: config.outputs.styles.then(|| qml(&[Style::Detections], &[])),
            ..VectorOptions::default()
        };
        let wanted = !names.vectors.is_empty();
        Ok(Self {
            rasters: names.rasters.iter().zip(prompts).map(raster).collect::<Result<_, _>>()?,
            classes: names.class_raster.as_ref().map(classes).transpose()?,
            vector: wanted.then(|| VectorWriter::create_all(&names.vectors, info, &vector_options)).transpose()?,
        })
    }
}

impl Writers {
    /// Writes the last polygons, and closes and verifies all.
    fn finish(mut self, tracer: PolygonTracer, cancel: &Cancel) -> Result<Written, PipelineError> {
        let found = tracer.finish(self.vector.as_mut())?;
        let mut pending = PendingOutput::default();
        for raster in self.rasters {
            pending = pending.merge(raster.finish_unless(&|| cancel.is_stopped())?);
        }
        if let Some(classes) = self.classes {
            pending = pending.merge(classes.finish()?);
        }
        if let Some(vector) = self.vector {
            pending = pending.merge(vector.finish()?);
        }
        Ok(Written { pending, found })
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
    /// How the mask becomes polygons.
    pub polygons: PolygonConfig,
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
    /// What was found.
    pub found: Found,
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
        let mut tracer = PolygonTracer::new(&self.info, &self.prompts, self.polygons, self.keep)?;
        let mut rows = 0;
        while rows < size.height {
            self.cancel.check(Self::NAME)?;
            let strips = self.input.blocking_recv().ok_or(PipelineError::Stopped(Self::NAME))?;
            clock.time(|| -> Result<(), PipelineError> {
                for (writer, strip) in self.writers.rasters.iter_mut().zip(&strips) {
                    writer.write_rows(strip)?;
                }
                if let Some(classes) = &mut self.writers.classes {
                    classes.write_rows(&strips)?;
                }
                for (prompt, strip) in strips.iter().enumerate() {
                    rows = strip.row_off + strip.rows;
                    tracer.push(prompt, strip, self.writers.vector.as_mut())?;
                }
                Ok(())
            })?;
        }
        self.cancel.check(Self::NAME)?;
        let written = clock.time(|| self.writers.finish(tracer, &self.cancel))?;
        Ok((written, clock.total()))
    }
}
