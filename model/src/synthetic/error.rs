//! What can be wrong with the description of a world.

/// Why a world cannot be made.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum WorldError {
    /// A scene without pixels.
    #[error("a scene needs at least one row and one column")]
    NoPixels,
    /// Pixels that are too small or too large for what is drawn.
    #[error("a pixel size of {0} m is outside 0.1 to 2 m")]
    PixelSize(f64),
    /// More objects than there are instance ids.
    #[error(
        "a scene of {width_px} x {height_px} px covers more ground than there are instance numbers for: use a smaller pixel size or extent"
    )]
    TooLarge {
        /// Columns asked for.
        width_px: u32,
        /// Rows asked for.
        height_px: u32,
    },
}
