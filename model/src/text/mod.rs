//! From a phrase to features: WordPiece tokens, then a BERT encoder.

pub mod bert;
pub mod phrase;
pub mod tokenizer;

pub use bert::{Bert, BertConfig};
pub use phrase::{check_prompt, frame_words};
pub use tokenizer::{PromptTokenizer, TokenBatch};
