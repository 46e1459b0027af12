//! CroBIM-U: two towers, a cross-modal decoder and the three uncertainty modules of the paper.

use burn::module::{Module, Param};
use burn::nn::{Initializer, LayerNorm, LayerNormConfig, Linear, LinearConfig};
use burn::tensor::backend::Backend;
use burn::tensor::{Bool, Tensor};

use crate::config::{DecoderConfig, ModelConfig};
use crate::decoder::{
    DeformableLayer, DeformableLayerConfig, InteractionLayer, InteractionLayerConfig, LevelProjection,
    LevelProjectionConfig, MaskHead, MaskHeadConfig, PixelDecoder, PixelDecoderConfig, PlacePrior, PlacePriorConfig,
    PresenceHead, PresenceHeadConfig, sine_positions,
};
use crate::ops::ModelBackend;
use crate::ops::linear::{linear_tokens, map_to_tokens, tokens_to_map};
use crate::ops::resize::{Corners, bilinear};
use crate::text::Bert;
use crate::uncertainty::{
    GatedFusion, GatedFusionConfig, LocalRefinement, LocalRefinementConfig, UncertaintyScorer, UncertaintyScorerConfig,
};
use crate::vision::VisionTower;

/// The whole model.
#[derive(Module, Debug)]
pub struct CrobimU<B: Backend> {
    /// The image encoder.
    pub vision: VisionTower<B>,
    /// The text encoder.
    pub text: Bert<B>,
    /// Everything behind the two towers.
    pub decoder: ReferringDecoder<B>,
}

/// Everything behind the two towers: projections, RUS, UGF, interaction layers, FPN, mask head, UDLR.
#[derive(Module, Debug)]
pub struct ReferringDecoder<B: Backend> {
    /// Strides 32, 16 and 8, coarse to fine.
    projections: Vec<LevelProjection<B>>,
    lateral: LevelProjection<B>,
    level_embedding: Param<Tensor<B, 2>>,
    image_layers: Vec<DeformableLayer<B>>,
    text_projection: Linear<B>,
    text_norm: LayerNorm<B>,
    visual_prompts: Param<Tensor<B, 2>>,
    scorer: UncertaintyScorer<B>,
    gated_fusion: Option<GatedFusion<B>>,
    layers: Vec<InteractionLayer<B>>,
    pixel_decoder: PixelDecoder<B>,
    mask_head: MaskHead<B>,
    refinement: Option<LocalRefinement<B>>,
    presence: Option<PresenceHead<B>>,
    place_prior: Option<PlacePrior<B>>,
}

/// What the decoder computes once per image, whatever the phrases.
#[derive(Clone, Debug)]
pub struct ImageEncoding<B: Backend> {
    /// `[batch, token, channel]`, strides 32, 16, 8 one after the other.
    pub tokens: Tensor<B, 3>,
    /// `[batch, fine_width, row, col]` at stride 4.
    pub lateral: Tensor<B, 4>,
    /// Rows and columns of the three levels.
    pub levels: Vec<(usize, usize)>,
}

/// Image and phrases once they have seen each other, before anything is drawn.
#[derive(Clone, Debug)]
pub struct Interacted<B: Backend> {
    /// `[batch, token, channel]`
    visual: Tensor<B, 3>,
    /// `[batch, word + prompt, channel]`
    text: Tensor<B, 3>,
    /// Words among the text tokens.
    words: usize,
    /// `[batch, fine_width, row, col]` at stride 4.
    lateral: Tensor<B, 4>,
    levels: Vec<(usize, usize)>,
    /// The RUS logit at stride 32, `[batch, 1, row, col]`.
    risk: Tensor<B, 4>,
    /// What the words say of places, `[batch, ramp]`.
    places: Option<Tensor<B, 2>>,
    /// The logit of "there is a target", `[batch, 1]`.
    pub presence: Option<Tensor<B, 2>>,
}

/// What the decoder says about each pair of image and phrase.
#[derive(Clone, Debug)]
pub struct Decoded<B: Backend> {
    /// P_fg at the tile's resolution, `[batch, 1, row, col]`.
    pub logit: Tensor<B, 4>,
    /// The refined logit (eq. 16), `[batch, 1, row, col]`; P_fg itself when refinement is off.
    pub refined: Tensor<B, 4>,
    /// The resized RUS logit (eq. 2), `[batch, 1, row, col]`.
    pub uncertainty: Tensor<B, 4>,
    /// The logit of "there is a target", `[batch, 1]`.
    pub presence: Option<Tensor<B, 2>>,
}

impl<B: ModelBackend> Interacted<B> {
    /// The RUS logit at the tile's resolution (eq. 2): all there is to say where nothing is drawn.
    pub fn risk(&self, (rows, cols): (usize, usize)) -> Tensor<B, 4> {
        bilinear(self.risk.clone(), rows, cols, Corners::Aligned)
    }
}

impl ModelConfig {
    /// A model of these sizes with fresh weights.
    pub fn init<B: Backend>(&self, device: &B::Device) -> CrobimU<B> {
        CrobimU {
            vision: self.vision.init(device),
            text: self.text.init(device),
            decoder: self.decoder.init(self.vision.channels(), self.text.width, device),
        }
    }
}

impl DecoderConfig {
    /// A decoder for towers of these channels, with fresh weights.
    pub fn init<B: Backend>(
        &self,
        vision_channels: [usize; 4],
        text_channels: usize,
        device: &B::Device,
    ) -> ReferringDecoder<B> {
        let [stride4, stride8, stride16, stride32] = vision_channels;
        let groups = |width: usize| if width.is_multiple_of(32) { 32 } else { 4 };
        let visual = DeformableLayerConfig::new(self.width, self.heads, 3, self.points, self.hidden);
        let normal = |rows: usize| Initializer::Normal { mean: 0.0, std: 0.02 }.init([rows, self.width], device);
        ReferringDecoder {
            projections: [stride32, stride16, stride8]
                .map(|channels| {
                    LevelProjectionConfig::new(channels, self.width).with_groups(groups(self.width)).init(device)
                })
                .into(),
            lateral: LevelProjectionConfig::new(stride4, self.fine_width)
                .with_groups(groups(self.fine_width))
                .with_bias(false)
                .init(device),
            level_embedding: normal(3),
            image_layers: (0..self.image_layers).map(|_| visual.init(device)).collect(),
            text_projection: LinearConfig::new(text_channels, self.width).init(device),
            text_norm: LayerNormConfig::new(self.width).init(device),
            visual_prompts: normal(self.visual_prompts),
            scorer: UncertaintyScorerConfig::new(self.width).init(device),
            gated_fusion: self
                .gated_fusion
                .then(|| GatedFusionConfig::new(self.width, self.heads).with_dropout(self.fusion_dropout).init(device)),
            layers: (0..self.layers).map(|_| InteractionLayerConfig::new(visual.clone()).init(device)).collect(),
            pixel_decoder: PixelDecoderConfig::new(self.width, self.fine_width)
                .with_groups(groups(self.fine_width))
                .init(device),
            mask_head: MaskHeadConfig::new(self.width, self.fine_width).init(device),
            refinement: (self.refinement_hidden > 0).then(|| {
                LocalRefinementConfig::new(self.fine_width, self.refinement_hidden)
                    .with_full_resolution(self.refinement_full_resolution)
                    .init(device)
            }),
            presence: self.presence.then(|| PresenceHeadConfig::new(self.width).init(device)),
            place_prior: self.place_prior.then(|| PlacePriorConfig::new(self.width).init(device)),
        }
    }
}

impl<B: ModelBackend> ReferringDecoder<B> {
    /// What needs computing once per image.
    ///
    /// # Shapes
    /// `levels`: the tower's four maps at strides 4, 8, 16, 32, each `[batch, channel, row, col]`
    pub fn encode_image(&self, levels: Vec<Tensor<B, 4>>) -> ImageEncoding<B> {
        let mut fine_to_coarse = levels.into_iter();
        let lateral = self.lateral.forward(fine_to_coarse.next().expect("a tower has four levels"));
        let coarse_to_fine = fine_to_coarse.rev();
        let maps: Vec<_> =
            self.projections.iter().zip(coarse_to_fine).map(|(projection, map)| projection.forward(map)).collect();
        let sizes: Vec<_> = maps.iter().map(|map| (map.dims()[2], map.dims()[3])).collect();
        let mut tokens = Tensor::cat(maps.into_iter().map(map_to_tokens).collect(), 1);
        if !self.image_layers.is_empty() {
            let positions = self.positions(&sizes, &tokens.device());
            for layer in &self.image_layers {
                tokens = layer.forward(tokens, positions.clone(), &sizes);
            }
        }
        ImageEncoding { tokens, lateral, levels: sizes }
    }

    /// Text tokens at the decoder's width.
    ///
    /// # Shapes
    /// `[batch, word, channel of the tower]` to `[batch, word, channel]`
    pub fn encode_text(&self, tokens: Tensor<B, 3>) -> Tensor<B, 3> {
        self.text_norm.forward(linear_tokens(&self.text_projection, tokens))
    }

    /// Masks and uncertainty for pairs of images and phrases.
    ///
    /// # Shapes
    /// - `image`: one entry per phrase
    /// - `text`: `[batch, word, channel]` from [`Self::encode_text`], `ignored`: `[batch, word]`, true for padding
    /// - `size`: rows and columns of the tile
    pub fn decode(
        &self,
        image: ImageEncoding<B>,
        text: Tensor<B, 3>,
        ignored: Tensor<B, 2, Bool>,
        size: (usize, usize),
    ) -> Decoded<B> {
        self.draw(self.interact(image, text, ignored), size)
    }

    /// The part of [`Self::decode`] after which it is known whether there is a target.
    pub fn interact(&self, image: ImageEncoding<B>, text: Tensor<B, 3>, ignored: Tensor<B, 2, Bool>) -> Interacted<B> {
        let [batch, words, width] = text.dims();
        let ImageEncoding { tokens, lateral, levels } = image;
        let coarsest = levels[0];
        let risk = self.scorer.forward(
            tokens.clone().narrow(1, 0, coarsest.0 * coarsest.1),
            text.clone(),
            ignored.clone(),
            coarsest,
        );
        let mut visual = self.fuse(tokens, text.clone(), ignored.clone(), &risk, &levels);
        let places = self.place_prior.as_ref().map(|prior| prior.read(text.clone(), ignored.clone()));
        if let Some((prior, places)) = self.place_prior.as_ref().zip(places.as_ref()) {
            let at = levels.iter().map(|&level| prior.at(places.clone(), level)).collect();
            visual = prior.tell(visual, Tensor::cat(at, 1));
        }

        let count = self.visual_prompts.dims()[0];
        let prompts = self.visual_prompts.val().unsqueeze::<3>().expand([batch, count, width]);
        let mut words_and_prompts = Tensor::cat(vec![text, prompts], 1);
        let shown = Tensor::<B, 2, Bool>::full([batch, count], false, &ignored.device());
        let ignored = Tensor::cat(vec![ignored, shown], 1);
        let positions = self.positions(&levels, &visual.device());
        for layer in &self.layers {
            (visual, words_and_prompts) =
                layer.forward(visual, words_and_prompts, ignored.clone(), positions.clone(), &levels);
        }

        let sentence = words_and_prompts.clone().narrow(1, 0, 1);
        let mut coarse = visual.clone().narrow(1, 0, coarsest.0 * coarsest.1);
        if let Some((prior, places)) = self.place_prior.as_ref().zip(places.as_ref()) {
            coarse = prior.discount(coarse, prior.at(places.clone(), coarsest));
        }
        let presence = self.presence.as_ref().map(|head| head.forward(sentence, coarse));
        Interacted { visual, text: words_and_prompts, words, lateral, levels, risk, places, presence }
    }

    /// The rest of [`Self::decode`]: masks and uncertainty.
    pub fn draw(&self, interacted: Interacted<B>, (rows, cols): (usize, usize)) -> Decoded<B> {
        let Interacted { visual, text, words, lateral, levels, risk, places, presence } = interacted;
        let count = self.visual_prompts.dims()[0];
        let (fine_rows, fine_cols) = levels[2];
        let before = levels[0].0 * levels[0].1 + levels[1].0 * levels[1].1;
        let stride8 = tokens_to_map(visual.narrow(1, before, fine_rows * fine_cols), fine_rows, fine_cols);
        let feature = self.pixel_decoder.forward(stride8, lateral);
        let sentence = text.clone().narrow(1, 0, 1);
        let background = text.narrow(1, words, count).mean_dim(1);
        let mut coarse = self.mask_head.forward(feature.clone(), sentence, background);
        if let Some((prior, places)) = self.place_prior.as_ref().zip(places) {
            let [batch, _, rows, cols] = coarse.dims();
            coarse = coarse + prior.at(places, (rows, cols)).reshape([batch, 1, rows, cols]);
        }
        let logit = bilinear(coarse.clone(), rows, cols, Corners::Aligned);
        let uncertainty = bilinear(risk, rows, cols, Corners::Aligned);
        let refined = match &self.refinement {
            Some(refinement) => refinement.forward(feature, coarse, logit.clone(), uncertainty.clone()),
            None => logit.clone(),
        };
        Decoded { logit, refined, uncertainty, presence }
    }

    /// UGF on each level with the same weights (eq. 9-12).
    fn fuse(
        &self,
        tokens: Tensor<B, 3>,
        text: Tensor<B, 3>,
        ignored: Tensor<B, 2, Bool>,
        risk: &Tensor<B, 4>,
        levels: &[(usize, usize)],
    ) -> Tensor<B, 3> {
        let Some(fusion) = &self.gated_fusion else {
            return tokens;
        };
        // Attention, gate and norm work token by token, so the three levels can share one pass.
        let gates = levels
            .iter()
            .map(|&(rows, cols)| map_to_tokens(bilinear(risk.clone(), rows, cols, Corners::Aligned)))
            .collect();
        fusion.forward(tokens, text, ignored, Tensor::cat(gates, 1))
    }

    /// Sine positions plus the level's own embedding, `[1, token, channel]`.
    fn positions(&self, levels: &[(usize, usize)], device: &B::Device) -> Tensor<B, 3> {
        let width = self.level_embedding.dims()[1];
        let embedding = self.level_embedding.val();
        let levels = levels
            .iter()
            .enumerate()
            .map(|(i, &(rows, cols))| sine_positions(rows, cols, width, device) + embedding.clone().narrow(0, i, 1))
            .collect();
        Tensor::cat(levels, 0).unsqueeze()
    }
}
