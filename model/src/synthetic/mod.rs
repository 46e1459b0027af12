//! Drawn overhead scenes with exact masks, and referring expressions that are true of them.

mod cell;
mod demo;
mod draw_building;
mod draw_transport;
mod draw_works;
mod error;
mod expose;
mod expressions;
mod frame;
mod grammar;
mod instance;
mod layout;
mod layout_water;
mod layout_works;
mod lexicon;
mod look;
mod meaning;
mod noise;
mod paint;
mod parse;
mod rng;
mod sample;
mod select;
mod shapes;
mod site;
mod terrain;
#[cfg(test)]
mod tests;
mod world;

pub use demo::{DEMO_PROMPTS, demo_world};
pub use error::WorldError;
pub use expressions::{Expression, ExpressionKind, expressions, resolve};
pub use frame::{Frame, Visible};
pub use grammar::say;
pub use instance::{Category, Colour, FIRST_OBJECT_ID, Instance, Kind};
pub use look::Look;
pub use meaning::{Count, Link, Meaning, Noun, Place, Relation, Size, Superlative};
pub use parse::parse;
pub use rng::Dice;
pub use sample::{Sample, sample};
pub use select::select;
pub use terrain::Theme;
pub use world::{Rendered, World, WorldConfig};
