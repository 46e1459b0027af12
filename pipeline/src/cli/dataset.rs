//! Flags of `geophrase dataset`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use model::dataset::{CocoOptions, ConvertOptions, EmptyMask, ExpressionOptions, Phrasings};

use crate::cli::shared::{SceneArgs, ViewArgs};
use crate::commands::dataset::build::{BuildFilter, BuildRequest, build};
use crate::commands::dataset::convert::{ConvertRequest, convert};
use crate::commands::dataset::from_vector::{FromVectorRequest, from_vector};
use crate::commands::dataset::inspect::{InspectRequest, inspect};
use crate::error::PipelineError;
use crate::logging::Verbosity;
use crate::run::signals;

/// Look at data sets, convert them, and make phrases from labels.
#[derive(Debug, Args)]
pub(crate) struct DatasetArgs {
    #[command(subcommand)]
    command: DatasetCommand,
}

#[derive(Debug, Subcommand)]
enum DatasetCommand {
    /// Say what is in a data set, and what is wrong with it.
    Inspect(InspectArgs),
    /// Write a data set as referring records; pictures stay where they are.
    Convert(ConvertArgs),
    /// Make phrases and referring records from a COCO file of labelled objects.
    Build(BuildArgs),
    /// Make referring records from polygons that were drawn or mended over a scene, and a recipe to learn from them.
    FromVector(FromVectorArgs),
}

/// A data set on disk.
#[derive(Debug, Args)]
struct SourceArgs {
    /// The folder as it comes out of the archive: RefSegRS, RRSIS-D, RISBench; or a file or folder of records or of COCO
    /// labels.
    root: PathBuf,
    /// How it lies on disk: refsegrs, rrsisd, risbench, records or coco [default: told by its files].
    #[arg(long)]
    kind: Option<String>,
    /// Only this split; may be given several times.
    #[arg(long = "split", value_name = "NAME")]
    splits: Vec<String>,
}

#[derive(Debug, Args)]
struct InspectArgs {
    #[command(flatten)]
    source: SourceArgs,
    /// Where the numbers go, with the ids behind each; - prints them instead of the table.
    #[arg(long, value_name = "FILE.json")]
    json: Option<PathBuf>,
    /// Replace the JSON file if it exists.
    #[arg(long)]
    overwrite: bool,
    /// Do not decode the pictures, so that the same picture under two names is not found; much faster.
    #[arg(long)]
    no_pixels: bool,
    /// A tokenizer.json, or a model folder with one, to count tokens with [default: the shipped model's].
    #[arg(long, value_name = "PATH")]
    tokenizer: Option<PathBuf>,
    /// Tokens that a model reads of a phrase.
    #[arg(long, value_name = "N", default_value_t = 20)]
    max_tokens: usize,
}

#[derive(Debug, Args)]
struct ConvertArgs {
    #[command(flatten)]
    source: SourceArgs,
    /// Where the records go.
    #[arg(long, value_name = "FILE.jsonl")]
    out: PathBuf,
    /// What becomes of a mask that marks nothing.
    #[arg(long, value_enum, default_value = "keep")]
    empty: EmptyArg,
    /// Leave out items that cannot be used, instead of giving up.
    #[arg(long)]
    skip_unusable: bool,
    /// Decode every picture and read every record back.
    #[arg(long)]
    check: bool,
    /// Write the pictures as PNG into this folder, for programs that read no TIFF.
    #[arg(long, value_name = "DIR")]
    png: Option<PathBuf>,
    /// Replace the file of records if it exists.
    #[arg(long)]
    overwrite: bool,
}

#[derive(Debug, Args)]
struct BuildArgs {
    /// The COCO file: pictures, categories, and labels as run lengths, polygons or boxes.
    #[arg(long, value_name = "FILE.json")]
    coco: PathBuf,
    /// The folder that the names of pictures are relative to.
    #[arg(long, value_name = "DIR")]
    images: PathBuf,
    /// Where the records go.
    #[arg(long, value_name = "FILE.jsonl")]
    out: PathBuf,
    /// Phrases per picture, at most.
    #[arg(long, value_name = "N", default_value_t = 6)]
    per_image: usize,
    /// Another seed, other phrases.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Take the phrases from this file, which people wrote, instead of making them: JSON lines of image, phrase,
    /// annotations (ids in the COCO file) and kind.
    #[arg(long, value_name = "FILE.jsonl", conflicts_with_all = ["per_image", "phrasings"])]
    written: Option<PathBuf>,
    /// Which wordings: a part is reserved for measuring how a model takes wordings that it never saw.
    #[arg(long, value_enum, default_value = "training")]
    phrasings: PhrasingsArg,
    /// Take every category as fully labelled in pictures without a list of those that are.
    #[arg(long)]
    all_labelled: bool,
    /// Only pictures marked as publishable.
    #[arg(long)]
    publishable_only: bool,
    /// Leave out phrases with a target whose outline is only a box or rough.
    #[arg(long)]
    score_outlines_only: bool,
    /// Leave out phrases that may mean unlabelled things too.
    #[arg(long)]
    complete_only: bool,
    /// At most so many pictures of each source.
    #[arg(long, value_name = "N")]
    max_per_source: Option<usize>,
    /// Name of the split that the records say.
    #[arg(long, value_name = "NAME", conflicts_with = "split_by_place")]
    split: Option<String>,
    /// Say first or second as the split: one half of the places, or the other.
    #[arg(long)]
    split_by_place: bool,
    /// Draw some of the pictures with target and phrase, to look at.
    #[arg(long, value_name = "FILE.png")]
    contact_sheet: Option<PathBuf>,
    /// Write the counts and examples.
    #[arg(long, value_name = "FILE.json")]
    report: Option<PathBuf>,
    /// Replace files that exist.
    #[arg(long)]
    overwrite: bool,
}

impl BuildArgs {
    fn request(self, watched: bool) -> BuildRequest {
        let phrasings = match self.phrasings {
            PhrasingsArg::Training => Phrasings::Training,
            PhrasingsArg::HeldOut => Phrasings::HeldOut,
            PhrasingsArg::All => Phrasings::All,
        };
        BuildRequest {
            coco: self.coco,
            images: self.images,
            reading: CocoOptions { exhaustive: self.all_labelled, ..CocoOptions::default() },
            written: self.written,
            out: self.out,
            per_image: self.per_image,
            seed: self.seed,
            phrases: ExpressionOptions { phrasings, ..ExpressionOptions::default() },
            split: self.split,
            split_by_place: self.split_by_place,
            only: BuildFilter {
                publishable: self.publishable_only,
                outlines: self.score_outlines_only,
                complete: self.complete_only,
                max_per_source: self.max_per_source,
            },
            contact_sheet: self.contact_sheet,
            report: self.report,
            overwrite: self.overwrite,
            watched,
        }
    }
}

#[derive(Debug, Args)]
struct FromVectorArgs {
    /// The scene, by any name GDAL knows.
    scene: OsString,
    /// The polygons: any vector file that GDAL reads, in any CRS.
    labels: PathBuf,
    /// The folder to be made: images, records.jsonl and train.toml.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// What all polygons are.
    #[arg(long, value_name = "PHRASE", conflicts_with = "phrase_field")]
    phrase: Option<String>,
    /// The field that says what each polygon is; where it is empty, the polygon is ground that no phrase means
    /// [default: phrase, else prompt].
    #[arg(long, value_name = "NAME")]
    phrase_field: Option<String>,
    /// Everything that the phrases name is outlined wherever a tile shows an outline; otherwise only what lies around an
    /// outline is known not to be meant.
    #[arg(long)]
    complete: bool,
    /// The model that is to learn from them [default: what GEOPHRASE_MODEL names, else the one shipped].
    #[arg(long, value_name = "DIR")]
    model: Option<PathBuf>,
    /// Replace files that exist.
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    scene_args: SceneArgs,
    #[command(flatten)]
    views: ViewArgs,
}

impl FromVectorArgs {
    fn request(self) -> FromVectorRequest {
        FromVectorRequest {
            scene: self.scene,
            scene_options: self.scene_args.options(),
            labels: self.labels,
            phrase: self.phrase,
            phrase_field: self.phrase_field,
            complete: self.complete,
            model: self.model,
            views: self.views.config(),
            out: self.out,
            overwrite: self.overwrite,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PhrasingsArg {
    /// Those that training uses.
    Training,
    /// A reserved word or turn in each phrase.
    HeldOut,
    /// Both.
    All,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum EmptyArg {
    /// It stays a mask, which the published protocol scores as 0.
    Keep,
    /// The phrase has no target.
    Null,
    /// The item is left out.
    Skip,
}

impl DatasetArgs {
    pub(crate) fn run(self, verbosity: Verbosity) -> Result<(), PipelineError> {
        let watched = verbosity.watched();
        match self.command {
            DatasetCommand::Inspect(args) => inspect(&InspectRequest {
                root: args.source.root,
                kind: args.source.kind,
                splits: args.source.splits,
                json: args.json,
                overwrite: args.overwrite,
                pixels: !args.no_pixels,
                tokenizer: args.tokenizer,
                max_tokens: args.max_tokens,
                watched,
            }),
            DatasetCommand::Convert(args) => {
                let empty = match args.empty {
                    EmptyArg::Keep => EmptyMask::Keep,
                    EmptyArg::Null => EmptyMask::Null,
                    EmptyArg::Skip => EmptyMask::Skip,
                };
                let request = ConvertRequest {
                    root: args.source.root,
                    kind: args.source.kind,
                    splits: args.source.splits,
                    out: args.out,
                    options: ConvertOptions {
                        empty,
                        skip_unusable: args.skip_unusable,
                        check: args.check,
                        png: args.png,
                    },
                    overwrite: args.overwrite,
                    watched,
                };
                convert(request, signals())
            }
            DatasetCommand::Build(args) => build(args.request(watched), signals()),
            DatasetCommand::FromVector(args) => from_vector(args.request(), signals()),
        }
    }
}
