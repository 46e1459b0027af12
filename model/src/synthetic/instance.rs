//! What can be in a scene: categories, kinds, colours, and one object with its attributes.

use serde::{Deserialize, Serialize};

use super::look::Rgb;

/// What something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// A roof of any kind.
    Building,
    /// A car or truck.
    Vehicle,
    /// A ship or boat.
    Ship,
    /// A round storage tank.
    StorageTank,
    /// A swimming pool.
    SwimmingPool,
    /// A tennis or basketball court.
    SportsCourt,
    /// An airplane.
    Airplane,
    /// A pier or jetty.
    Pier,
    /// A bridge.
    Bridge,
    /// A road, a region.
    Road,
    /// Sea, river or lake, a region.
    Water,
    /// Closed forest, a region.
    Forest,
    /// Single trees, taken together.
    Tree,
    /// Farmland, a region.
    Field,
    /// Parking ground of airplanes, a region.
    Apron,
}

impl Category {
    /// Every category.
    pub const ALL: [Self; 15] = [
        Self::Building,
        Self::Vehicle,
        Self::Ship,
        Self::StorageTank,
        Self::SwimmingPool,
        Self::SportsCourt,
        Self::Airplane,
        Self::Pier,
        Self::Bridge,
        Self::Road,
        Self::Water,
        Self::Forest,
        Self::Tree,
        Self::Field,
        Self::Apron,
    ];

    /// True for what is not counted: all its pixels in a frame are one instance per kind.
    #[must_use]
    pub fn is_region(self) -> bool {
        matches!(self, Self::Road | Self::Water | Self::Forest | Self::Tree | Self::Field | Self::Apron)
    }

    /// The name used in records: `storage_tank`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Building => "building",
            Self::Vehicle => "vehicle",
            Self::Ship => "ship",
            Self::StorageTank => "storage_tank",
            Self::SwimmingPool => "swimming_pool",
            Self::SportsCourt => "sports_court",
            Self::Airplane => "airplane",
            Self::Pier => "pier",
            Self::Bridge => "bridge",
            Self::Road => "road",
            Self::Water => "water",
            Self::Forest => "forest",
            Self::Tree => "tree",
            Self::Field => "field",
            Self::Apron => "apron",
        }
    }
}

/// A finer kind within a category.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Nothing more to say.
    Plain,
    /// A building people live in.
    House,
    /// A large building for goods.
    Warehouse,
    /// A car.
    Car,
    /// A truck.
    Truck,
    /// A tennis court.
    Tennis,
    /// A basketball court.
    Basketball,
    /// Water of the sea.
    Sea,
    /// Water of a river.
    River,
    /// Water of a lake or pond.
    Lake,
}

/// A colour that a phrase can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Colour {
    /// Red or terracotta.
    Red,
    /// Mid grey.
    Grey,
    /// White.
    White,
    /// Brown.
    Brown,
    /// Blue.
    Blue,
    /// Black or very dark.
    Black,
    /// Green.
    Green,
    /// Yellow.
    Yellow,
}

impl Colour {
    /// Every colour.
    pub const ALL: [Self; 8] =
        [Self::Red, Self::Grey, Self::White, Self::Brown, Self::Blue, Self::Black, Self::Green, Self::Yellow];

    /// The middle of what is called by this name.
    pub(crate) fn rgb(self) -> Rgb {
        match self {
            Self::Red => [0.62, 0.24, 0.18],
            Self::Grey => [0.50, 0.50, 0.51],
            Self::White => [0.90, 0.90, 0.88],
            Self::Brown => [0.40, 0.29, 0.21],
            Self::Blue => [0.20, 0.36, 0.62],
            Self::Black => [0.16, 0.16, 0.17],
            Self::Green => [0.22, 0.45, 0.30],
            Self::Yellow => [0.80, 0.66, 0.20],
        }
    }
}

/// One thing of a scene, or one region.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Instance {
    /// Its number in the instance raster, never 0.
    pub id: u32,
    /// What it is.
    pub category: Category,
    /// What it is, more finely.
    pub kind: Kind,
    /// Its colour, where the generator chose one that has a name.
    pub colour: Option<Colour>,
    /// Longer side in metres; 0 for regions.
    pub length_m: f64,
    /// Shorter side in metres; 0 for regions.
    pub width_m: f64,
    /// Ground area in square metres; 0 for regions.
    pub area_m2: f64,
    /// Centre as (row, col) in scene pixels; (0, 0) for regions.
    pub centre_px: (f64, f64),
}

/// Instance ids below this one belong to regions.
pub const FIRST_OBJECT_ID: u32 = 16;

/// The regions and the ids that all pixels of each carry.
pub(crate) const REGIONS: [(u32, Category, Kind); 8] = [
    (1, Category::Road, Kind::Plain),
    (2, Category::Water, Kind::Sea),
    (3, Category::Water, Kind::River),
    (4, Category::Water, Kind::Lake),
    (5, Category::Forest, Kind::Plain),
    (6, Category::Tree, Kind::Plain),
    (7, Category::Field, Kind::Plain),
    (8, Category::Apron, Kind::Plain),
];

pub(crate) const ROAD: u32 = 1;
pub(crate) const SEA: u32 = 2;
pub(crate) const RIVER: u32 = 3;
pub(crate) const LAKE: u32 = 4;
pub(crate) const FOREST: u32 = 5;
pub(crate) const TREE: u32 = 6;
pub(crate) const FIELD: u32 = 7;
pub(crate) const APRON: u32 = 8;

/// The instance that stands for a region id.
pub(crate) fn region(id: u32) -> Option<Instance> {
    REGIONS.iter().find(|r| r.0 == id).map(|&(id, category, kind)| Instance {
        id,
        category,
        kind,
        colour: None,
        length_m: 0.0,
        width_m: 0.0,
        area_m2: 0.0,
        centre_px: (0.0, 0.0),
    })
}
