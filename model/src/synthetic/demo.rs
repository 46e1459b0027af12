//! The scene and the prompts of the demo, fixed before any training.

use super::look::Look;
use super::terrain::Theme;
use super::world::WorldConfig;

/// One prompt of a category, one with an attribute, one with a relation.
pub const DEMO_PROMPTS: [&str; 3] = ["storage tanks", "buildings with a red roof", "the ships next to the pier"];

/// A harbour between industry and gardens, 1,280 px square at 0.3 m: tanks of several colours, roofs of six,
/// ships at piers and ships out on the water.
#[must_use]
pub fn demo_world() -> WorldConfig {
    WorldConfig {
        seed: 1,
        width_px: 1280,
        height_px: 1280,
        pixel_size_m: 0.3,
        look: Look::from_seed(1),
        theme: Theme::Auto,
        origin_m: (5760.0, -1500.0),
        angle_deg: 0.0,
    }
}
