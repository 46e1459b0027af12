//! Referring records, their masks and their pictures: what training and evaluation read.

pub mod augment;
pub mod coco;
pub mod expressions;
pub mod images;
pub mod labelled;
pub mod mask;
pub mod record;
pub mod resize;
pub mod rle;
pub mod sensor;

pub use coco::{CocoImage, CocoOptions, CocoSet};
pub use expressions::{ExpressionOptions, Kind, Phrasings, expressions};
pub use images::{RgbImage, read_rgb};
pub use labelled::{LabelForm, LabelledExpression, LabelledObject, LabelledTile, LocalMask, OutlineTrust};
pub use mask::Mask;
pub use record::{RecordReader, RecordWriter, ReferringRecord};
pub use rle::{Rle, RleError};
