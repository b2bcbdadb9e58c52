//! Tiles of attention that have been looked at, and those that are wanted.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use whyfinder_experiment::AttentionRecord;
use whyfinder_model::kernel::attention_tile::{Tile, TileId};

/// Most bytes of tiles that are kept.
const MOST_BYTES: u64 = 96 << 20;

/// Which head of which record.
type HeadKey = (u64, usize);

/// The tiles of the heads looked at last, within a number of bytes.
///
/// Views take tiles and say which they miss; whoever owns the shelf asks for those and puts them in.
#[derive(Debug)]
pub struct TileShelf {
    inner: RefCell<Shelf>,
}

#[derive(Debug)]
struct Shelf {
    tiles: HashMap<(HeadKey, TileId), Kept>,
    bytes: u64,
    most_bytes: u64,
    clock: u64,
    wanted: Option<Wanted>,
    asked: Option<(HeadKey, HashSet<TileId>)>,
}

#[derive(Debug)]
struct Kept {
    tile: Arc<Tile>,
    used: u64,
}

/// Tiles of one head that a view misses, the most wanted first.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub record: Arc<AttentionRecord>,
    pub head: usize,
    pub tiles: Vec<TileId>,
}

impl Default for TileShelf {
    fn default() -> Self {
        Self::holding(MOST_BYTES)
    }
}

impl TileShelf {
    /// A shelf that keeps at most `most_bytes`.
    pub fn holding(most_bytes: u64) -> Self {
        Self {
            inner: RefCell::new(Shelf {
                tiles: HashMap::new(),
                bytes: 0,
                most_bytes,
                clock: 0,
                wanted: None,
                asked: None,
            }),
        }
    }

    pub(crate) fn get(&self, record: u64, head: usize, id: TileId) -> Option<Arc<Tile>> {
        let shelf = &mut *self.inner.borrow_mut();
        shelf.clock += 1;
        let kept = shelf.tiles.get_mut(&((record, head), id))?;
        kept.used = shelf.clock;
        Some(Arc::clone(&kept.tile))
    }

    /// Says what a view misses now, in place of what it missed before.
    pub(crate) fn want(&self, record: &Arc<AttentionRecord>, head: usize, tiles: Vec<TileId>) {
        self.inner.borrow_mut().wanted = Some(Wanted {
            record: Arc::clone(record),
            head,
            tiles,
        });
    }

    /// What is to be asked for now; `None` if all of it has been asked for.
    pub fn take_wanted(&self) -> Option<Wanted> {
        let shelf = &mut *self.inner.borrow_mut();
        let wanted = shelf.wanted.take()?;
        let head = (wanted.record.id(), wanted.head);
        let asked = |id: &TileId| {
            shelf
                .asked
                .as_ref()
                .is_some_and(|(of, asked)| *of == head && asked.contains(id))
        };
        if wanted.tiles.iter().all(asked) {
            return None;
        }
        shelf.asked = Some((head, wanted.tiles.iter().copied().collect()));
        Some(wanted)
    }

    /// Keeps a tile; those not looked at for longest make room.
    pub fn put(&self, tile: Arc<Tile>) {
        let shelf = &mut *self.inner.borrow_mut();
        let bytes = tile.bytes();
        if bytes == 0 || bytes > shelf.most_bytes {
            return;
        }
        if shelf.bytes + bytes > shelf.most_bytes {
            shelf.make_room(bytes);
        }
        shelf.clock += 1;
        let key = ((tile.record, tile.head), tile.id);
        let kept = Kept {
            tile,
            used: shelf.clock,
        };
        let before = shelf.tiles.insert(key, kept);
        shelf.bytes += bytes;
        shelf.bytes -= before.map_or(0, |kept| kept.tile.bytes());
    }

    /// Bytes of the tiles that are kept.
    pub fn bytes(&self) -> u64 {
        self.inner.borrow().bytes
    }

    /// Whether a tile is there, without counting as a use.
    pub fn has(&self, record: u64, head: usize, id: TileId) -> bool {
        self.inner
            .borrow()
            .tiles
            .contains_key(&((record, head), id))
    }
}

impl Shelf {
    /// Forgets the least recently used, an eighth of the room at a time: sorting for each tile would be slow.
    fn make_room(&mut self, bytes: u64) {
        let goal = (self.most_bytes - self.most_bytes / 8).saturating_sub(bytes);
        let mut by_use: Vec<_> = self
            .tiles
            .iter()
            .map(|(key, kept)| (kept.used, *key))
            .collect();
        by_use.sort_unstable_by_key(|(used, _)| *used);
        for (_, key) in by_use {
            if self.bytes <= goal {
                break;
            }
            if let Some(kept) = self.tiles.remove(&key) {
                self.bytes -= kept.tile.bytes();
            }
        }
        // What is gone may be asked for again.
        self.asked = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::maps::weights::testing::record;
    use whyfinder_model::kernel::attention_tile::tile;

    fn id(row: usize) -> TileId {
        TileId {
            level: 0,
            row,
            column: 0,
        }
    }

    #[test]
    fn what_is_missed_is_asked_for_once() {
        let (record, shelf) = (record(300), TileShelf::default());
        shelf.want(&record, 1, vec![id(0), id(1)]);
        assert_eq!(shelf.take_wanted().expect("new").tiles, [id(0), id(1)]);
        shelf.want(&record, 1, vec![id(1)]);
        assert!(shelf.take_wanted().is_none(), "it is on its way");
        shelf.want(&record, 0, vec![id(1)]);
        assert!(shelf.take_wanted().is_some(), "another head");
        shelf.want(&record, 1, vec![id(1)]);
        assert!(
            shelf.take_wanted().is_some(),
            "the request before was dropped"
        );
        assert!(shelf.take_wanted().is_none());
    }

    #[test]
    fn the_least_looked_at_make_room() {
        let record = record(1000);
        let tiles: Vec<_> = (0..8)
            .map(|row| Arc::new(tile(&record, 0, id(row))))
            .collect();
        let one = tiles[0].bytes();
        let shelf = TileShelf::holding(6 * one);
        for tile in &tiles[..6] {
            shelf.put(Arc::clone(tile));
        }
        assert!(shelf.get(record.id(), 0, id(0)).is_some());
        shelf.put(Arc::clone(&tiles[6]));
        assert!(shelf.bytes() <= 6 * one);
        assert!(shelf.has(record.id(), 0, id(0)) && shelf.has(record.id(), 0, id(6)));
        assert!(!shelf.has(record.id(), 0, id(1)));
        shelf.put(Arc::clone(&tiles[6]));
        let held = (0..8)
            .filter(|&row| shelf.has(record.id(), 0, id(row)))
            .count();
        assert_eq!(shelf.bytes(), held as u64 * one, "one tile is kept once");
    }
}
