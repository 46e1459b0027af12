//! All that is decided about a scene before its first tile: how it is shown to the model, and what is asked.

use std::sync::Arc;

use geo_io::{BlockMemory, Cutline, Scene, SceneInfo};

use crate::config::RunConfig;
use crate::error::PipelineError;
use crate::report::ModelReport;
use crate::tiling::TilePlan;
use crate::view::choose::{ViewRequest, Views};
use crate::view::prompts::PromptSpec;

/// A scene, a model, prompts and options, and what follows from them. The same four always give the same.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The scene as it is read.
    pub info: SceneInfo,
    /// The part of it that results are written of, as a raster of its own.
    pub output: SceneInfo,
    /// The model.
    pub model: ModelReport,
    /// The polygons outside of which nothing is wanted.
    pub cutline: Option<Arc<Cutline>>,
    /// What is looked for.
    pub prompts: Vec<PromptSpec>,
    /// How to go about it.
    pub config: RunConfig,
    /// What is to be said about prompts that the model is not made for.
    pub vocabulary_notes: Vec<String>,
    /// How tiles and scene are shown to the model.
    pub views: Views,
    /// All tiles.
    pub plan: Arc<TilePlan>,
    /// What GDAL should be able to keep so that large blocks are decoded once; `None` where it does not matter.
    pub cache_bytes: Option<u64>,
    /// What blocks take while readers decode them.
    pub block_memory: BlockMemory,
}

impl Setting {
    /// Chooses views and lays tiles over a scene.
    ///
    /// # Errors
    /// [`PipelineError::Usage`] for options that do not fit the scene.
    pub fn new(
        scene: &Scene,
        model: ModelReport,
        prompts: Vec<PromptSpec>,
        config: RunConfig,
        vocabulary_notes: Vec<String>,
    ) -> Result<Self, PipelineError> {
        let info = scene.info().clone();
        let views = Views::choose(&ViewRequest {
            size: info.size,
            pixel_size_m: info.pixel_size_m,
            model: &model,
            prompts: &prompts,
            raw_uncertainty: config.raw_uncertainty,
            config: &config.views,
        })?;
        let tile_px = u32::try_from(views.tile.side_px).map_err(|_| PipelineError::Stopped("plan"))?;
        let part = config.part.window(&info)?;
        let plan = TilePlan::new(info.size, tile_px, config.overlap)?.within(part);
        let output = info.cut(part);
        let cutline = config.cutline.as_deref().map(|path| Cutline::open(path, &info)).transpose()?.map(Arc::new);
        tracing::info!("{} tiles of {tile_px} px, one every {} px", plan.len(), plan.stride_px());
        let cache_bytes = scene.wanted_cache_bytes(plan.tile_px());
        Ok(Self {
            cache_bytes,
            block_memory: scene.block_memory(),
            info,
            output,
            model,
            cutline,
            prompts,
            config,
            vocabulary_notes,
            views,
            plan: Arc::new(plan),
        })
    }

    /// The texts of some prompts.
    pub(crate) fn texts(&self, numbers: &[usize]) -> Vec<String> {
        numbers.iter().map(|&number| self.prompts[number].text.clone()).collect()
    }
}
