//! A predictor that is shown the scene at another pixel size than it has.

use model::{ModelError, TileImage, TilePrediction, TilePredictor};

use crate::mosaic::blend::{CALIBRATED_AT, implied_probability, label_uncertainty, towards};
use crate::view::resample::Resampler;

/// A square of the scene and how it is shown to the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Its side in pixels of the scene.
    pub side_px: usize,
    /// The sides at which the model sees it, multiples of 32; answers from several are averaged.
    pub model_px: Vec<usize>,
}

impl View {
    /// The view that shows the scene's own pixels.
    #[must_use]
    pub fn plain(side_px: usize) -> Self {
        Self { side_px, model_px: vec![side_px] }
    }

    /// Whether the model sees the scene's own pixels and nothing else.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.model_px == [self.side_px]
    }
}

/// A predictor of tiles of a view's side, made of one that is asked at the view's other sides.
///
/// Resampling serves the model only: what comes back lies on the pixels of the tile that was given.
pub struct Rescaled<'a> {
    inner: &'a mut dyn TilePredictor,
    view: &'a View,
}

impl<'a> Rescaled<'a> {
    /// Asks `inner` through `view`.
    pub fn new(inner: &'a mut dyn TilePredictor, view: &'a View) -> Self {
        Self { inner, view }
    }
}

impl TilePredictor for Rescaled<'_> {
    fn tile_px(&self) -> usize {
        self.view.side_px
    }

    fn prompt_count(&self) -> usize {
        self.inner.prompt_count()
    }

    fn predict(&mut self, tiles: &[TileImage]) -> Result<Vec<Vec<TilePrediction>>, ModelError> {
        let side = self.view.side_px;
        if let Some(TileImage { side_px, rgb }) =
            tiles.iter().find(|tile| tile.side_px != side || tile.rgb.len() != 3 * side * side)
        {
            let wanted = format!("three planes of {side} px square");
            return Err(ModelError::TileSide { wanted, got: *side_px, values: rgb.len() });
        }
        if self.view.is_plain() {
            return self.inner.predict(tiles);
        }
        let mut means: Vec<Vec<Blend>> = Vec::new();
        for (earlier, &model_px) in self.view.model_px.iter().enumerate() {
            let (there, back) = (Resampler::new(side, model_px), Resampler::new(model_px, side));
            let shown: Vec<TileImage> =
                tiles.iter().map(|tile| TileImage { side_px: model_px, rgb: there.planes(&tile.rgb) }).collect();
            let answers = self.inner.predict(&shown)?;
            let returned = answers.iter().map(|tile| tile.iter().map(|answer| Blend::new(answer, &back)).collect());
            let returned = returned.collect::<Result<Vec<Vec<Blend>>, _>>()?;
            if means.is_empty() {
                means = returned;
                continue;
            }
            let share = 1.0 / (earlier + 1) as f32;
            for (mean, value) in means.iter_mut().flatten().zip(returned.iter().flatten()) {
                mean.mix(value, share);
            }
        }
        Ok(means.into_iter().map(|tile| tile.into_iter().map(Blend::into_prediction).collect()).collect())
    }
}

/// A prediction in the terms in which predictions may be averaged.
struct Blend {
    probability: Vec<f32>,
    implied: Vec<f32>,
    raw_implied: Option<Vec<f32>>,
    /// The highest of all sizes: what was seen at one of them is there.
    presence: Option<f32>,
}

impl Blend {
    /// What the model said, on the pixels of the tile.
    fn new(answer: &TilePrediction, back: &Resampler) -> Result<Self, ModelError> {
        let TilePrediction { probability, uncertainty, raw_uncertainty, presence } = answer;
        let area = back.from_px().pow(2);
        for plane in [probability, uncertainty].into_iter().chain(raw_uncertainty) {
            if plane.len() != area {
                return Err(ModelError::Device(format!("{} values for {area} pixels", plane.len())));
            }
        }
        let implied = |doubt: &[f32]| -> Vec<f32> {
            probability.iter().zip(doubt).map(|(&p, &u)| implied_probability(p, u)).collect()
        };
        Ok(Self {
            probability: back.plane(probability),
            implied: back.plane(&implied(uncertainty)),
            raw_implied: raw_uncertainty.as_deref().map(|raw| back.plane(&implied(raw))),
            presence: *presence,
        })
    }

    fn mix(&mut self, other: &Self, share: f32) {
        let mix = |mean: &mut [f32], value: &[f32]| {
            for (mean, &value) in mean.iter_mut().zip(value) {
                *mean = towards(*mean, value, share);
            }
        };
        mix(&mut self.probability, &other.probability);
        mix(&mut self.implied, &other.implied);
        if let (Some(mean), Some(value)) = (&mut self.raw_implied, &other.raw_implied) {
            mix(mean, value);
        }
        self.presence = self.presence.into_iter().chain(other.presence).reduce(f32::max);
    }

    fn into_prediction(self) -> TilePrediction {
        // Rounding may have left a value beyond 0..1 by a unit in the last place; what is no number stays none.
        let unit = |value: f32| value.clamp(0.0, 1.0);
        let probability: Vec<f32> = self.probability.into_iter().map(unit).collect();
        let doubt = |implied: Vec<f32>| -> Vec<f32> {
            let labelled = probability.iter().zip(implied);
            labelled.map(|(&p, q)| unit(label_uncertainty(p, q, CALIBRATED_AT))).collect()
        };
        let (uncertainty, raw_uncertainty) = (doubt(self.implied), self.raw_implied.map(doubt));
        TilePrediction { uncertainty, raw_uncertainty, probability, presence: self.presence }
    }
}

#[cfg(test)]
#[path = "rescaled_tests.rs"]
mod tests;
