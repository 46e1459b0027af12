//! Pieces of a plan: bands of whole tile rows of one scene, and the share of them that one process takes.

use std::ops::Range;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Tile rows that a unit has at least: with fewer, most of its rows would be shared with its neighbours.
const ROWS_MIN: usize = 2;

/// A band of whole tile rows of one scene of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unit {
    /// The scene, by its number in the plan.
    pub scene: usize,
    /// First tile row.
    pub first_row: usize,
    /// The tile row after the last.
    pub end_row: usize,
}

impl Unit {
    /// Cuts a scene into units of about so many tiles, all nearly the same size.
    pub fn split(scene: usize, grid_rows: usize, grid_cols: usize, tiles: usize) -> impl Iterator<Item = Self> {
        let rows = tiles.div_ceil(grid_cols.max(1)).max(ROWS_MIN);
        let count = (grid_rows / rows).max(1);
        let edge = move |i: usize| grid_rows * i / count;
        (0..count).map(move |i| Self { scene, first_row: edge(i), end_row: edge(i + 1) })
    }

    /// Its tiles, as positions in a plan of so many columns.
    #[must_use]
    pub fn tiles(&self, grid_cols: usize) -> Range<usize> {
        self.first_row * grid_cols..self.end_row * grid_cols
    }
}

/// The share of a plan that one process takes: part `index` of `count`, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Which part.
    pub index: usize,
    /// Of how many.
    pub count: usize,
}

impl Shard {
    /// All of it.
    pub const WHOLE: Self = Self { index: 0, count: 1 };

    /// Its units, of so many in the plan.
    #[must_use]
    pub fn units(self, units: usize) -> Range<usize> {
        units * self.index / self.count..units * (self.index + 1) / self.count
    }
}

/// How a process learns its share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShardChoice {
    /// It is told.
    Given(Shard),
    /// From what the engine that started it put into the environment.
    Auto,
}

/// Variables in which engines count the parts of a job: index, number of parts, index of the first part.
const ENGINES: [(&str, &str, Option<&str>); 3] = [
    ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT", Some("SLURM_ARRAY_TASK_MIN")),
    ("AWS_BATCH_JOB_ARRAY_INDEX", "AWS_BATCH_JOB_ARRAY_SIZE", None),
    // Kubernetes tells an indexed job its index only; the number of parts is for the job's template to pass on.
    ("JOB_COMPLETION_INDEX", "JOB_COMPLETIONS", None),
];

impl ShardChoice {
    /// The share, from `variable` where the environment has to tell.
    ///
    /// # Errors
    /// What the environment lacks.
    pub fn resolve(self, variable: impl Fn(&str) -> Option<String>) -> Result<Shard, String> {
        if let Self::Given(shard) = self {
            return Ok(shard);
        }
        let number = |name: &str| -> Result<usize, String> {
            let text = variable(name).ok_or_else(|| format!("--shard auto: {name} is not set"))?;
            text.trim().parse().map_err(|_| format!("--shard auto: {name} is {text:?}, which is no number"))
        };
        let names = ENGINES.map(|(index, _, _)| index).join(", ");
        let (index, count, first) = ENGINES
            .into_iter()
            .find(|(index, _, _)| variable(index).is_some())
            .ok_or_else(|| format!("--shard auto: none of {names} is set"))?;
        let first = first.filter(|first| variable(first).is_some()).map_or(Ok(0), number)?;
        let (index, count) = (number(index)?, number(count)?);
        let index = index.checked_sub(first).filter(|index| *index < count);
        index.map(|index| Shard { index, count }).ok_or_else(|| format!("--shard auto: no such part of {count}"))
    }
}

impl FromStr for ShardChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no shard: give i/n with i from 0 to n - 1 (such as 0/4), or auto");
        if text == "auto" {
            return Ok(Self::Auto);
        }
        let (index, count) = text.split_once('/').ok_or_else(wrong)?;
        let (index, count) = (index.trim().parse().map_err(|_| wrong())?, count.trim().parse().map_err(|_| wrong())?);
        if index < count { Ok(Self::Given(Shard { index, count })) } else { Err(wrong()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_cover_every_tile_row_once_and_have_at_least_two() {
        for (rows, cols, tiles) in [(1, 1, 256), (2, 9, 4), (3, 9, 4), (100, 7, 50), (101, 400, 256), (64, 4, 64)] {
            let units: Vec<Unit> = Unit::split(5, rows, cols, tiles).collect();
            let mut next = 0;
            for unit in &units {
                assert_eq!((unit.scene, unit.first_row), (5, next));
                assert!(unit.end_row - unit.first_row >= ROWS_MIN.min(rows));
                next = unit.end_row;
            }
            assert_eq!(next, rows);
        }
    }

    #[test]
    fn shards_take_every_unit_once_whatever_their_number() {
        for units in [0, 1, 5, 12] {
            for count in [1, 2, 3, 5, 8] {
                let all: Vec<usize> = (0..count).flat_map(|index| Shard { index, count }.units(units)).collect();
                assert_eq!(all, (0..units).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn a_shard_is_counted_from_zero() {
        assert_eq!("0/4".parse(), Ok(ShardChoice::Given(Shard { index: 0, count: 4 })));
        assert_eq!("auto".parse(), Ok(ShardChoice::Auto));
        for wrong in ["4/4", "0/0", "1", "-1/2", "a/b", ""] {
            assert!(wrong.parse::<ShardChoice>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn engines_tell_the_share_through_the_environment() {
        let with = |pairs: &'static [(&str, &str)]| {
            move |name: &str| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        let slurm =
            with(&[("SLURM_ARRAY_TASK_ID", "3"), ("SLURM_ARRAY_TASK_COUNT", "4"), ("SLURM_ARRAY_TASK_MIN", "1")]);
        assert_eq!(ShardChoice::Auto.resolve(slurm), Ok(Shard { index: 2, count: 4 }));
        let aws = with(&[("AWS_BATCH_JOB_ARRAY_INDEX", "0"), ("AWS_BATCH_JOB_ARRAY_SIZE", "2")]);
        assert_eq!(ShardChoice::Auto.resolve(aws), Ok(Shard { index: 0, count: 2 }));
        for wrong in [with(&[]), with(&[("JOB_COMPLETION_INDEX", "0")])] {
            assert!(ShardChoice::Auto.resolve(wrong).is_err());
        }
    }
}
