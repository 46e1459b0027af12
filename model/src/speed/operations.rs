//! How many floating point operations a model spends on a tile, counted from its sizes.

use crate::config::ModelConfig;
use crate::vision::VisionConfig;

/// Floating point operations in products and convolutions; a multiplication and an addition are two.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Operations {
    /// Once a tile.
    pub image: f64,
    /// Once a tile and prompt.
    pub prompt: f64,
}

impl Operations {
    /// The operations of a model on a tile of `side_px`.
    #[must_use]
    pub fn of(config: &ModelConfig, side_px: usize) -> Self {
        let channels = config.vision.channels();
        let pixels = |stride: usize| side_px.div_ceil(stride).pow(2);
        let decoder = &config.decoder;
        let (width, fine, words) = (decoder.width, decoder.fine_width, config.max_tokens);
        let tokens = pixels(8) + pixels(16) + pixels(32);

        // Offsets, weights, value, output, the samples with their four corners, and the feed-forward network.
        let samples = 3 * decoder.points;
        let deformable =
            tokens * (width * (3 * samples * decoder.heads + 2 * width + 2 * decoder.hidden) + width * samples * 4);
        let projections: usize =
            [8, 16, 32].iter().zip(&channels[1..]).map(|(&s, &from)| pixels(s) * from * width).sum();
        let lateral = pixels(4) * channels[0] * fine;
        let image = vision(&config.vision, side_px) + projections + lateral + decoder.image_layers * deformable;

        let text = words + decoder.visual_prompts;
        let scorer = pixels(32) * (width * width + 2 * words * width + 2 * width * width + width);
        let fusion = usize::from(decoder.gated_fusion) * tokens * (3 * width * width + 2 * words * width);
        // To the text: keys and values; from it: queries and output; scores and gathering both ways. Then the text.
        let interaction = tokens * (4 * width * width + 4 * text * width)
            + text * width * (12 * width + 2 * text + 2 * decoder.hidden)
            + deformable;
        let reduce = if width == fine { 0 } else { pixels(8) * width * fine };
        let heads = reduce + pixels(4) * (9 * fine * fine + 3 * fine * fine + fine);
        let narrow = decoder.refinement_hidden;
        let refined = if decoder.refinement_full_resolution { pixels(1) } else { pixels(4) };
        let refinement = refined * (9 * (fine + 2) * narrow + 9 * narrow * narrow + narrow);
        let refinement = if narrow == 0 { 0 } else { refinement };
        let prompt = scorer + fusion + decoder.layers * interaction + heads + refinement;
        Self { image: 2.0 * image as f64, prompt: 2.0 * prompt as f64 }
    }
}

/// Multiplications of a tower.
fn vision(config: &VisionConfig, side_px: usize) -> usize {
    match config {
        VisionConfig::Convnext(config) => {
            let mut from = 3;
            let stages = config.channels.iter().zip(config.depths).enumerate().map(|(stage, (&channels, depth))| {
                let pixels = side_px.div_ceil(4 << stage).pow(2);
                let kernel = if stage == 0 { 16 } else { 4 };
                let entering = kernel * from * channels;
                from = channels;
                pixels * (entering + depth * (49 * channels + 8 * channels * channels))
            });
            stages.sum()
        }
        VisionConfig::EfficientnetLite(config) => {
            let mut side = side_px.div_ceil(2);
            let mut sum = side * side * 27 * 32;
            for block in config.blocks() {
                let wide = block.channels_in * block.expansion;
                let widen = if block.expansion == 1 { 0 } else { side * side * block.channels_in * wide };
                side = side.div_ceil(block.stride);
                sum += widen + side * side * (block.kernel * block.kernel * wide + wide * block.channels_out);
            }
            sum
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// PyTorch's `FlopCounterMode` counts 230.83e9 for `base` at 480 px and 5.186e9 for `small` at 320 px, one prompt
    /// each (`model/benches/torch_side.py`); it leaves out the samples of deformable attention.
    #[test]
    fn the_count_is_that_of_pytorch_within_five_percent() {
        for (config, counted) in [(ModelConfig::base(), 230.83e9), (ModelConfig::small(), 5.186e9)] {
            let Operations { image, prompt } = Operations::of(&config, config.tile_px);
            let own = image + prompt;
            assert!((own / counted - 1.0).abs() < 0.05, "{}: {own:.4e} and {counted:.4e}", config.name);
        }
    }
}
