//! What has been answered of a unit, kept on disk so that no interruption costs more than the tiles in hand.

pub mod codec;
pub mod log;
