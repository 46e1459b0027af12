//! A world: an endless plane of cells, seen through a scene of so many pixels.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::cell::Cell;
use super::error::WorldError;
use super::expose::{HALO_PX, expose};
use super::instance::{FIRST_OBJECT_ID, Instance, REGIONS, region};
use super::layout::fill;
use super::look::Look;
use super::noise::{hash, sin_cos, whole};
use super::paint::{Easel, Placement};
use super::shapes::{Shape, Slab};
use super::site::OBJECTS_PER_CELL;
use super::terrain::{CELL_M, Terrain, Theme};

/// How far a shadow or a wake may reach out of its cell.
const REACH_M: f64 = 45.0;
/// Windows from this size on are drawn by several threads.
const PARALLEL_FROM_PX: u64 = 400_000;
/// Rows that one thread draws at a time.
const BAND_ROWS: usize = 96;

/// What a scene shows and how large it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorldConfig {
    /// Another seed, another world.
    pub seed: u64,
    /// Columns of the scene.
    pub width_px: u32,
    /// Rows of the scene.
    pub height_px: u32,
    /// Side of a pixel in metres, 0.1 to 2.
    pub pixel_size_m: f64,
    /// Light, palette and sensor.
    pub look: Look,
    /// What the land is used for; [`Theme::Auto`] mixes.
    pub theme: Theme,
    /// Where the scene's upper left corner lies in the world, in metres (right, down).
    pub origin_m: (f64, f64),
    /// How far the scene is turned in the world, in degrees.
    pub angle_deg: f64,
}

/// A scene that can be drawn window by window.
#[derive(Clone, Debug)]
pub struct World {
    config: WorldConfig,
    terrain: Terrain,
    place: Placement,
    first_cell: (i32, i32),
    cells_across: u32,
}

/// A drawn window.
#[derive(Clone, Debug)]
pub struct Rendered {
    /// Red, green, blue of each pixel, `[row, col, 3]`.
    pub rgb: Vec<u8>,
    /// Instance of each pixel, `[row, col]`; 0 where there is none.
    pub instance: Vec<u32>,
    /// The instances that have pixels in the window, by id.
    pub instances: Vec<Instance>,
}

impl World {
    /// The world of this description.
    ///
    /// # Errors
    /// A scene without pixels, a pixel size out of range, or more ground than there are numbers for objects.
    pub fn new(config: WorldConfig) -> Result<Self, WorldError> {
        if config.width_px == 0 || config.height_px == 0 {
            return Err(WorldError::NoPixels);
        }
        if !(0.1..=2.0).contains(&config.pixel_size_m) {
            return Err(WorldError::PixelSize(config.pixel_size_m));
        }
        let (s, c) = sin_cos(config.angle_deg.to_radians());
        let place = Placement { origin: config.origin_m, step: (c * config.pixel_size_m, s * config.pixel_size_m) };
        let (low, high) = ground_box(&place, 0, 0, i64::from(config.height_px), i64::from(config.width_px));
        // One more cell on each side: shadows of their objects may fall into the scene.
        let (first, last) = (cell_of((low.0 - CELL_M, low.1 - CELL_M)), cell_of((high.0 + CELL_M, high.1 + CELL_M)));
        let across = i64::from(last.0) - i64::from(first.0) + 1;
        let down = i64::from(last.1) - i64::from(first.1) + 1;
        if across * down > i64::from((u32::MAX - FIRST_OBJECT_ID) / OBJECTS_PER_CELL) {
            return Err(WorldError::TooLarge { width_px: config.width_px, height_px: config.height_px });
        }
        let seed = hash((config.seed >> 32) as u32, config.seed as u32 as i32, 0x5C3);
        let terrain = Terrain { seed, theme: config.theme };
        Ok(Self { config, terrain, place, first_cell: first, cells_across: across as u32 })
    }

    /// The description.
    #[must_use]
    pub fn config(&self) -> &WorldConfig {
        &self.config
    }

    /// Draws a window: the same pixels and ids whatever other windows are drawn.
    ///
    /// Memory is proportional to the window. Windows of many rows are drawn by several threads.
    #[must_use]
    pub fn render(&self, row_off: u32, col_off: u32, rows: u32, cols: u32) -> Rendered {
        let look = &self.config.look;
        let halo = HALO_PX as i64;
        let (row, col) = (i64::from(row_off), i64::from(col_off));
        let (low, high) =
            ground_box(&self.place, row - halo, col - halo, i64::from(rows) + 2 * halo, i64::from(cols) + 2 * halo);
        let grid = CellGrid::new(&self.terrain, look, low, high);
        let fill_one = |cell: &Cell| {
            let (mut shapes, objects) = fill(cell, &self.terrain, look, self.cell_number(cell));
            shapes.retain(|s| s.touches(low, high));
            (shapes, objects)
        };
        let small = u64::from(rows) * u64::from(cols) < PARALLEL_FROM_PX;
        let filled: Vec<_> = if small {
            grid.cells.iter().map(fill_one).collect()
        } else {
            grid.cells.par_iter().map(fill_one).collect()
        };
        let mut shapes: Vec<Shape> = Vec::new();
        let mut objects: Vec<(Instance, Slab)> = Vec::new();
        for (more, new) in filled {
            shapes.extend(more);
            objects.extend(new);
        }
        // Stable: within a layer the order of cells decides, which is the same for every window.
        shapes.sort_by_key(|s| s.layer);
        let mut rgb = vec![0; rows as usize * cols as usize * 3];
        let mut instance = vec![0; rows as usize * cols as usize];
        let band_rows = if small { rows.max(1) as usize } else { BAND_ROWS };
        let pixels = band_rows * (cols as usize).max(1);
        let draw = |(k, (rgb, instance)): (usize, (&mut [u8], &mut [u32]))| {
            self.draw_band(&grid, &shapes, (row + (k * band_rows) as i64, col), cols as usize, rgb, instance);
        };
        if small {
            rgb.chunks_mut(pixels * 3).zip(instance.chunks_mut(pixels)).enumerate().for_each(draw);
        } else {
            rgb.par_chunks_mut(pixels * 3).zip(instance.par_chunks_mut(pixels)).enumerate().for_each(draw);
        }
        let instances = self.present(&instance, objects);
        Rendered { rgb, instance, instances }
    }

    /// Draws whole rows of a window, starting at this (row, col), into their part of its planes.
    fn draw_band(
        &self,
        grid: &CellGrid,
        shapes: &[Shape],
        first: (i64, i64),
        cols: usize,
        rgb: &mut [u8],
        instance: &mut [u32],
    ) {
        let rows = instance.len() / cols;
        let halo = HALO_PX as i64;
        let mut easel = Easel::new(first.0 - halo, first.1 - halo, rows + 2 * HALO_PX, cols + 2 * HALO_PX);
        self.paint_ground(&mut easel, grid);
        let (low, high) = ground_box(&self.place, easel.row_off, easel.col_off, easel.rows as i64, easel.cols as i64);
        let near: Vec<&Shape> = shapes.iter().filter(|s| s.touches(low, high)).collect();
        easel.paint(&self.place, &near, self.config.look.shadow_depth);
        for (r, line) in instance.chunks_mut(cols).enumerate() {
            let start = (r + HALO_PX) * easel.cols + HALO_PX;
            line.copy_from_slice(&easel.ids[start..start + cols]);
        }
        expose(&self.config.look, self.terrain.seed, &easel, rgb);
    }

    /// The instances that have pixels in a window.
    #[must_use]
    pub fn instances(&self, row_off: u32, col_off: u32, rows: u32, cols: u32) -> Vec<Instance> {
        self.render(row_off, col_off, rows, cols).instances
    }

    /// The number of a cell in or around the scene: no two have the same.
    fn cell_number(&self, cell: &Cell) -> u32 {
        let (right, down) = (cell.i - self.first_cell.0, cell.j - self.first_cell.1);
        down as u32 * self.cells_across + right as u32
    }

    fn paint_ground(&self, easel: &mut Easel, grid: &CellGrid) {
        for r in 0..easel.rows {
            for c in 0..easel.cols {
                let (x, y) = self.place.world(easel.row_off + r as i64, easel.col_off + c as i64);
                let ground = grid.cell_at(x, y).ground(&self.terrain, &self.config.look, x, y);
                easel.rgb[r * easel.cols + c] = ground.rgb;
                easel.ids[r * easel.cols + c] = ground.id;
            }
        }
    }

    /// The instances among these objects and the regions that own pixels.
    fn present(&self, ids: &[u32], objects: Vec<(Instance, Slab)>) -> Vec<Instance> {
        let mut seen: Vec<u32> = Vec::new();
        let mut last = 0;
        for &id in ids {
            if id != last {
                seen.push(id);
                last = id;
            }
        }
        seen.sort_unstable();
        seen.dedup();
        let mut found: Vec<Instance> =
            REGIONS.iter().filter(|r| seen.binary_search(&r.0).is_ok()).filter_map(|r| region(r.0)).collect();
        let mut drawn: Vec<Instance> = objects
            .into_iter()
            .filter(|(instance, _)| seen.binary_search(&instance.id).is_ok())
            .map(|(instance, slab)| Instance { centre_px: self.place.pixel(slab.centre), ..instance })
            .collect();
        drawn.sort_by_key(|instance| instance.id);
        found.append(&mut drawn);
        found
    }
}

/// The cells around a window.
#[derive(Debug)]
struct CellGrid {
    first: (i32, i32),
    across: usize,
    cells: Vec<Cell>,
}

impl CellGrid {
    fn new(terrain: &Terrain, look: &Look, low: (f64, f64), high: (f64, f64)) -> Self {
        let first = cell_of((low.0 - REACH_M, low.1 - REACH_M));
        let last = cell_of((high.0 + REACH_M, high.1 + REACH_M));
        let across = (last.0 - first.0 + 1) as usize;
        let cells = (first.1..=last.1)
            .flat_map(|j| (first.0..=last.0).map(move |i| (i, j)))
            .map(|(i, j)| Cell::new(terrain, look, i, j))
            .collect();
        Self { first, across, cells }
    }

    #[inline]
    fn cell_at(&self, x: f64, y: f64) -> &Cell {
        let (i, j) = cell_of((x, y));
        &self.cells[(j - self.first.1) as usize * self.across + (i - self.first.0) as usize]
    }
}

#[inline]
fn cell_of(p: (f64, f64)) -> (i32, i32) {
    (whole(p.0 / CELL_M), whole(p.1 / CELL_M))
}

/// Lower and upper corner of the ground that a window sees.
fn ground_box(place: &Placement, row: i64, col: i64, rows: i64, cols: i64) -> ((f64, f64), (f64, f64)) {
    let (mut low, mut high) = ((f64::MAX, f64::MAX), (f64::MIN, f64::MIN));
    for (r, c) in [(row, col), (row, col + cols), (row + rows, col), (row + rows, col + cols)] {
        let p = place.world(r, c);
        low = (low.0.min(p.0), low.1.min(p.1));
        high = (high.0.max(p.0), high.1.max(p.1));
    }
    let margin = place.pixel_size();
    ((low.0 - margin, low.1 - margin), (high.0 + margin, high.1 + margin))
}
