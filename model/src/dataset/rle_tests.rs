use super::*;

/// The strings were written by pycocotools 2.0.11.
fn assert_is_pycocotools(mask: &Mask, counts: &str) {
    let rle = Rle { size: [mask.rows() as u32, mask.cols() as u32], counts: counts.to_owned() };
    assert_eq!(Rle::encode(mask).unwrap(), rle);
    assert_eq!(rle.decode().unwrap(), *mask);
    assert_eq!(rle.foreground_px().unwrap(), mask.foreground_px());
}

fn mask_where(rows: usize, cols: usize, marked: impl Fn(usize, usize) -> bool) -> Mask {
    let bits = (0..rows * cols).map(|at| u8::from(marked(at / cols, at % cols))).collect();
    Mask::new(rows, cols, bits).unwrap()
}

fn decode(rows: u32, cols: u32, counts: &str) -> Result<Mask, RleError> {
    Rle { size: [rows, cols], counts: counts.to_owned() }.decode()
}

#[test]
fn runs_go_down_the_columns_and_begin_with_background() {
    // Columns (0 1), (1 1), (0 0): one 0, three 1, two 0. Each is its own character, '0' + n.
    let mask = Mask::new(2, 3, vec![0, 1, 0, 1, 1, 0]).unwrap();
    assert_is_pycocotools(&mask, "132");
}

#[test]
fn an_empty_mask_is_one_run() {
    assert_is_pycocotools(&mask_where(3, 4, |_, _| false), "<");
}

#[test]
fn a_full_mask_begins_with_a_run_of_nothing() {
    assert_is_pycocotools(&mask_where(3, 4, |_, _| true), "0<");
}

#[test]
fn later_runs_are_differences_to_the_run_before_the_last() {
    let block = mask_where(7, 9, |row, col| (2..5).contains(&row) && (1..6).contains(&col) && (row, col) != (3, 3));
    assert_is_pycocotools(&block, "93400NM03200c0");
}

#[test]
fn a_checkerboard_agrees_with_pycocotools() {
    assert_is_pycocotools(&mask_where(4, 5, |row, col| (row + col) % 2 == 1), "11110O10O10O10O0");
}

#[test]
fn a_ring_agrees_with_pycocotools() {
    let ring = mask_where(100, 60, |row, col| {
        let (dy, dx) = (row as i32 - 50, col as i32 - 30);
        let squared = dy * dy + dx * dx;
        (60..400).contains(&squared) || (row < 2 && col == 57)
    });
    let counts = "hS1=e24L4M2M4M2N2O0O2N2O0O2OZOXN0g10[N0d1O^N0b1O`N0`1ObN0^10bN0^10bN0^10bN0^10bN0^10bN0^10bN0^11`N0`11^N0b11\\N0e10YN0h1f01N101N2N101N2N3L3N3L4Lbd0ESB";
    assert_is_pycocotools(&ring, counts);
}

#[test]
fn runs_of_many_digits_agree_with_pycocotools() {
    let far = mask_where(480, 640, |row, col| (row, col) == (479, 639) || (row, col) == (0, 300));
    assert_is_pycocotools(&far, "Pd\\41n[o40");
}

#[test]
fn zero_runs_in_the_middle_are_read() {
    // Runs 1, 1, 0, 1, 1: '1' '1' '0', then 1 - 1 = 0 and 1 - 0 = 1.
    assert_eq!(decode(2, 2, "11001").unwrap().bits(), [0, 1, 1, 0]);
}

#[test]
fn a_total_that_misses_the_size_is_an_error() {
    assert_eq!(decode(2, 3, "131"), Err(RleError::Total { expected: 6, got: 5 }));
    assert_eq!(decode(2, 3, ""), Err(RleError::Total { expected: 6, got: 0 }));
    assert_eq!(decode(2, 3, "133"), Err(RleError::Run { index: 2 }));
}

#[test]
fn a_negative_run_is_an_error() {
    // 'O' is -1 and the first run has no run before it.
    assert_eq!(decode(2, 3, "O7"), Err(RleError::Run { index: 0 }));
}

#[test]
fn a_string_cut_inside_a_number_is_an_error() {
    // 'P' says that more follows.
    assert_eq!(decode(2, 3, "1P"), Err(RleError::CutShort));
}

#[test]
fn foreign_bytes_are_an_error() {
    assert_eq!(decode(2, 3, "1 2"), Err(RleError::Byte { position: 1 }));
    assert_eq!(decode(2, 3, "1é"), Err(RleError::Byte { position: 1 }));
}

#[test]
fn an_endless_number_is_an_error() {
    assert_eq!(decode(2, 3, &"o".repeat(1000)), Err(RleError::Run { index: 0 }));
}

#[test]
fn sizes_that_would_fill_the_memory_are_refused_before_anything_is_taken() {
    let error = decode(u32::MAX, u32::MAX, "0").unwrap_err();
    assert_eq!(error, RleError::Size { rows: u32::MAX, cols: u32::MAX });
    assert_eq!(decode(0, 5, ""), Err(RleError::Size { rows: 0, cols: 5 }));
    // Below the limit, but the runs do not fill it: found before the mask is made.
    assert_eq!(decode(16_384, 16_384, "1"), Err(RleError::Total { expected: 1 << 28, got: 1 }));
}

#[test]
fn damaged_strings_give_a_mask_or_an_error_and_never_a_panic() {
    let mut state = 7_u64;
    let mut next = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let (mut masks, mut errors) = (0, 0);
    for _ in 0..5_000 {
        let (rows, cols) = (1 + next(40), 1 + next(40));
        let run = 1 + next(9);
        let bits = (0..rows * cols).map(|at| u8::from((at / run) % 2 == 1 && next(4) > 0)).collect();
        let mask = Mask::new(rows, cols, bits).unwrap();
        let mut rle = Rle::encode(&mask).unwrap();
        assert_eq!(rle.decode().unwrap(), mask);

        let mut bytes = rle.counts.into_bytes();
        let at = next(bytes.len());
        bytes[at] = 48 + next(64) as u8;
        rle.counts = String::from_utf8(bytes).unwrap();
        match rle.decode() {
            Ok(other) => {
                assert_eq!(Rle::encode(&other).unwrap().decode().unwrap(), other);
                masks += 1;
            }
            Err(_) => errors += 1,
        }
    }
    assert!(masks > 50 && errors > 1_000, "{masks} masks and {errors} errors: the test reaches too little");
}

#[test]
fn plain_run_lengths_become_the_compressed_ones() {
    // Columns (0 1), (1 1), (0 0), as above.
    assert_eq!(from_runs([2, 3], &[1, 3, 2]), Rle { size: [2, 3], counts: "132".to_owned() });
    let ring = "hS1=e24L4M2M4M2N2O0O2N2O0O2OZOXN0g10[N0d1O^N0b1O`N0`1ObN0^10bN0^10bN0^10bN0^10bN0^10bN0^10bN0^11`N0`11^N0b11\\N0e10YN0h1f01N101N2N101N2N3L3N3L4Lbd0ESB";
    let runs: Vec<u32> = Runs::new(ring).collect::<Result<_, _>>().unwrap();
    assert_eq!(from_runs([100, 60], &runs).counts, ring);
}
