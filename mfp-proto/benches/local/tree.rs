//! What a change of the tree costs, with its root read after it: the trie alone.

use mfp_proto::crypto::rng::Rng;
use mfp_proto::id::ChannelId;
use mfp_proto::merkle::{GrowingTrie, Leaf, LeafId};

use crate::measure::{Rounds, bar, figure, rounds, time};

/// Changes of one kind in a round.
const BURST: usize = 20;
const STATE: [u8; 32] = [7; 32];

/// Tries of the same size, with their leaves. Small ones come in numbers, so that a burst leaves their size about
/// as it was and is long enough for the clock.
struct Forest {
    trees: Vec<(GrowingTrie, Vec<(LeafId, Leaf)>)>,
    rng: Rng,
}

impl Forest {
    fn new(leaves: usize) -> Self {
        let trees = if leaves < 1_000 { BURST } else { 1 };
        let mut forest = Self { trees: Vec::new(), rng: Rng::new([1; 32]) };
        for _ in 0..trees {
            let (mut trie, mut list) = (GrowingTrie::new(), Vec::new());
            for _ in 0..leaves {
                let id = forest.id();
                list.push((id, trie.insert(id, &STATE).unwrap()));
            }
            trie.root();
            forest.trees.push((trie, list));
        }
        forest
    }

    fn id(&mut self) -> LeafId {
        LeafId::Channel(ChannelId::from_bytes(self.rng.array()))
    }

    /// A burst of changes, chosen before the time is taken: the nanoseconds of one, with its root.
    fn burst<T>(&mut self, choose: impl Fn(&mut Self, usize) -> T, change: impl Fn(&mut GrowingTrie, &T)) -> f64 {
        let count = self.trees.len();
        let chosen: Vec<_> = (0..BURST).map(|n| (n % count, choose(self, n % count))).collect();
        let mut chosen = chosen.iter();
        time(BURST, || {
            let (tree, what) = chosen.next().unwrap();
            let (trie, _) = &mut self.trees[*tree];
            change(trie, what);
            std::hint::black_box(trie.root());
        })
    }

    fn pick(&mut self, tree: usize) -> usize {
        let leaves = self.trees[tree].1.len() as u64;
        usize::try_from(self.rng.below(leaves)).unwrap()
    }

    fn update(&mut self) -> f64 {
        let choose = |forest: &mut Self, tree| {
            let place = forest.pick(tree);
            forest.trees[tree].1[place].1
        };
        self.burst(choose, |trie, leaf| trie.update(*leaf, &STATE).unwrap())
    }

    fn insert(&mut self) -> f64 {
        let choose = |forest: &mut Self, tree: usize| {
            let id = forest.id();
            // The list is brought up to date outside of the time that is taken.
            let list = &mut forest.trees[tree].1;
            list.push((id, list[0].1));
            id
        };
        let time = self.burst(choose, |trie, id| {
            trie.insert(*id, &STATE).unwrap();
        });
        for (trie, list) in &mut self.trees {
            for (id, leaf) in list.iter_mut().rev().take(BURST) {
                *leaf = trie.find(id).unwrap();
            }
        }
        time
    }

    fn remove(&mut self) -> f64 {
        let choose = |forest: &mut Self, tree: usize| {
            let place = forest.pick(tree);
            forest.trees[tree].1.swap_remove(place).1
        };
        self.burst(choose, |trie, leaf| {
            trie.remove(*leaf).unwrap();
        })
    }

    /// SHA-256 blocks of an update, on average: two for each node above the leaf, one for the leaf, one for the root.
    fn blocks(&mut self) -> f64 {
        let sample = 10_000;
        let mut nodes = |n: usize| {
            let tree = n % self.trees.len();
            let place = self.pick(tree);
            let (trie, list) = &mut self.trees[tree];
            trie.prove(&list[place].0, |_| Some(STATE)).unwrap().path.len()
        };
        2.0 + 2.0 * (0..sample).map(&mut nodes).sum::<usize>() as f64 / sample as f64
    }
}

/// The rounds of update, insert and remove at this size, and the blocks of an update.
fn changes(leaves: usize) -> (Rounds<3>, f64) {
    let mut forest = Forest::new(leaves);
    let figures = rounds(500, || [forest.update(), forest.insert(), forest.remove()]);
    (figures, forest.blocks())
}

pub(crate) fn run() {
    let mut smallest = None;
    for leaves in [10, 100, 1_000, 10_000, 100_000, 1_000_000] {
        let (figures, blocks) = changes(leaves);
        let [update, insert, remove] = [0, 1, 2].map(|of| figures.median(of));
        println!("# trie of {leaves}: an update takes {blocks:.1} blocks of SHA-256");
        for (what, time) in [("update", update), ("insert", insert), ("remove", remove)] {
            figure(&format!("{what} of the root, {leaves} channels"), time, "ns");
        }
        bar(&format!("insert_over_update_{leaves}"), figures.ratio(1, 0), 3.0);
        bar(&format!("remove_over_update_{leaves}"), figures.ratio(2, 0), 3.0);
        let (small_time, small_blocks) = *smallest.get_or_insert((update, blocks));
        bar(&format!("update_growth_{leaves}"), update / small_time / (blocks / small_blocks), 2.0);
    }
}
