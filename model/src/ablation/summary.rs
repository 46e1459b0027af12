//! Means and spreads over seeds, and how sure the gains over the base are.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Variant;

/// Resamples behind each interval.
const ROUNDS: usize = 4_000;

/// The numbers of the table, by their names in an evaluation's report and their headings.
const NUMBERS: [(&str, &str); 6] = [
    ("miou", "mIoU"),
    ("oiou", "oIoU"),
    ("pr50", "Pr@0.5"),
    ("auroc_u", "AUROC u"),
    ("auroc_rus", "AUROC RUS"),
    ("auroc_entropy", "AUROC entropy"),
];

/// What one run scored.
#[derive(Clone, Debug)]
pub(super) struct RunScores {
    variant: Variant,
    seed: usize,
    numbers: BTreeMap<&'static str, f64>,
    /// IoU of each record with a target, by its id.
    ious: BTreeMap<String, f64>,
}

/// Mean and standard deviation over seeds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Mean.
    pub mean: f64,
    /// Sample standard deviation; 0 for one seed.
    pub deviation: f64,
}

/// Gain in mIoU over the base, record by record.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gain {
    /// Mean over seeds and records.
    pub mean: f64,
    /// 95 % interval from resampling the records: these runs, other pictures.
    pub records_ci95: [f64; 2],
    /// 95 % interval from resampling seeds and records: other runs, other pictures.
    pub seeds_and_records_ci95: [f64; 2],
    /// Seeds whose run gains.
    pub better_seeds: usize,
}

/// A row of the table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VariantRow {
    /// Which.
    pub variant: Variant,
    /// Each number over the seeds; what a run could not say is left out.
    pub numbers: BTreeMap<String, Spread>,
    /// Each number, seed by seed.
    pub by_seed: BTreeMap<String, Vec<f64>>,
    /// Gain over the base; none for the base itself.
    pub gain: Option<Gain>,
}

/// The table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AblationReport {
    /// Seeds of each variant.
    pub seeds: usize,
    /// Records with a target that every run was scored on.
    pub records: usize,
    /// The rows.
    pub rows: Vec<VariantRow>,
}

impl RunScores {
    /// From an evaluation's report.
    pub(super) fn read(variant: Variant, seed: usize, report: &Value) -> Result<Self, String> {
        let mut numbers = BTreeMap::new();
        for (name, _) in NUMBERS {
            let value = if name == "pr50" { &report["pr"]["0.5"] } else { &report[name] };
            if let Some(value) = value.as_f64() {
                numbers.insert(name, value);
            }
        }
        let records = report["records"].as_array().ok_or("has no records")?;
        let ious: BTreeMap<String, f64> = records
            .iter()
            .filter_map(|record| Some((record["id"].as_str()?.to_owned(), record["iou"].as_f64()?)))
            .collect();
        if ious.is_empty() {
            return Err("has no record with a target".into());
        }
        Ok(Self { variant, seed, numbers, ious })
    }
}

impl AblationReport {
    /// Adds runs up; every variant must have the same seeds and records.
    pub(super) fn of(runs: &[RunScores]) -> Result<Self, String> {
        let of = |variant: Variant| -> Vec<&RunScores> {
            let mut own: Vec<&RunScores> = runs.iter().filter(|run| run.variant == variant).collect();
            own.sort_by_key(|run| run.seed);
            own
        };
        let base = of(Variant::Base);
        let first = base.first().ok_or("there is no run of the base")?;
        let same = |run: &&RunScores| run.ious.keys().eq(first.ious.keys());
        if !runs.iter().all(|run| same(&run)) {
            return Err("the runs were scored on different records".into());
        }
        let rows = Variant::ALL.map(|variant| {
            let own = of(variant);
            let by_seed: BTreeMap<String, Vec<f64>> = NUMBERS
                .iter()
                .map(|(name, _)| {
                    ((*name).to_owned(), own.iter().filter_map(|run| run.numbers.get(name).copied()).collect())
                })
                .filter(|(_, values): &(String, Vec<f64>)| !values.is_empty())
                .collect();
            let numbers = by_seed.iter().map(|(name, values)| (name.clone(), spread(values))).collect();
            let gain = (variant != Variant::Base && own.len() == base.len()).then(|| gain(&base, &own));
            VariantRow { variant, numbers, by_seed, gain }
        });
        Ok(Self { seeds: base.len(), records: first.ious.len(), rows: rows.into() })
    }

    /// The table in Markdown.
    #[must_use]
    pub fn table(&self) -> String {
        let mut text = String::from("| |");
        // Writing into a text cannot fail.
        for (_, heading) in NUMBERS {
            let _ = write!(text, " {heading} |");
        }
        text.push_str(" gain in mIoU | over records | over seeds and records | seeds that gain |\n|---|");
        text.push_str(&"---|".repeat(NUMBERS.len() + 4));
        text.push('\n');
        for row in &self.rows {
            let _ = write!(text, "| {} |", row.variant.title());
            for (name, _) in NUMBERS {
                match row.numbers.get(name) {
                    Some(Spread { mean, deviation }) => _ = write!(text, " {mean:.3} ± {deviation:.3} |"),
                    None => text.push_str(" - |"),
                }
            }
            match &row.gain {
                Some(gain) => {
                    let [low, high] = gain.records_ci95;
                    let [wide_low, wide_high] = gain.seeds_and_records_ci95;
                    let _ = writeln!(
                        text,
                        " {:+.4} | {low:+.4} to {high:+.4} | {wide_low:+.4} to {wide_high:+.4} | {} of {} |",
                        gain.mean, gain.better_seeds, self.seeds
                    );
                }
                None => text.push_str(" | | | |\n"),
            }
        }
        let _ = writeln!(
            text,
            "\n{} seeds of each variant, {} records with a target. Mean ± standard deviation over the seeds; 95 % intervals \
             of the gain over the base, paired by record and seed, from {ROUNDS} resamples.",
            self.seeds, self.records
        );
        text
    }
}

fn spread(values: &[f64]) -> Spread {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let deviation = if values.len() > 1 { (squares / (values.len() - 1) as f64).sqrt() } else { 0.0 };
    Spread { mean, deviation }
}

/// The gain of `own` over `base`, both in the order of the seeds and on the same records.
fn gain(base: &[&RunScores], own: &[&RunScores]) -> Gain {
    let differences: Vec<Vec<f64>> = base
        .iter()
        .zip(own)
        .map(|(base, own)| own.ious.values().zip(base.ious.values()).map(|(own, base)| own - base).collect())
        .collect();
    let (seeds, records) = (differences.len(), differences[0].len());
    let means: Vec<f64> = differences.iter().map(|seed| seed.iter().sum::<f64>() / records as f64).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut resample = |with_seeds: bool| {
        let mut gains: Vec<f64> = (0..ROUNDS)
            .map(|_| {
                let chosen: Vec<usize> =
                    (0..seeds).map(|seed| if with_seeds { rng.random_range(0..seeds) } else { seed }).collect();
                let sum: f64 = (0..records)
                    .map(|_| {
                        let record = rng.random_range(0..records);
                        chosen.iter().map(|&seed| differences[seed][record]).sum::<f64>()
                    })
                    .sum();
                sum / (seeds * records) as f64
            })
            .collect();
        gains.sort_by(f64::total_cmp);
        let at = |share: f64| gains[(share * (ROUNDS - 1) as f64).round() as usize];
        [at(0.025), at(0.975)]
    };
    Gain {
        mean: means.iter().sum::<f64>() / seeds as f64,
        records_ci95: resample(false),
        seeds_and_records_ci95: resample(true),
        better_seeds: means.iter().filter(|mean| **mean > 0.0).count(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A run whose records have IoUs around `miou`.
    fn run(variant: Variant, seed: usize, miou: f64) -> RunScores {
        let records: Vec<Value> =
            (0..200).map(|i| json!({"id": format!("r{i:03}"), "iou": miou + 0.2 * f64::from(i % 3 - 1)})).collect();
        let report = json!({"miou": miou, "pr": {"0.5": 0.4}, "auroc_u": null, "records": records});
        RunScores::read(variant, seed, &report).unwrap()
    }

    fn runs(gains: [f64; 3]) -> Vec<RunScores> {
        let mut runs = Vec::new();
        for seed in 0..2 {
            let base = 0.5 + 0.02 * seed as f64;
            runs.push(run(Variant::Base, seed, base));
            for (variant, gain) in [Variant::Ugf, Variant::Udlr, Variant::Full].into_iter().zip(gains) {
                runs.push(run(variant, seed, base + gain));
            }
        }
        runs
    }

    #[test]
    fn rows_hold_mean_and_spread_over_the_seeds() {
        let report = AblationReport::of(&runs([0.0, 0.01, 0.05])).unwrap();
        assert_eq!((report.seeds, report.records, report.rows.len()), (2, 200, 4));
        let base = report.rows[0].numbers["miou"];
        // 0.50 and 0.52: mean 0.51, deviation 0.02 / sqrt(2).
        assert!((base.mean - 0.51).abs() < 1e-12 && (base.deviation - 0.02 / 2_f64.sqrt()).abs() < 1e-12);
        assert!(!report.rows[0].numbers.contains_key("auroc_u"));
        assert_eq!(report.rows[0].gain, None);
    }

    #[test]
    fn pairing_takes_the_spread_between_records_out_of_the_gain() {
        // Every record gains the same, so resampling changes nothing, though the records themselves differ by 0.4.
        let gain = AblationReport::of(&runs([0.0, 0.01, 0.05])).unwrap().rows[3].gain.unwrap();
        assert!((gain.mean - 0.05).abs() < 1e-9);
        for end in gain.records_ci95.into_iter().chain(gain.seeds_and_records_ci95) {
            assert!((end - 0.05).abs() < 1e-9);
        }
        assert_eq!(gain.better_seeds, 2);
    }

    #[test]
    fn seeds_that_disagree_widen_the_interval() {
        let mut runs = runs([0.0, 0.0, 0.0]);
        // Seed 0 loses 0.05 and seed 1 gains 0.05.
        for (seed, gain) in [(0, -0.05), (1, 0.05)] {
            let base = 0.5 + 0.02 * seed as f64;
            runs.retain(|run| (run.variant, run.seed) != (Variant::Full, seed));
            runs.push(run(Variant::Full, seed, base + gain));
        }
        let gain = AblationReport::of(&runs).unwrap().rows[3].gain.unwrap();
        assert!(gain.mean.abs() < 1e-9 && gain.better_seeds == 1);
        assert!(gain.records_ci95[1] - gain.records_ci95[0] < 1e-9);
        let [low, high] = gain.seeds_and_records_ci95;
        assert!((low + 0.05).abs() < 1e-9 && (high - 0.05).abs() < 1e-9);
    }

    #[test]
    fn runs_on_other_records_are_refused() {
        let mut runs = runs([0.0; 3]);
        runs[2].ious.remove("r000");
        assert!(AblationReport::of(&runs).unwrap_err().contains("different records"));
    }

    #[test]
    fn the_table_has_a_row_for_each_variant() {
        let table = AblationReport::of(&runs([0.0, 0.01, 0.05])).unwrap().table();
        assert_eq!(table.lines().filter(|line| line.starts_with("| ")).count(), 5);
        assert!(table.contains("| full | 0.560 ± 0.014 |"), "{table}");
    }
}
