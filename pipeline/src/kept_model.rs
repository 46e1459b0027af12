//! A model that stays open from scene to scene: a job of many small scenes would spend most of its time on opening it.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use model::{ModelError, ModelInfo, Segmenter, SegmenterOptions, TileImage, TilePrediction, TilePredictor};

/// The model that is open and not in use, and whether one is to be kept at all.
static SHELF: Mutex<Shelf> = Mutex::new(Shelf { is_open: false, model: None });

struct Shelf {
    is_open: bool,
    model: Option<Kept>,
}

/// An open model and what it was opened by.
struct Kept {
    segmenter: Box<dyn Segmenter>,
    folder: PathBuf,
    options: SegmenterOptions,
}

/// As long as it lives, a model that is done with one scene waits for the next, which must ask for the same folder and
/// options. The folder is not looked at again meanwhile.
#[derive(Debug)]
pub struct ModelShelf(());

impl ModelShelf {
    /// Begins to keep a model.
    #[must_use]
    pub fn open() -> Self {
        shelf(|shelf| shelf.is_open = true);
        Self(())
    }
}

impl Drop for ModelShelf {
    fn drop(&mut self) {
        shelf(|shelf| *shelf = Shelf { is_open: false, model: None });
    }
}

fn shelf<T>(with: impl FnOnce(&mut Shelf) -> T) -> T {
    with(&mut SHELF.lock().unwrap_or_else(PoisonError::into_inner))
}

/// The model that was kept, if it is the one wanted.
pub(crate) fn take(folder: &Path, options: &SegmenterOptions) -> Option<Box<dyn Segmenter>> {
    let kept = shelf(|shelf| shelf.model.take_if(|kept| kept.folder == folder && kept.options == *options))?;
    Some(Box::new(Lent(Some(kept))))
}

/// The model as it is, or, while one is kept, one that comes back to the shelf when it is dropped.
pub(crate) fn lend(segmenter: Box<dyn Segmenter>, folder: &Path, options: &SegmenterOptions) -> Box<dyn Segmenter> {
    if !shelf(|shelf| shelf.is_open) {
        return segmenter;
    }
    Box::new(Lent(Some(Kept { segmenter, folder: folder.to_owned(), options: *options })))
}

/// A model that goes back to the shelf.
struct Lent(Option<Kept>);

impl Lent {
    fn inner(&self) -> &dyn Segmenter {
        self.0.as_ref().map(|kept| kept.segmenter.as_ref()).expect("it is taken out only when this is dropped")
    }

    fn inner_mut(&mut self) -> &mut dyn Segmenter {
        self.0.as_mut().map(|kept| kept.segmenter.as_mut()).expect("it is taken out only when this is dropped")
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        // A model that something panicked in is not to be trusted.
        if let Some(kept) = self.0.take().filter(|_| !std::thread::panicking()) {
            shelf(|shelf| {
                if shelf.is_open {
                    shelf.model = Some(kept);
                }
            });
        }
    }
}

impl TilePredictor for Lent {
    fn tile_px(&self) -> usize {
        self.inner().tile_px()
    }

    fn prompt_count(&self) -> usize {
        self.inner().prompt_count()
    }

    fn predict(&mut self, tiles: &[TileImage]) -> Result<Vec<Vec<TilePrediction>>, ModelError> {
        self.inner_mut().predict(tiles)
    }
}

impl Segmenter for Lent {
    fn ask(&mut self, prompts: &[String]) -> Result<(), ModelError> {
        self.inner_mut().ask(prompts)
    }

    fn info(&self) -> &ModelInfo {
        self.inner().info()
    }

    fn nearest_known(&self, prompt: &str) -> Result<Option<Vec<String>>, ModelError> {
        self.inner().nearest_known(prompt)
    }
}
