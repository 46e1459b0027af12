//! Referring records, their masks and their pictures: what training and evaluation read.

pub mod augment;
pub mod coco;
mod coco_folder;
pub mod convert;
pub mod expressions;
pub mod images;
pub mod inspect;
mod inspect_table;
pub mod join;
pub mod labelled;
pub mod mask;
pub mod mask_file;
#[cfg(test)]
mod miniature;
mod phrase_list;
pub mod record;
mod records_folder;
mod refs;
mod refsegrs;
pub mod resize;
mod risbench;
pub mod rle;
mod rrsisd;
pub mod sensor;
pub mod source;
pub mod written;

pub use coco::{CocoImage, CocoOptions, CocoSet};
pub use convert::{ConvertOptions, Converted, EmptyMask, convert};
pub use expressions::{ExpressionOptions, Kind, Phrasings, expressions};
pub use images::{RgbImage, picture_size, read_rgb};
pub use inspect::{DatasetReport, InspectOptions, SplitReport, inspect};
pub use labelled::{LabelForm, LabelledExpression, LabelledObject, LabelledTile, LocalMask, OutlineTrust};
pub use mask::Mask;
pub use record::{RecordReader, RecordWriter, ReferringRecord};
pub use rle::{Rle, RleError};
pub use source::{Dataset, DatasetItem, DatasetKind, TruthSource, UnknownDatasetKind};
pub use written::{WrittenPhrase, read_written};
