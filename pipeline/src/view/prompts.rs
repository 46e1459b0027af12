//! Answers prompts about a picture held in memory, each in its frame.

use geo_io::PixelSize;
use model::text::frame_words;
use model::{Segmenter, TilePrediction};

use crate::error::PipelineError;
use crate::mosaic::picture::{PictureTiling, answer_picture};
use crate::view::choose::Views;
use crate::view::rescaled::Rescaled;

/// One prompt of a run.
#[derive(Clone, Debug)]
pub struct PromptSpec {
    /// The text.
    pub text: String,
    /// Its words whose meaning depends on the frame.
    pub frame_words: Vec<String>,
}

impl PromptSpec {
    /// A prompt with the words in it that depend on the frame.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self { frame_words: frame_words(&text).iter().map(|&word| word.into()).collect(), text }
    }

    /// Whether its meaning depends on the frame.
    #[must_use]
    pub fn needs_frame(&self) -> bool {
        !self.frame_words.is_empty()
    }
}

/// What the model says about a picture, one entry per prompt, as `segment` would say it about a scene.
///
/// # Shapes
/// `planes`: `[3, row, col]` of the picture, 0 to 255. Predictions: `[row, col]` of the picture.
///
/// # Errors
/// A device that fails, or an overlap that leaves nothing of a tile.
pub fn answer_prompts(
    segmenter: &mut dyn Segmenter,
    (prompts, views): (&[PromptSpec], &Views),
    (size, planes): (PixelSize, &[f32]),
    tiling: PictureTiling,
) -> Result<Vec<TilePrediction>, PipelineError> {
    let mut answers: Vec<Option<TilePrediction>> = prompts.iter().map(|_| None).collect();
    let groups = [(Some(&views.tile), views.by_tile()), (views.scene.as_ref(), views.by_scene())];
    for (view, numbers) in groups {
        let Some(view) = view.filter(|_| !numbers.is_empty()) else { continue };
        let texts: Vec<String> = numbers.iter().map(|&number| prompts[number].text.clone()).collect();
        segmenter.ask(&texts)?;
        let answered = answer_picture(&mut Rescaled::new(segmenter, view), size, planes, tiling)?;
        for (number, answer) in numbers.into_iter().zip(answered) {
            answers[number] = Some(answer);
        }
    }
    answers.into_iter().collect::<Option<Vec<_>>>().ok_or(PipelineError::Stopped("infer"))
}
