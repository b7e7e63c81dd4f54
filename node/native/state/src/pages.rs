//! Whether the pages of the data file are what they should be, before LMDB follows them blindly.
//!
//! LMDB trusts its file: a damaged page sends it anywhere. So a file is looked over when it is opened: all pages that
//! lead to others (a sixtieth of the file), up to a limit, and whatever lies at the end of the file, where the last
//! commit wrote and where a file is cut. [`check_all`] looks at every page in use.
//!
//! The layout is LMDB's (0.9.70, 64 bits, the machine's byte order): a 16-byte header (page number, pad, flags, lower
//! and upper bound of the free space or the count of overflow pages), then offsets of nodes; a node is the size of its
//! data or a page number (48 bits), flags and key size, then the key and the data.

use std::{collections::VecDeque, fs::File, io, os::unix::fs::FileExt};

use crate::StateError;

const MAGIC: u32 = 0xBEEF_C0DE;
const HEADER: usize = 16;
const NODE_HEADER: usize = 8;
const NO_ROOT: u64 = u64::MAX;

const BRANCH: u16 = 0x01;
const LEAF: u16 = 0x02;
const OVERFLOW: u16 = 0x04;

const BIG_DATA: u16 = 0x01;
const SUB_TABLE: u16 = 0x02;

/// Pages read when a file is opened; 64 MiB.
const QUICK_LIMIT: usize = 16_384;
/// Pages at the end of the file that a quick check reads in any case.
const TAIL: u64 = 64;

/// The pages that lead to others, the nearest to the roots first, and the end of the file.
pub(crate) fn check_quickly(file: &File) -> Result<(), StateError> {
    let Some(meta) = Meta::read_both(file)?.into_iter().max_by_key(|meta| meta.commit) else { return Ok(()) };
    let length = file.metadata()?.len();
    let cut = length < (meta.last_page + 1) * meta.page_size as u64;
    // A file may rightly be short of pages that were never written; then only looking at all tells.
    Walk::new(file, &meta, length, if cut { None } else { Some(QUICK_LIMIT) }).run()
}

/// Every page that the commit uses. It must be pinned by a snapshot.
pub(crate) fn check_all(file: &File, commit: u64) -> Result<(), StateError> {
    let meta = Meta::read_both(file)?.into_iter().find(|meta| meta.commit == commit);
    let meta = meta.ok_or_else(|| StateError::corrupt(format!("no page names commit {commit}")))?;
    Walk::new(file, &meta, file.metadata()?.len(), None).run()
}

/// What a meta page says.
struct Meta {
    page_size: usize,
    last_page: u64,
    commit: u64,
    /// Depth and root of the free list and of the table of tables.
    roots: [Tree; 2],
}

#[derive(Clone, Copy)]
struct Tree {
    depth: u16,
    root: u64,
}

impl Tree {
    const BYTES: usize = 48;

    fn parse(record: &[u8]) -> Self {
        Self { depth: u16_at(record, 6), root: u64_at(record, 40) }
    }
}

impl Meta {
    const FIRST_TREE: usize = HEADER + 24;
    const BYTES: usize = Self::FIRST_TREE + 2 * Tree::BYTES + 16;

    /// Both meta pages, as far as they are such; LMDB refuses a file that lacks one.
    fn read_both(file: &File) -> io::Result<Vec<Self>> {
        let Some(first) = Self::read(file, 0)? else { return Ok(Vec::new()) };
        let second = Self::read(file, first.page_size as u64)?;
        Ok(std::iter::once(first).chain(second).collect())
    }

    fn read(file: &File, at: u64) -> io::Result<Option<Self>> {
        let mut page = [0; Self::BYTES];
        match file.read_exact_at(&mut page, at) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            read => read?,
        }
        let (trees, tail) = (&page[Self::FIRST_TREE..], Self::BYTES - 16);
        Ok((u32_at(&page, HEADER) == MAGIC).then(|| Self {
            page_size: u32_at(trees, 0) as usize,
            last_page: u64_at(&page, tail),
            commit: u64_at(&page, tail + 8),
            roots: [Tree::parse(trees), Tree::parse(&trees[Tree::BYTES..])],
        }))
    }
}

/// A page to look at: how far above the leaves it is.
struct Step {
    page: u64,
    height: u16,
}

struct Walk<'a> {
    file: &'a File,
    page_size: usize,
    /// Whole pages in the file.
    pages: u64,
    last_page: u64,
    /// Pages that may still be read; `None` is all of them.
    budget: Option<usize>,
    steps: VecDeque<Step>,
}

impl<'a> Walk<'a> {
    fn new(file: &'a File, meta: &Meta, length: u64, budget: Option<usize>) -> Self {
        let page_size = meta.page_size.max(HEADER);
        let pages = length / page_size as u64;
        let mut walk = Self { file, page_size, pages, last_page: meta.last_page, budget, steps: VecDeque::new() };
        meta.roots.into_iter().for_each(|tree| walk.descend(tree));
        walk
    }

    fn descend(&mut self, tree: Tree) {
        if tree.root != NO_ROOT {
            self.steps.push_back(Step { page: tree.root, height: tree.depth.saturating_sub(1) });
        }
    }

    fn run(mut self) -> Result<(), StateError> {
        let mut page = vec![0; self.page_size];
        while let Some(step) = self.steps.pop_front() {
            if let Some(budget) = &mut self.budget {
                if *budget == 0 {
                    return Ok(());
                }
                *budget -= 1;
            }
            self.read(step.page, &mut page)?;
            self.visit(&step, &page).map_err(|what| damaged(step.page, what))?;
        }
        Ok(())
    }

    fn read(&self, number: u64, page: &mut [u8]) -> Result<(), StateError> {
        if !self.exists(number, 1) {
            return Err(damaged(number, "beyond the end of the file"));
        }
        self.file.read_exact_at(page, number * self.page_size as u64)?;
        Ok(())
    }

    fn exists(&self, first: u64, count: u64) -> bool {
        first >= 2 && first.checked_add(count).is_some_and(|end| end <= self.pages && end <= self.last_page + 1)
    }

    /// Check a tree page and note where it leads.
    fn visit(&mut self, step: &Step, page: &[u8]) -> Result<(), &'static str> {
        let (flags, lower, upper) = (u16_at(page, 10), u16_at(page, 12) as usize, u16_at(page, 14) as usize);
        if u64_at(page, 0) != step.page {
            return Err("bears another number");
        }
        if flags & (BRANCH | LEAF | OVERFLOW) != if step.height > 0 { BRANCH } else { LEAF } {
            return Err("is of another kind than it should be");
        }
        if lower < HEADER || lower % 2 != 0 || lower > upper || upper > page.len() {
            return Err("has impossible bounds");
        }
        for offset in page[HEADER..lower].chunks_exact(2).map(|offset| u16_at(offset, 0) as usize) {
            let node = page.get(offset..).filter(|node| offset >= upper && node.len() >= NODE_HEADER);
            let node = node.ok_or("has an entry outside of itself")?;
            if step.height > 0 { self.visit_branch(step, node)? } else { self.visit_leaf(node)? }
        }
        Ok(())
    }

    fn visit_branch(&mut self, step: &Step, node: &[u8]) -> Result<(), &'static str> {
        if node.len() < NODE_HEADER + u16_at(node, 6) as usize {
            return Err("has a key outside of itself");
        }
        let child = u64::from(u16_at(node, 0)) | u64::from(u16_at(node, 2)) << 16 | u64::from(u16_at(node, 4)) << 32;
        if !self.exists(child, 1) {
            return Err("leads beyond the end of the file");
        }
        if self.wants(child, step.height - 1) {
            self.steps.push_back(Step { page: child, height: step.height - 1 });
        }
        Ok(())
    }

    /// A quick check leaves out leaves, but for those at the end of the file.
    fn wants(&self, page: u64, height: u16) -> bool {
        self.budget.is_none() || height > 0 || page + TAIL > self.last_page
    }

    fn visit_leaf(&mut self, node: &[u8]) -> Result<(), &'static str> {
        let size = u32::from(u16_at(node, 0)) as usize | (u16_at(node, 2) as usize) << 16;
        let flags = u16_at(node, 4);
        let data = node.get(NODE_HEADER + u16_at(node, 6) as usize..).ok_or("has a key outside of itself")?;
        if flags & BIG_DATA != 0 {
            return self.visit_overflow(data.get(..8).ok_or("has a value outside of itself")?, size);
        }
        let data = data.get(..size).ok_or("has a value outside of itself")?;
        if flags & SUB_TABLE != 0 && data.len() == Tree::BYTES {
            self.descend(Tree::parse(data));
        }
        Ok(())
    }

    fn visit_overflow(&mut self, pointer: &[u8], size: usize) -> Result<(), &'static str> {
        let first = u64_at(pointer, 0);
        let count = (HEADER + size).div_ceil(self.page_size) as u64;
        if !self.exists(first, count) {
            return Err("has a value beyond the end of the file");
        }
        let mut header = [0; HEADER];
        let read = self.file.read_exact_at(&mut header, first * self.page_size as u64);
        let sound = read.is_ok()
            && u64_at(&header, 0) == first
            && u16_at(&header, 10) & OVERFLOW != 0
            && u64::from(u32_at(&header, 12)) >= count;
        if sound { Ok(()) } else { Err("has a damaged long value") }
    }
}

fn damaged(page: u64, what: &str) -> StateError {
    StateError::corrupt(format!("page {page} {what}"))
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_ne_bytes(bytes[at..at + 2].try_into().expect("two bytes"))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_ne_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}
