//! What a phrase says, apart from its words.

use super::colour::Colour;

/// What is spoken of: a word for one or several categories.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Noun {
    /// "ship"; empty for what is not counted.
    pub(super) one: String,
    /// "ships", or "water".
    pub(super) many: String,
    /// True when the word is reserved for measuring.
    pub(super) reserved: bool,
    /// True for the plain name of the category.
    pub(super) plain: bool,
    /// The categories that it names, the main one first.
    pub(super) categories: Vec<String>,
    /// The objects that it names.
    pub(super) members: Vec<usize>,
    /// True when a member is ground and not an object.
    pub(super) region: bool,
    /// True when everything that it names is labelled.
    pub(super) complete: bool,
    /// True for one of several, called by what sets it apart: "largest ship".
    pub(super) marked: bool,
}

impl Noun {
    /// The main category.
    pub(super) fn category(&self) -> &str {
        &self.categories[0]
    }
}

/// Large or small beside the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Size {
    Large,
    Small,
    Long,
}

/// Where in the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Left,
    Right,
    Top,
    Bottom,
    LeftHalf,
    RightHalf,
    TopHalf,
    BottomHalf,
    TopLeft,
    TopRight,
    BottomLeft,
    BottomRight,
    Middle,
    LeftEdge,
    RightEdge,
    TopEdge,
    BottomEdge,
    /// Reaching the edge of the picture.
    CutOff,
}

impl Place {
    /// Sides, halves, corners, the middle and the edges.
    pub(super) const ALL: [Self; 18] = [
        Self::Left,
        Self::Right,
        Self::Top,
        Self::Bottom,
        Self::LeftHalf,
        Self::RightHalf,
        Self::TopHalf,
        Self::BottomHalf,
        Self::TopLeft,
        Self::TopRight,
        Self::BottomLeft,
        Self::BottomRight,
        Self::Middle,
        Self::LeftEdge,
        Self::RightEdge,
        Self::TopEdge,
        Self::BottomEdge,
        Self::CutOff,
    ];
}

/// How one thing lies to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// Not far from it.
    Near,
    /// Clearly apart from it.
    Far,
    /// On or in it.
    On,
    /// With it on all sides.
    Surrounded,
    /// Wholly to one side of the only one.
    LeftOf,
    RightOf,
    Above,
    Below,
    /// Between the two.
    Between,
    /// Near another of its own kind.
    Paired,
    /// With none of its own kind near.
    Alone,
}

/// A condition that its things meet.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Filter {
    Colour(Colour),
    Size(Size),
    Elongated,
    Round,
    Place(Place),
    Relation(Link, Box<Noun>),
}

/// By what things are put in order; the first is ahead.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Order {
    Largest,
    Smallest,
    Longest,
    Leftmost,
    Rightmost,
    Topmost,
    Bottommost,
    MostCentral,
    ClosestTo(Box<Noun>),
    FarthestFrom(Box<Noun>),
}

/// Those ahead of the others.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pick {
    pub(super) order: Order,
    /// 0 for the first, 1 for the second.
    pub(super) rank: usize,
    /// How many from there on.
    pub(super) take: usize,
}

/// How many things are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number {
    /// However many there are.
    All,
    /// One thing.
    One,
    /// So many, and the phrase says how many.
    Exactly(usize),
}

/// What a phrase says.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Meaning {
    pub(super) noun: Noun,
    pub(super) filters: Vec<Filter>,
    pub(super) pick: Option<Pick>,
    pub(super) number: Number,
}

impl Meaning {
    /// All things that a noun names.
    pub(super) fn of(noun: Noun) -> Self {
        Self { noun, filters: Vec::new(), pick: None, number: Number::All }
    }

    /// True when the other says the same in other words.
    pub(super) fn same(&self, other: &Self) -> bool {
        let counted = |m: &Self| matches!(m.number, Number::Exactly(n) if n > 1);
        self.noun.categories == other.noun.categories
            && self.noun.members == other.noun.members
            && self.pick.as_ref().map(key) == other.pick.as_ref().map(key)
            && self.filters.iter().map(filter_key).eq(other.filters.iter().map(filter_key))
            && counted(self) == counted(other)
    }
}

fn key(pick: &Pick) -> (String, usize, usize) {
    let order = match &pick.order {
        Order::ClosestTo(noun) => format!("closest {} {:?}", noun.category(), noun.members),
        Order::FarthestFrom(noun) => format!("farthest {} {:?}", noun.category(), noun.members),
        other => format!("{other:?}"),
    };
    (order, pick.rank, pick.take)
}

fn filter_key(filter: &Filter) -> String {
    match filter {
        Filter::Relation(link, noun) => format!("{link:?} {} {:?}", noun.category(), noun.members),
        other => format!("{other:?}"),
    }
}
