//! Detections that wait on disk until all are known: only then can they be ranked.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::detection::{Detection, DetectionPolygon};
use crate::grid::MapPoint;
use crate::window::PixelWindow;

/// Steps of the uncertainty that ranks tell apart: what files say of it has six decimals.
const STEPS: usize = 1_000_000;
/// Stands for a number of tiles that is not known.
const NO_TILES: u64 = u64::MAX;

/// Files without a name that hold detections, one for each prompt, in the order they came.
///
/// Detections of one prompt come in an order that does not depend on how many rows are finished at once; those of several
/// come between each other as it happens, so they are kept apart. Memory: 8 MB of counters, however many there are.
pub(crate) struct Spool {
    folder: PathBuf,
    prompts: Vec<Waiting>,
    /// How many detections have so much uncertainty.
    counts: Vec<u64>,
}

/// The detections of one prompt.
struct Waiting {
    prompt: String,
    file: BufWriter<File>,
    count: u64,
}

impl Spool {
    /// Begins in a folder on the disk that the output will lie on. Detections are given back in the order of `prompts`;
    /// others follow as they first came.
    pub(crate) fn create_in(folder: &Path, prompts: &[&str]) -> io::Result<Self> {
        let mut spool = Self { folder: folder.to_owned(), prompts: Vec::new(), counts: vec![0; STEPS + 1] };
        prompts.iter().try_for_each(|prompt| spool.begin(prompt))?;
        if prompts.is_empty() {
            // A folder that cannot be written is found now and not when the first detection comes.
            tempfile::tempfile_in(folder)?;
        }
        Ok(spool)
    }

    fn begin(&mut self, prompt: &str) -> io::Result<()> {
        let file = BufWriter::with_capacity(1 << 16, tempfile::tempfile_in(&self.folder)?);
        self.prompts.push(Waiting { prompt: prompt.to_owned(), file, count: 0 });
        Ok(())
    }

    /// Adds a detection.
    pub(crate) fn push(&mut self, detection: &Detection) -> io::Result<()> {
        let known = self.prompts.iter().position(|waiting| waiting.prompt == detection.prompt);
        let at = match known {
            Some(at) => at,
            None => {
                self.begin(&detection.prompt)?;
                self.prompts.len() - 1
            }
        };
        self.counts[step(detection)] += 1;
        self.prompts[at].count += 1;
        write_detection(&mut self.prompts[at].file, detection)
    }

    /// Reads all detections again, prompt by prompt, each with its rank: 1 for the most uncertain one, and among equals
    /// for the one that is given first.
    pub(crate) fn ranked(self) -> io::Result<RankedDetections> {
        let Self { prompts, mut counts, .. } = self;
        let mut files = Vec::new();
        for Waiting { file, count, .. } in prompts {
            let mut file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
            file.seek(SeekFrom::Start(0))?;
            files.push((BufReader::with_capacity(1 << 16, file), count));
        }
        files.reverse();
        // From counts to the rank that the next detection of each step gets.
        let mut next = 1;
        for place in counts.iter_mut().rev() {
            (*place, next) = (next, next + *place);
        }
        Ok(RankedDetections { files, next_rank: counts })
    }
}

/// The detections of a spool.
pub(crate) struct RankedDetections {
    /// Files and how many detections are left in each; the last is read first.
    files: Vec<(BufReader<File>, u64)>,
    next_rank: Vec<u64>,
}

impl Iterator for RankedDetections {
    type Item = io::Result<(Detection, u64)>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.files.last().is_some_and(|(_, left)| *left == 0) {
            self.files.pop();
        }
        let (file, left) = self.files.last_mut()?;
        *left -= 1;
        let read = read_detection(file).map(|detection| {
            let next = &mut self.next_rank[step(&detection)];
            *next += 1;
            (detection, *next - 1)
        });
        if read.is_err() {
            self.files.clear();
        }
        Some(read)
    }
}

/// The cast saturates and takes NaN to 0.
fn step(detection: &Detection) -> usize {
    ((detection.unc_mean * STEPS as f64).round() as usize).min(STEPS)
}

fn write_detection(file: &mut impl Write, detection: &Detection) -> io::Result<()> {
    let Detection { geometry, id, prompt, prob_mean, prob_p10, unc_mean, unc_p90, unc_max, .. } = detection;
    let numbers = [
        *prob_mean,
        *prob_p10,
        *unc_mean,
        *unc_p90,
        *unc_max,
        detection.likely_share,
        detection.sure_share,
        detection.possible_share,
        detection.centroid.x,
        detection.centroid.y,
        // NaN stands for none; no measure is NaN.
        detection.presence.unwrap_or(f64::NAN),
        detection.area_m2.unwrap_or(f64::NAN),
        detection.perimeter_m.unwrap_or(f64::NAN),
    ];
    for number in numbers {
        file.write_all(&number.to_le_bytes())?;
    }
    let PixelWindow { col_off, row_off, width, height } = detection.bbox;
    let n_tiles = detection.n_tiles.unwrap_or(NO_TILES);
    for number in [detection.n_px, n_tiles, u64::from(detection.touches_edge)]
        .into_iter()
        .chain([col_off, row_off, width, height].map(u64::from))
    {
        file.write_all(&number.to_le_bytes())?;
    }
    for text in [id, prompt] {
        write_length(file, text.len())?;
        file.write_all(text.as_bytes())?;
    }
    write_length(file, geometry.len())?;
    for part in geometry {
        write_length(file, 1 + part.holes.len())?;
        for ring in std::iter::once(&part.shell).chain(&part.holes) {
            write_length(file, ring.len())?;
            for point in ring {
                file.write_all(&point.x.to_le_bytes())?;
                file.write_all(&point.y.to_le_bytes())?;
            }
        }
    }
    Ok(())
}

fn read_detection(file: &mut impl Read) -> io::Result<Detection> {
    let mut real = || read_eight(file).map(f64::from_le_bytes);
    let known = |value: f64| (!value.is_nan()).then_some(value);
    let (prob_mean, prob_p10, unc_mean, unc_p90, unc_max) = (real()?, real()?, real()?, real()?, real()?);
    let (likely_share, sure_share, possible_share) = (real()?, real()?, real()?);
    let centroid = MapPoint { x: real()?, y: real()? };
    let (presence, area_m2, perimeter_m) = (known(real()?), known(real()?), known(real()?));
    let mut whole = || read_eight(file).map(u64::from_le_bytes);
    let (n_px, n_tiles, touches_edge) = (whole()?, whole()?, whole()? == 1);
    let n_tiles = (n_tiles != NO_TILES).then_some(n_tiles);
    let mut side = || whole().and_then(|side| u32::try_from(side).map_err(io::Error::other));
    let bbox = PixelWindow { col_off: side()?, row_off: side()?, width: side()?, height: side()? };
    let (id, prompt) = (read_text(file)?, read_text(file)?);
    let mut geometry = Vec::new();
    for _ in 0..read_length(file)? {
        let mut rings = Vec::new();
        for _ in 0..read_length(file)? {
            let length = read_length(file)?;
            let point = |file: &mut _| -> io::Result<MapPoint> {
                let mut real = || read_eight(file).map(f64::from_le_bytes);
                Ok(MapPoint { x: real()?, y: real()? })
            };
            rings.push((0..length).map(|_| point(file)).collect::<io::Result<Vec<_>>>()?);
        }
        let shell = rings.remove(0);
        geometry.push(DetectionPolygon { shell, holes: rings });
    }
    Ok(Detection {
        geometry,
        id,
        prompt,
        prob_mean,
        prob_p10,
        unc_mean,
        unc_p90,
        unc_max,
        likely_share,
        sure_share,
        possible_share,
        presence,
        n_tiles,
        area_m2,
        perimeter_m,
        n_px,
        touches_edge,
        centroid,
        bbox,
    })
}

fn write_length(file: &mut impl Write, length: usize) -> io::Result<()> {
    file.write_all(&(length as u64).to_le_bytes())
}

fn read_length(file: &mut impl Read) -> io::Result<usize> {
    usize::try_from(u64::from_le_bytes(read_eight(file)?)).map_err(io::Error::other)
}

fn read_text(file: &mut impl Read) -> io::Result<String> {
    let mut bytes = vec![0; read_length(file)?];
    file.read_exact(&mut bytes)?;
    String::from_utf8(bytes).map_err(io::Error::other)
}

fn read_eight(file: &mut impl Read) -> io::Result<[u8; 8]> {
    let mut bytes = [0; 8];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detection(id: &str, unc_mean: f64) -> Detection {
        let point = |x: f64, y: f64| MapPoint { x, y };
        let square = vec![point(0.1, 0.2), point(1.0, 0.2), point(1.0, 1.0), point(0.1, 0.2)];
        Detection {
            geometry: vec![DetectionPolygon { shell: square.clone(), holes: vec![square] }],
            id: id.to_owned(),
            prompt: "a \"roof\", 屋顶".to_owned(),
            prob_mean: 0.9,
            prob_p10: 0.6,
            unc_mean,
            unc_p90: 0.3,
            unc_max: 0.4,
            likely_share: 0.7,
            sure_share: 0.5,
            possible_share: 1.0,
            presence: Some(0.97),
            n_tiles: Some(3),
            area_m2: None,
            perimeter_m: Some(12.5),
            n_px: 7,
            touches_edge: true,
            centroid: point(0.5, 0.6),
            bbox: PixelWindow { col_off: 1, row_off: 2, width: 3, height: 4 },
        }
    }

    #[test]
    fn prompts_are_given_back_one_after_the_other_however_they_came() {
        let of = |prompt: &str, id: &str| Detection { prompt: prompt.to_owned(), ..detection(id, 0.5) };
        let mut spool = Spool::create_in(&std::env::temp_dir(), &["b", "a"]).unwrap();
        for detection in [of("a", "1"), of("b", "2"), of("c", "3"), of("a", "4"), of("b", "5")] {
            spool.push(&detection).unwrap();
        }
        let back: Vec<(String, u64)> =
            spool.ranked().unwrap().map(|found| found.unwrap()).map(|(detection, rank)| (detection.id, rank)).collect();
        let expected = [("2", 1), ("5", 2), ("1", 3), ("4", 4), ("3", 5)];
        assert_eq!(back, expected.map(|(id, rank)| (id.to_owned(), rank)));
    }

    #[test]
    fn detections_come_back_as_they_were_in_their_order_with_the_most_uncertain_ranked_first() {
        let uncertainties = [0.25, 0.5, 0.25, 0.0, 1.0];
        let detections: Vec<Detection> =
            uncertainties.iter().enumerate().map(|(i, &unc)| detection(&i.to_string(), unc)).collect();
        let mut spool = Spool::create_in(&std::env::temp_dir(), &[]).unwrap();
        detections.iter().for_each(|detection| spool.push(detection).unwrap());
        let (back, ranks): (Vec<_>, Vec<_>) = spool.ranked().unwrap().map(Result::unwrap).unzip();
        assert_eq!(back, detections);
        // 1.0 is first, then 0.5, then the two of 0.25 in their order, then 0.
        assert_eq!(ranks, [3, 2, 4, 5, 1]);
    }

    #[test]
    fn an_empty_spool_gives_nothing() {
        assert_eq!(Spool::create_in(&std::env::temp_dir(), &[]).unwrap().ranked().unwrap().count(), 0);
    }
}
