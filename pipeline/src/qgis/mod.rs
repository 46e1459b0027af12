//! What makes QGIS show results as they are meant: styles beside files, and a project with all of them.

pub(crate) mod project;
pub(crate) mod style;
mod xml;
