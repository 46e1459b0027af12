//! Seconds of the towers on the CPU: `cargo bench -p model --bench towers`, then `benches/torch_towers.py` for PyTorch.
//!
//! The weights are random: the time does not depend on them. "Burn" is the same tower of Burn's layers alone. Runs
//! of what is compared take turns, and the median counts, because other work on the machine comes and goes.

use std::hint::black_box;
use std::time::Instant;

use burn::backend::Autodiff;
use burn::module::Module;
use burn::nn::PaddingConfig2d;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{Distribution, Tensor};
use burn_flex::{Flex, FlexDevice};
use model::text::{BertConfig, TokenBatch};
use model::vision::{ConvNextConfig, EfficientNetLiteConfig, VisionConfig, VisionTower};

type Training = Autodiff<Flex>;

/// Median seconds of each piece of work, over `runs` rounds in which each has its turn.
fn medians<const N: usize>(runs: usize, mut work: [&mut dyn FnMut(); N]) -> [f64; N] {
    for work in &mut work {
        work();
    }
    let mut times = [const { Vec::new() }; N];
    for _ in 0..runs {
        for (times, work) in times.iter_mut().zip(&mut work) {
            let start = Instant::now();
            work();
            times.push(start.elapsed().as_secs_f64());
        }
    }
    times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    })
}

fn images<B: Backend>(batch: usize, side_px: usize) -> Tensor<B, 4> {
    Tensor::random([batch, 3, side_px, side_px], Distribution::Uniform(0.0, 255.0), &B::Device::default())
}

/// Widening, filtering and narrowing.
type BurnBlock<B> = (Option<Conv2d<B>>, Conv2d<B>, Conv2d<B>);

/// EfficientNet-Lite0 of Burn's layers alone: for each block its widening, filtering and narrowing.
struct BurnLite<B: Backend> {
    stem: Conv2d<B>,
    blocks: Vec<BurnBlock<B>>,
}

impl<B: Backend> BurnLite<B> {
    fn new(config: EfficientNetLiteConfig) -> Self {
        let device = B::Device::default();
        let conv = |channels: [usize; 2], kernel: usize, stride: usize, groups: usize| {
            Conv2dConfig::new(channels, [kernel, kernel])
                .with_stride([stride, stride])
                .with_padding(PaddingConfig2d::Same)
                .with_groups(groups)
                .init(&device)
        };
        let blocks = config.blocks().into_iter().map(|block| {
            let wide = block.channels_in * block.expansion;
            let expand = (block.expansion != 1).then(|| conv([block.channels_in, wide], 1, 1, 1));
            let filter = conv([wide, wide], block.kernel, block.stride, wide);
            (expand, filter, conv([wide, block.channels_out], 1, 1, 1))
        });
        Self { stem: conv([3, 32], 3, 2, 1), blocks: blocks.collect() }
    }

    fn forward(&self, images: Tensor<B, 4>) -> Tensor<B, 4> {
        let mut features = self.stem.forward((images - 127) / 128).clamp(0, 6);
        for (expand, filter, project) in &self.blocks {
            let wide = match expand {
                Some(expand) => expand.forward(features.clone()).clamp(0, 6),
                None => features.clone(),
            };
            let narrow = project.forward(filter.forward(wide).clamp(0, 6));
            features = if narrow.dims() == features.dims() { narrow + features } else { narrow };
        }
        features
    }
}

fn gradients<B: AutodiffBackend>(levels: impl IntoIterator<Item = Tensor<B, 4>>) {
    let losses: Vec<Tensor<B, 1>> = levels.into_iter().map(Tensor::sum).collect();
    black_box(Tensor::cat(losses, 0).sum().backward());
}

fn lite0(batch: usize, side_px: usize, runs: usize) {
    let config = EfficientNetLiteConfig { variant: 0 };
    let tower: VisionTower<Flex> = VisionConfig::EfficientnetLite(config).init(&FlexDevice);
    let trained: VisionTower<Training> = VisionConfig::EfficientnetLite(config).init(&FlexDevice);
    let (burn, burn_trained) = (BurnLite::<Flex>::new(config), BurnLite::<Training>::new(config));
    let (pixels, tracked) = (images::<Flex>(batch, side_px), images::<Training>(batch, side_px));
    let times = medians(
        runs,
        [
            &mut || drop(black_box(burn.forward(pixels.clone()))),
            &mut || drop(black_box(tower.forward(pixels.clone()))),
            &mut || gradients([burn_trained.forward(tracked.clone())]),
            &mut || gradients(trained.forward(tracked.clone())),
        ],
    );
    let [before, after, before_both, after_both] = times;
    println!("EfficientNet-Lite0, {side_px} px, batch {batch}, forward: Burn {before:.3} s, own {after:.3} s");
    println!(
        "EfficientNet-Lite0, {side_px} px, batch {batch}, forward and backward: Burn {before_both:.3} s, own \
         {after_both:.3} s"
    );
}

fn convnext(name: &str, config: ConvNextConfig, side_px: usize, runs: usize) {
    let tower: VisionTower<Flex> = VisionConfig::Convnext(config).init(&FlexDevice);
    println!("{name} has {} parameters", tower.num_params());
    let pixels = images::<Flex>(1, side_px);
    let [time] = medians(runs, [&mut || drop(black_box(tower.forward(pixels.clone())))]);
    println!("{name}, {side_px} px, batch 1, forward: own {time:.3} s");
}

fn text(phrases: usize) {
    let bert = BertConfig::mini().init::<Flex>(&FlexDevice);
    let rows: Vec<Vec<u32>> =
        (0..phrases as u32).map(|phrase| (0..12).map(|at| 1000 + 31 * phrase + at).collect()).collect();
    let (ids, padding) = TokenBatch::from_rows(&rows, 20).to_tensors::<Flex>(&FlexDevice);
    let [time] = medians(10, [&mut || drop(black_box(bert.forward(ids.clone(), padding.clone())))]);
    println!("BERT 6 x 384, 20 tokens, {phrases} phrases: {time:.4} s, {:.4} s a phrase", time / phrases as f64);
}

fn main() {
    lite0(3, 320, 7);
    lite0(1, 320, 9);
    convnext("ConvNeXt-B", ConvNextConfig::base(), 480, 3);
    text(1);
    text(16);
}
