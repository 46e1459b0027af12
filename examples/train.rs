//! Trains a model by a recipe, on a machine that has no GDAL: `cargo run --release -p model --example train -- FILE [DEVICE]`.

use std::path::PathBuf;
use std::process::ExitCode;

use model::training::{Talk, TrainRequest, train};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let Some(recipe) = arguments.next().map(PathBuf::from) else {
        eprintln!("usage: train RECIPE.toml [auto|cpu|cuda[:N]]");
        return ExitCode::from(2);
    };
    let device = arguments.next().map_or_else(|| "auto".into(), |name| name.to_string_lossy().into_owned());
    let outcome = device
        .parse()
        .and_then(|device| train(&TrainRequest { device, talk: Talk::Lines, ..TrainRequest::new(recipe) }));
    match outcome {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("train: {error}");
            ExitCode::FAILURE
        }
    }
}
