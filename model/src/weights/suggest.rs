//! Which tensor a missing one may be under another name.

use serde::Serialize;

/// A tensor that a model misses, and one of the file that it may be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Suggestion {
    /// The name that the model looks for.
    pub missing: String,
    /// The name in the file.
    pub candidate: String,
    /// Whether the two have the same shape.
    pub same_shape: bool,
}

/// A tensor by name and shape.
pub(super) type Named<'a> = (&'a str, &'a [usize]);

/// For each missing tensor the likeliest of the unused ones: the one whose name differs least, or else the only one of
/// its shape.
pub(super) fn suggest(missing: &[Named<'_>], unused: &[Named<'_>]) -> Vec<Suggestion> {
    missing.iter().filter_map(|one| likeliest(*one, unused)).collect()
}

fn likeliest((name, shape): Named<'_>, unused: &[Named<'_>]) -> Option<Suggestion> {
    let suggestion = |candidate: &str, other: &[usize]| Suggestion {
        missing: name.to_owned(),
        candidate: candidate.to_owned(),
        same_shape: other == shape,
    };
    // A third of the letters may differ; more is another word.
    let bound = (name.chars().count() / 3).max(1);
    let nearest = unused
        .iter()
        .filter_map(|(other, shape)| Some((distance(name, other, bound)?, *shape, *other)))
        .min_by_key(|(distance, other, candidate)| (*other != shape, *distance, *candidate));
    if let Some((_, other, candidate)) = nearest {
        return Some(suggestion(candidate, other));
    }
    let mut alike = unused.iter().filter(|(_, other)| *other == shape);
    match (alike.next(), alike.next()) {
        (Some((candidate, other)), None) => Some(suggestion(candidate, other)),
        _ => None,
    }
}

/// How many letters must be put in, taken out or changed to make one name the other, if not more than `bound`.
fn distance(one: &str, other: &str, bound: usize) -> Option<usize> {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    if one.len().abs_diff(other.len()) > bound {
        return None;
    }
    let mut above: Vec<usize> = (0..=other.len()).collect();
    for (row, letter) in one.iter().enumerate() {
        let mut line = Vec::with_capacity(above.len());
        line.push(row + 1);
        for (col, candidate) in other.iter().enumerate() {
            let change = above[col] + usize::from(letter != candidate);
            line.push(change.min(above[col + 1] + 1).min(line[col] + 1));
        }
        if line.iter().all(|steps| *steps > bound) {
            return None;
        }
        above = line;
    }
    above.last().copied().filter(|steps| *steps <= bound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_counted() {
        assert_eq!(distance("bias", "bais", 4), Some(2));
        assert_eq!(distance("kitten", "sitting", 4), Some(3));
        assert_eq!(distance("kitten", "sitting", 2), None);
        assert_eq!(distance("", "abc", 3), Some(3));
    }

    #[test]
    fn the_nearest_name_of_the_right_shape_is_meant() {
        let unused: [Named<'_>; 3] = [("stem.bais", &[32]), ("stem.bias2", &[7]), ("head.weight", &[5, 5])];
        let found = suggest(&[("stem.bias", &[32])], &unused);
        assert_eq!(found[0].candidate, "stem.bais");
        assert!(found[0].same_shape);
    }

    #[test]
    fn the_only_tensor_of_a_shape_is_meant_whatever_its_name() {
        let unused: [Named<'_>; 2] = [("completely.different", &[5, 5]), ("x", &[3])];
        assert_eq!(suggest(&[("projection.weight", &[5, 5])], &unused)[0].candidate, "completely.different");
        assert!(suggest(&[("projection.weight", &[6])], &unused).is_empty());
        let two: [Named<'_>; 2] = [("completely.different", &[5, 5]), ("other", &[5, 5])];
        assert!(suggest(&[("projection.weight", &[5, 5])], &two).is_empty());
    }
}
