//! Counts records one after the other, in a memory that does not grow with their pixels.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

use super::bootstrap::{Replicates, Resampler};
use super::counted::{Doubt, Placement, RecordCounts, RecordScore};
use super::metrics::{Group, MaskSums, passes};
use super::pixel_replicates::PixelReplicates;
use super::protocol::{Cluster, CompareGrid, EvalOptions, PRECISION_BARS};
use super::report::{Curves, EvalReport, GridScores, Intervals, Scores, SizeScores};
use super::size::{AREA_RANGES, SHARE_RANGES, SizeRange, range_of};
use crate::dataset::Mask;
use crate::error::ModelError;

/// The most kinds, and the most categories, that are told apart: each takes 220 kB.
const MAX_GROUPS: usize = 500;
/// Steps of coverage in the curve of risk.
const COVERAGE_STEPS: usize = 200;
/// Bars of the histogram of IoU.
const IOU_BARS: usize = 20;

/// A record, what the model said about it, and the truth.
///
/// # Shapes
/// Every plane is `[row, col]`, `rows * cols` values in `[0, 1]`.
#[derive(Clone, Copy, Debug)]
pub struct RecordOutcome<'a> {
    /// Name of the record.
    pub id: &'a str,
    /// What kind of phrase it is.
    pub kind: Option<&'a str>,
    /// What is referred to.
    pub category: Option<&'a str>,
    /// Rows of the planes.
    pub rows: usize,
    /// Columns of the planes.
    pub cols: usize,
    /// The mask, or `None` where the phrase refers to nothing.
    pub truth: Option<&'a Mask>,
    /// Probability that a pixel belongs to the target.
    pub probability: &'a [f32],
    /// Probability that the label is wrong.
    pub uncertainty: &'a [f32],
    /// The scorer's own map, where the model gives it.
    pub raw_uncertainty: Option<&'a [f32]>,
}

/// Sums of one record for the intervals over all records.
const N_SUMS: usize = 6 + PRECISION_BARS.len();
const IOU: usize = 0;
const SCORED: usize = 1;
const INTERSECTION: usize = 2;
const UNION: usize = 3;
const NULL: usize = 4;
const SILENT: usize = 5;
const PASSED: usize = 6;

/// Counts records one after the other, in a memory that does not grow with their pixels.
#[derive(Clone, Debug)]
pub struct Evaluator {
    options: EvalOptions,
    ids: Vec<String>,
    images: HashSet<u64>,
    all: Group,
    kinds: BTreeMap<String, Group>,
    categories: BTreeMap<String, Group>,
    by_share: [Group; SHARE_RANGES.len()],
    by_area: [Group; AREA_RANGES.len()],
    original: MaskSums,
    network: MaskSums,
    iou_histogram: [usize; IOU_BARS],
    resampled: Replicates<N_SUMS>,
    resampled_pixels: PixelReplicates,
}

impl Evaluator {
    /// An evaluator that has seen nothing.
    #[must_use]
    pub fn new(options: EvalOptions) -> Self {
        let rounds = options.bootstrap_rounds;
        Self {
            options,
            ids: Vec::new(),
            images: HashSet::new(),
            all: Group::new(rounds),
            kinds: BTreeMap::new(),
            categories: BTreeMap::new(),
            by_share: SHARE_RANGES.map(|_| Group::new(rounds)),
            by_area: AREA_RANGES.map(|_| Group::new(rounds)),
            original: MaskSums::default(),
            network: MaskSums::default(),
            iou_histogram: [0; IOU_BARS],
            resampled: Replicates::new(rounds),
            resampled_pixels: PixelReplicates::new(rounds),
        }
    }

    /// Counts a record and says what it scored; for the intervals it counts as the only one of its picture.
    ///
    /// # Errors
    /// [`ModelError::Prediction`] when a plane has another size than the truth or holds a value outside 0 to 1,
    /// [`ModelError::Data`] when the records name more kinds or categories than can be told apart.
    pub fn add(&mut self, outcome: &RecordOutcome<'_>) -> Result<RecordScore, ModelError> {
        let counts = RecordCounts::of(outcome, Placement::default(), &self.options)?;
        self.absorb(&counts)?;
        Ok(counts.score)
    }

    /// Takes in a record that was counted elsewhere.
    pub(crate) fn absorb(&mut self, record: &RecordCounts) -> Result<(), ModelError> {
        let score = &record.score;
        let rounds = self.options.bootstrap_rounds;
        open_group(&mut self.kinds, score.kind.as_ref(), "kinds", score, rounds)?;
        open_group(&mut self.categories, score.category.as_ref(), "categories", score, rounds)?;

        let picture = if score.image.is_empty() { &score.id } else { &score.image };
        let cluster = if self.options.cluster == Cluster::Image { picture } else { &score.id };
        let weights = Resampler { rounds, seed: self.options.seed }.weights(cluster);
        let target_px = score.truth_px.filter(|&px| px > 0);
        let share = target_px.and(score.truth_share).and_then(|share| range_of(share, &SHARE_RANGES));
        let area = target_px.and_then(|px| range_of(px as f64, &AREA_RANGES));
        let groups = std::iter::once(&mut self.all)
            .chain(score.kind.as_ref().and_then(|name| self.kinds.get_mut(name)))
            .chain(score.category.as_ref().and_then(|name| self.categories.get_mut(name)))
            .chain(share.and_then(|at| self.by_share.get_mut(at)))
            .chain(area.and_then(|at| self.by_area.get_mut(at)));
        groups.for_each(|group| group.add(record, &weights, &self.options));

        self.resampled.add(&weights, sums(record, &self.options));
        if let Some(pixels) = &record.pixels {
            self.resampled_pixels.add(pixels, &weights);
        }
        for (grid, masks) in [(CompareGrid::Original, &mut self.original), (CompareGrid::Network, &mut self.network)] {
            if let Some(overlap) = record.on_grid(grid, &self.options) {
                masks.add(overlap, &self.options);
            }
        }
        if let Some(iou) = score.iou {
            self.iou_histogram[((iou * IOU_BARS as f64) as usize).min(IOU_BARS - 1)] += 1;
        }
        let mut head = [0; 8];
        head.copy_from_slice(&blake3::hash(picture.as_bytes()).as_bytes()[..8]);
        self.images.insert(u64::from_le_bytes(head));
        self.ids.push(score.id.clone());
        Ok(())
    }

    /// What came out so far.
    #[must_use]
    pub fn report(&self) -> EvalReport {
        let mut ids = self.ids.clone();
        ids.sort_unstable();
        let mut hasher = blake3::Hasher::new();
        for id in &ids {
            hasher.update(id.as_bytes());
            hasher.update(b"\n");
        }
        let named = |groups: &BTreeMap<String, Group>| -> BTreeMap<String, Scores> {
            groups.iter().map(|(name, group)| (name.clone(), group.scores(&self.options))).collect()
        };
        let sized = |ranges: &[SizeRange], groups: &[Group]| -> Vec<SizeScores> {
            let scores = |(range, group): (&SizeRange, &Group)| SizeScores {
                name: range.name.to_owned(),
                from: range.from,
                below: range.below.is_finite().then_some(range.below),
                scores: group.scores(&self.options),
            };
            ranges.iter().zip(groups).map(scores).collect()
        };
        let mut report = EvalReport {
            model: None,
            views: None,
            protocol: self.options.clone(),
            ids_blake3: hasher.finalize().to_hex().to_string(),
            duplicate_ids: ids.windows(2).filter(|pair| pair[0] == pair[1]).count(),
            n_images: self.images.len(),
            overall: self.all.scores(&self.options),
            ci95: Intervals::default(),
            u_minus_entropy: Default::default(),
            rus_minus_entropy: Default::default(),
            grids: self.grids(),
            kind: named(&self.kinds),
            category: named(&self.categories),
            size_share: sized(&SHARE_RANGES, &self.by_share),
            size_px: sized(&AREA_RANGES, &self.by_area),
            curves: self.curves(),
            records: Vec::new(),
        };
        self.fill_intervals(&mut report);
        report
    }

    fn grids(&self) -> BTreeMap<String, GridScores> {
        let scores = |masks: &MaskSums| GridScores { miou: masks.miou(), oiou: masks.oiou(), pr: masks.pr() };
        let original = (CompareGrid::Original.to_string(), scores(&self.original));
        let network = self.options.size.is_some().then(|| (CompareGrid::Network.to_string(), scores(&self.network)));
        std::iter::once(original).chain(network).collect()
    }

    fn fill_intervals(&self, report: &mut EvalReport) {
        let pixels = self.resampled_pixels.intervals(&self.all);
        let [auroc_u, aupr_u, aurc_u, ece_u] = pixels.of(Doubt::U);
        let [auroc_rus, aupr_rus, aurc_rus, ece_rus] = pixels.of(Doubt::Rus);
        let [auroc_entropy, aupr_entropy, aurc_entropy, ece_entropy] = pixels.of(Doubt::Entropy);
        let pr =
            |(at, (_, name)): (usize, &(f64, &str))| ((*name).to_owned(), self.resampled.ratio(PASSED + at, SCORED));
        report.ci95 = Intervals {
            miou: self.resampled.ratio(IOU, SCORED),
            oiou: self.resampled.ratio(INTERSECTION, UNION),
            pr: PRECISION_BARS.iter().enumerate().map(pr).collect(),
            silence: self.resampled.ratio(SILENT, NULL),
            auroc_u,
            auroc_rus,
            auroc_entropy,
            aupr_u,
            aupr_rus,
            aupr_entropy,
            aurc_u,
            aurc_rus,
            aurc_entropy,
            ece_p: pixels.ece_p,
            ece_u,
            ece_rus,
            ece_entropy,
        };
        report.u_minus_entropy = pixels.u_minus_entropy;
        report.rus_minus_entropy = pixels.rus_minus_entropy;
    }

    fn curves(&self) -> Curves {
        let coverage: Vec<f64> = (0..=COVERAGE_STEPS).map(|step| step as f64 / COVERAGE_STEPS as f64).collect();
        let [u, rus, entropy] = &self.all.ranks;
        let [doubt_u, doubt_rus, doubt_entropy] = &self.all.doubts;
        let rate = self.all.doubts[Doubt::U as usize].event_rate().unwrap_or(0.0);
        let has_rus = self.all.has_rus();
        Curves {
            reliability_p: self.all.probability.points(),
            reliability_u: doubt_u.points(),
            reliability_rus: if has_rus { doubt_rus.points() } else { Vec::new() },
            reliability_entropy: doubt_entropy.points(),
            risk_u: u.risks(&coverage),
            risk_rus: if has_rus { rus.risks(&coverage) } else { Vec::new() },
            risk_entropy: entropy.risks(&coverage),
            risk_ideal: coverage.iter().map(|kept| ((kept - (1.0 - rate)) / kept.max(1e-12)).max(0.0)).collect(),
            coverage,
            iou_histogram: self.iou_histogram.to_vec(),
        }
    }
}

/// Makes a group for a name that is new.
fn open_group(
    groups: &mut BTreeMap<String, Group>,
    name: Option<&String>,
    what: &str,
    score: &RecordScore,
    rounds: usize,
) -> Result<(), ModelError> {
    let Some(name) = name.filter(|name| !groups.contains_key(*name)) else { return Ok(()) };
    if groups.len() == MAX_GROUPS {
        let reason = format!("more than {MAX_GROUPS} {what}: the field is meant for a small set of names");
        return Err(ModelError::Data { path: PathBuf::from(&score.id), reason });
    }
    groups.insert(name.clone(), Group::new(rounds));
    Ok(())
}

/// What a record adds to the sums behind the intervals.
fn sums(record: &RecordCounts, options: &EvalOptions) -> [f64; N_SUMS] {
    let mut sums = [0.0; N_SUMS];
    if record.pixels.is_none() {
        sums[NULL] = 1.0;
        sums[SILENT] = f64::from(u8::from(record.score.silent == Some(true)));
        return sums;
    }
    sums[INTERSECTION] = record.overlap.intersection_px as f64;
    sums[UNION] = record.overlap.union_px as f64;
    if let Some(iou) = record.score.iou {
        (sums[IOU], sums[SCORED]) = (iou, 1.0);
        for (sum, passed) in sums[PASSED..].iter_mut().zip(passes(iou, options.precision_operator)) {
            *sum = f64::from(u8::from(passed));
        }
    }
    sums
}

#[cfg(test)]
#[path = "evaluator_tests.rs"]
mod tests;
