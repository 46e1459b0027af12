//! Tests of `choose.rs`.

use super::*;
use crate::view::choice::{Resolution, ViewSizes};

/// A model of 320 px tiles that was trained at 0.2 to 0.6 m.
fn model() -> ModelReport {
    ModelReport {
        name: "arithmetic".into(),
        hash: "none".into(),
        tile_px: 320,
        frame_px: 512,
        one_view_px: 0,
        device: "cpu".into(),
        pixel_size_m: Some((0.2, 0.6)),
        folder: std::path::PathBuf::new(),
    }
}

/// What comes of a scene, its pixel size, flags and prompts.
fn choose(
    (width, height): (u32, u32),
    pixel_size_m: Option<f64>,
    config: &ViewConfig,
    prompts: &[&str],
) -> Result<Views, PipelineError> {
    let prompts: Vec<PromptSpec> = prompts.iter().map(|&text| PromptSpec::new(text.into())).collect();
    Views::choose(&ViewRequest {
        size: PixelSize { width, height },
        pixel_size_m,
        model: &model(),
        prompts: &prompts,
        raw_uncertainty: false,
        config,
    })
}

fn asked(resolution: Resolution, frame: FrameChoice) -> ViewConfig {
    ViewConfig { resolution, frame, sizes: ViewSizes::default() }
}

fn tile_of(resolution: Resolution, pixel_size_m: Option<f64>) -> Result<Views, PipelineError> {
    choose((9000, 9000), pixel_size_m, &asked(resolution, FrameChoice::Auto), &["ships"])
}

#[test]
fn a_pixel_size_that_the_model_knows_is_kept() {
    for pixel_m in [0.2, 0.35, 0.6] {
        let views = tile_of(Resolution::Auto, Some(pixel_m)).unwrap();
        assert_eq!(views.tile, View::plain(320));
        assert_eq!(views.notes, [""; 0]);
    }
}

#[test]
fn other_pixel_sizes_go_to_the_nearest_that_it_knows() {
    // 320 px of 0.2 m are 64 m: 914.3 px of 0.07 m. 320 px of 0.6 m are 192 m: 192 px of 1 m.
    let fine = tile_of(Resolution::Auto, Some(0.07)).unwrap();
    assert_eq!(fine.tile, View { side_px: 914, model_px: vec![320] });
    assert_eq!(fine.notes, ["pixels of 0.070 m are shown to the model at 0.200 m"]);
    let coarse = tile_of(Resolution::Auto, Some(1.0)).unwrap();
    assert_eq!(coarse.tile, View { side_px: 192, model_px: vec![320] });
}

#[test]
fn native_keeps_every_pixel_size_and_says_when_the_model_does_not_know_it() {
    let views = tile_of(Resolution::Native, Some(0.07)).unwrap();
    assert_eq!(views.tile, View::plain(320));
    assert_eq!(views.notes, ["pixels of 0.070 m; the model was trained at 0.2 to 0.6 m"]);
}

#[test]
fn auto_never_fails_for_pixels_far_from_what_the_model_knows() {
    // 10 m would be tiles of 19 px: they stay what they are. 1 cm would be 6,400 px: as far as views go.
    let coarse = tile_of(Resolution::Auto, Some(10.0)).unwrap();
    assert_eq!(coarse.tile, View::plain(320));
    assert_eq!(coarse.notes, ["pixels of 10.000 m; the model was trained at 0.2 to 0.6 m"]);
    let fine = tile_of(Resolution::Auto, Some(0.01)).unwrap();
    assert_eq!(fine.tile.side_px, 4096);
    assert_eq!(fine.notes.len(), 2, "{:?}", fine.notes);
}

#[test]
fn metres_and_pixels_say_how_much_of_the_scene_a_pixel_of_the_model_shows() {
    let metres = tile_of(Resolution::Metres(0.5), Some(0.25)).unwrap();
    let pixels = tile_of(Resolution::Px(2.0), None).unwrap();
    for views in [metres, pixels] {
        assert_eq!(views.tile, View { side_px: 640, model_px: vec![320] });
    }
    assert_eq!(tile_of(Resolution::Px(0.5), Some(0.3)).unwrap().tile.side_px, 160);
}

#[test]
fn sides_beyond_what_is_possible_and_metres_of_unknown_pixels_are_usage_errors() {
    for (resolution, pixel_m, words) in [
        (Resolution::Metres(50.0), Some(0.25), "64000 px wide"),
        (Resolution::Px(0.1), None, "32 px wide"),
        (Resolution::Metres(0.3), None, "the pixel size is not known"),
    ] {
        let error = tile_of(resolution, pixel_m).unwrap_err();
        assert!(matches!(error, PipelineError::Usage(_)) && error.to_string().contains(words), "{error}");
    }
}

#[test]
fn wide_scenes_have_smaller_views_so_that_memory_stays_bounded() {
    // Three planes of 200,000 px width are 2.4 MB a row; 2 GiB hold 894 rows.
    let config = asked(Resolution::Auto, FrameChoice::Auto);
    assert_eq!(choose((200_000, 9000), Some(0.02), &config, &["ships"]).unwrap().tile.side_px, 894);
    let config = asked(Resolution::Px(10.0), FrameChoice::Auto);
    let error = choose((200_000, 9000), Some(0.02), &config, &["ships"]).unwrap_err();
    assert!(error.to_string().contains("64 to 894 px are possible"), "{error}");
}

#[test]
fn an_unknown_pixel_size_is_assumed_and_said() {
    let views = tile_of(Resolution::Auto, None).unwrap();
    assert_eq!(views.tile, View::plain(320));
    assert!(views.notes[0].starts_with("the pixel size is unknown: taken to be"), "{:?}", views.notes);
}

#[test]
fn in_a_small_scene_only_prompts_that_need_it_see_it_whole() {
    let config = ViewConfig::default();
    let views = choose((1120, 700), Some(0.3), &config, &["the largest ship", "ships"]).unwrap();
    assert_eq!(views.frames, [Frame::Scene, Frame::Tile]);
    assert_eq!((views.by_scene(), views.by_tile()), (vec![0], vec![1]));
    assert_eq!(views.tile, View::plain(320));
    assert_eq!(views.scene, Some(View { side_px: 1120, model_px: vec![512] }));
    assert!(views.notes[0].contains("(largest): the whole scene is one view, 1120 px shown at 512 px"));
    // 3.5 tiles are 1120 px: one more is no small scene.
    let views = choose((1121, 700), Some(0.3), &config, &["the largest ship", "ships"]).unwrap();
    assert_eq!((views.frames, views.scene), (vec![Frame::Tile; 2], None));
    assert!(views.notes[0].contains("answered tile by tile") && views.notes[0].contains("--frame scene"));
}

#[test]
fn a_model_may_want_small_scenes_in_one_view_whatever_is_asked() {
    let model = ModelReport { one_view_px: 800, ..model() };
    let chosen = |size: (u32, u32), pixel_size_m: Option<f64>, config: &ViewConfig| {
        let prompts = [PromptSpec::new("ships".into())];
        let size = PixelSize { width: size.0, height: size.1 };
        let request =
            ViewRequest { size, pixel_size_m, model: &model, prompts: &prompts, raw_uncertainty: false, config };
        Views::choose(&request).unwrap()
    };
    let auto = ViewConfig::default();
    let shrunk = chosen((800, 640), Some(0.3), &auto);
    assert_eq!((shrunk.tile, shrunk.frames), (View { side_px: 800, model_px: vec![512] }, vec![Frame::Scene]));
    assert_eq!(shrunk.notes, ["the whole scene is one view, 800 px shown at 512 px; --frame tile shows it sharper"]);
    let sharp = chosen((500, 400), Some(0.3), &auto);
    assert_eq!((sharp.tile, sharp.notes), (View::plain(512), vec![]));
    // Pixels of 0.1 m are shown at 0.2 m in tiles, too: 1,000 px at 512 px lose nothing.
    let notes = chosen((1000, 900), Some(0.1), &auto).notes;
    assert_eq!(notes, ["pixels of 0.100 m are shown to the model at 0.200 m"]);
    // And 800 px of the model are 1,600 of the scene.
    assert_eq!(chosen((1600, 900), Some(0.1), &auto).frames, [Frame::Scene]);
    assert_eq!(chosen((1601, 900), Some(0.1), &auto).frames, [Frame::Tile]);
    assert_eq!(chosen((801, 640), Some(0.3), &auto).frames, [Frame::Tile]);
    // It does not take a prompt to know.
    let size = PixelSize { width: 500, height: 400 };
    let request =
        |config| ViewRequest { size, pixel_size_m: None, model: &model, prompts: &[], raw_uncertainty: false, config };
    for config in [&auto, &asked(Resolution::Auto, FrameChoice::Scene)] {
        assert_eq!(Views::choose(&request(config)).unwrap().tile, View::plain(512));
    }
    // Who names a pixel size or a frame gets it.
    for config in [asked(Resolution::Native, FrameChoice::Auto), asked(Resolution::Auto, FrameChoice::Tile)] {
        assert_eq!(chosen((800, 640), Some(0.3), &config).tile, View::plain(320));
    }
}

#[test]
fn where_all_prompts_see_the_scene_it_is_the_only_tile() {
    let views = choose((400, 330), Some(0.3), &ViewConfig::default(), &["the left ship"]).unwrap();
    // 400 px are shown as they are, since the model takes up to 512 px.
    assert_eq!((views.tile, views.scene), (View::plain(416), None));
    let config = asked(Resolution::Auto, FrameChoice::Scene);
    let views = choose((3000, 2000), Some(0.3), &config, &["ships", "the left ship"]).unwrap();
    assert_eq!(views.by_tile(), [0, 1]);
    assert_eq!(views.frames, [Frame::Scene; 2]);
    assert_eq!((views.tile, views.scene), (View { side_px: 3008, model_px: vec![512] }, None));
}

#[test]
fn the_whole_scene_is_seen_at_the_resolution_that_was_asked_for() {
    // 1,000 px of 0.07 m at 0.2 m are 358.4 px with the padding to 1,024: rounded up to 384.
    let views = choose((1000, 1000), Some(0.07), &ViewConfig::default(), &["the left ship", "ships"]).unwrap();
    assert_eq!(views.scene, Some(View { side_px: 1024, model_px: vec![384] }));
}

#[test]
fn a_scene_within_one_tile_is_its_own_frame() {
    let views = choose((320, 100), Some(0.3), &ViewConfig::default(), &["the left ship", "ships"]).unwrap();
    assert_eq!((views.tile.clone(), views.scene.clone()), (View::plain(320), None));
    assert_eq!((views.frames.clone(), views.by_tile()), (vec![Frame::Scene; 2], vec![0, 1]));
    assert_eq!(views.notes, [""; 0]);
}

#[test]
fn scenes_too_large_for_one_view_are_refused() {
    let config = asked(Resolution::Auto, FrameChoice::Scene);
    assert!(choose((4096, 10), Some(0.3), &config, &["ships"]).is_ok());
    let error = choose((4097, 10), Some(0.3), &config, &["ships"]).unwrap_err();
    assert!(error.to_string().contains("4097 x 10 px is too large for --frame scene: at most 4096 px"), "{error}");
    // At 1 m, shown at 0.6 m, 8 views of 512 px are 2,457 px of the scene.
    let error = choose((3000, 10), Some(1.0), &config, &["ships"]).unwrap_err();
    assert!(error.to_string().contains("at most 2457 px"), "{error}");
    // Nobody asked for it: tiles it is.
    let views = choose((3000, 10), Some(1.0), &ViewConfig::default(), &["the left ship"]).unwrap();
    assert_eq!(views.frames, [Frame::Tile]);
}

#[test]
fn a_frame_of_tiles_is_kept_in_small_scenes() {
    let config = asked(Resolution::Auto, FrameChoice::Tile);
    let views = choose((500, 500), Some(0.3), &config, &["the left ship"]).unwrap();
    assert_eq!((views.frames, views.scene), (vec![Frame::Tile], None));
}

#[test]
fn sizes_apply_to_tiles_and_to_the_scene() {
    let config = ViewConfig { sizes: "1,0.5".parse().unwrap(), ..ViewConfig::default() };
    let views = choose((1100, 700), Some(0.3), &config, &["the left ship", "ships"]).unwrap();
    assert_eq!(views.tile, View { side_px: 320, model_px: vec![320, 160] });
    assert_eq!(views.scene, Some(View { side_px: 1120, model_px: vec![512, 256] }));
}
