//! Pictures for people: panels, colours, letters.

pub mod furniture;
pub mod letters;
pub mod panels;
pub mod sheet;
