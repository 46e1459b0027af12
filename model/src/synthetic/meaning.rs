//! What a phrase means, apart from its words.

use serde::{Deserialize, Serialize};

use super::instance::{Category, Colour, Instance, Kind};

/// What a noun can name: a category, or a finer kind of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each name is the English word it stands for")]
pub enum Noun {
    Building,
    House,
    Vehicle,
    Car,
    Truck,
    Ship,
    StorageTank,
    SwimmingPool,
    SportsCourt,
    TennisCourt,
    BasketballCourt,
    Airplane,
    Pier,
    Bridge,
    Road,
    Water,
    River,
    Sea,
    Lake,
    Forest,
    Tree,
    Field,
    Apron,
}

impl Noun {
    /// Every noun.
    pub const ALL: [Self; 23] = [
        Self::Building,
        Self::House,
        Self::Vehicle,
        Self::Car,
        Self::Truck,
        Self::Ship,
        Self::StorageTank,
        Self::SwimmingPool,
        Self::SportsCourt,
        Self::TennisCourt,
        Self::BasketballCourt,
        Self::Airplane,
        Self::Pier,
        Self::Bridge,
        Self::Road,
        Self::Water,
        Self::River,
        Self::Sea,
        Self::Lake,
        Self::Forest,
        Self::Tree,
        Self::Field,
        Self::Apron,
    ];

    /// The category whose instances it names.
    #[must_use]
    pub fn category(self) -> Category {
        match self {
            Self::Building | Self::House => Category::Building,
            Self::Vehicle | Self::Car | Self::Truck => Category::Vehicle,
            Self::Ship => Category::Ship,
            Self::StorageTank => Category::StorageTank,
            Self::SwimmingPool => Category::SwimmingPool,
            Self::SportsCourt | Self::TennisCourt | Self::BasketballCourt => Category::SportsCourt,
            Self::Airplane => Category::Airplane,
            Self::Pier => Category::Pier,
            Self::Bridge => Category::Bridge,
            Self::Road => Category::Road,
            Self::Water | Self::River | Self::Sea | Self::Lake => Category::Water,
            Self::Forest => Category::Forest,
            Self::Tree => Category::Tree,
            Self::Field => Category::Field,
            Self::Apron => Category::Apron,
        }
    }

    fn kind(self) -> Option<Kind> {
        match self {
            Self::House => Some(Kind::House),
            Self::Car => Some(Kind::Car),
            Self::Truck => Some(Kind::Truck),
            Self::TennisCourt => Some(Kind::Tennis),
            Self::BasketballCourt => Some(Kind::Basketball),
            Self::River => Some(Kind::River),
            Self::Sea => Some(Kind::Sea),
            Self::Lake => Some(Kind::Lake),
            _ => None,
        }
    }

    /// True when it names only a part of its category.
    #[must_use]
    pub fn is_fine(self) -> bool {
        self.kind().is_some()
    }

    /// True when this instance can be called so. The trees of a forest are trees too.
    #[must_use]
    pub fn names(self, instance: &Instance) -> bool {
        if self == Self::Tree {
            return matches!(instance.category, Category::Tree | Category::Forest);
        }
        instance.category == self.category() && self.kind().is_none_or(|kind| kind == instance.kind)
    }

    /// The colours that its things are told apart by; empty where colour is no mark.
    #[must_use]
    pub fn colours(self) -> &'static [Colour] {
        match self {
            Self::Building | Self::House => {
                &[Colour::Red, Colour::Grey, Colour::White, Colour::Brown, Colour::Blue, Colour::Black]
            }
            Self::Vehicle | Self::Car => &[Colour::Red, Colour::Grey, Colour::White, Colour::Blue, Colour::Black],
            Self::Truck => &[Colour::Red, Colour::White, Colour::Blue],
            Self::StorageTank => &[Colour::White, Colour::Grey, Colour::Brown, Colour::Green, Colour::Blue],
            _ => &[],
        }
    }

    /// Ground area in square metres: small things are below the first, large ones above the second.
    pub(crate) fn size_limits(self) -> Option<(f64, f64)> {
        match self {
            Self::Building => Some((230.0, 480.0)),
            Self::StorageTank => Some((95.0, 200.0)),
            Self::Ship => Some((55.0, 130.0)),
            Self::Airplane => Some((100.0, 200.0)),
            _ => None,
        }
    }
}

/// Whether one thing is meant, or however many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Count {
    /// One thing: there must not be two.
    One,
    /// All that fit, be it one or many.
    Many,
}

/// Large or small for its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Size {
    /// Clearly above the middle sizes.
    Large,
    /// Clearly below them.
    Small,
}

/// The one thing that is ahead of all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each name is the English word it stands for")]
pub enum Superlative {
    Largest,
    Smallest,
    Leftmost,
    Rightmost,
    Topmost,
    Bottommost,
}

/// A part of the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each name is the English word it stands for")]
pub enum Place {
    Left,
    Right,
    Top,
    Bottom,
    TopLeft,
    TopRight,
    BottomLeft,
    BottomRight,
    Middle,
}

/// How a thing stands to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Link {
    /// At most 12 m away.
    Near,
    /// Surrounded by it.
    On,
}

/// A link to other things.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Relation {
    /// How.
    pub link: Link,
    /// To what; to any of them, if there are several.
    pub to: Noun,
    /// Only to the largest of them.
    pub largest: bool,
    /// Only to those of this colour.
    pub colour: Option<Colour>,
}

/// What a phrase asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Meaning {
    /// What is named.
    pub noun: Noun,
    /// One, or all.
    pub count: Count,
    /// Only those of this colour (of the roof, for buildings).
    pub colour: Option<Colour>,
    /// Only those of this size.
    pub size: Option<Size>,
    /// Only those in this part of the frame.
    pub place: Option<Place>,
    /// Only those that stand so to something else.
    pub relation: Option<Relation>,
    /// Of all these only the one ahead.
    pub superlative: Option<Superlative>,
}

impl Meaning {
    /// All things that a noun names.
    #[must_use]
    pub fn of(noun: Noun) -> Self {
        Self { noun, count: Count::Many, colour: None, size: None, place: None, relation: None, superlative: None }
    }
}
