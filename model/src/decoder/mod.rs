//! The cross-modal decoder: from two towers' features to a mask logit.

mod attention;
mod deformable_encoder;
mod interaction;
mod mask_head;
mod pixel_decoder;
mod place_prior;
mod position;
mod presence;
mod projection;

pub use attention::{CrossAttention, CrossAttentionConfig};
pub use deformable_encoder::{DeformableLayer, DeformableLayerConfig};
pub use interaction::{InteractionLayer, InteractionLayerConfig};
pub use mask_head::{MaskHead, MaskHeadConfig};
pub use pixel_decoder::{PixelDecoder, PixelDecoderConfig};
pub use place_prior::{PlacePrior, PlacePriorConfig};
pub use position::sine_positions;
pub use presence::{PresenceHead, PresenceHeadConfig};
pub use projection::{LevelProjection, LevelProjectionConfig};
