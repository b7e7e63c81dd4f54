//! One walk over the trie applies a sorted batch: the batch is parted by nibble at branches, lists that meet nothing
//! become fresh subtrees, and a branch collapses only after all changes below it are in, so that nothing is loaded or
//! built for a state in the middle of the batch.

use alloc::{sync::Arc, vec::Vec};

use super::{
    Nibbles,
    node::{Branch, Extension, Leaf, Link, Node},
    source::{NodeLog, NodeSource, TrieError},
};

/// From this many changes below one branch on, its children are updated on all cores.
#[cfg(feature = "host")]
const PARALLEL_FROM: usize = 256;

/// One key to set or to remove.
#[derive(Default)]
pub(super) struct Change {
    key: Nibbles,
    value: Option<Vec<u8>>,
}

impl Change {
    pub fn new(key: Nibbles, value: Option<Vec<u8>>) -> Self {
        Self { key, value: value.filter(|value| !value.is_empty()) }
    }
}

/// Whether something changed.
type Outcome = Result<bool, TrieError>;

/// Sort by key if they are not; of changes to one key the last counts.
pub(super) fn in_order(changes: &mut Vec<Change>) {
    if changes.is_sorted_by(|a, b| a.key < b.key) {
        return;
    }
    changes.reverse();
    changes.sort_by_key(|change| change.key);
    changes.dedup_by(|later, first| later.key == first.key);
}

/// Apply `changes`, which agree in their first `depth` nibbles, to what hangs there.
pub(super) fn apply(
    link: &mut Link,
    changes: &mut [Change],
    depth: usize,
    source: &dyn NodeSource,
    log: &mut NodeLog,
) -> Outcome {
    let Some(first) = changes.first() else { return Ok(false) };
    let path = first.key.slice(..depth);
    link.resolve(&path, source)?;
    match link.node_mut() {
        Some(Node::Branch(branch)) => {
            let branch = Arc::make_mut(branch);
            if !apply_to_branch(branch, changes, depth, source, log)? {
                return Ok(false);
            }
            match collapse(branch, &path, source, log)? {
                Some(other) => *link = other,
                None => link.mark_dirty(),
            }
            Ok(true)
        }
        Some(Node::Leaf(leaf)) => {
            let replacement = apply_to_leaf(leaf, changes, &path);
            Ok(replacement.map(|other| *link = other).is_some())
        }
        Some(Node::Extension(extension)) => {
            let extension = Arc::make_mut(extension);
            if !apply_to_extension(extension, changes, depth, source, log)? {
                return Ok(false);
            }
            *link = extend(extension.prefix, core::mem::take(&mut extension.child), &path, log);
            Ok(true)
        }
        None => {
            *link = build(settings(changes), depth);
            Ok(!link.is_empty())
        }
    }
}

fn apply_to_branch(
    branch: &mut Branch,
    changes: &mut [Change],
    depth: usize,
    source: &dyn NodeSource,
    log: &mut NodeLog,
) -> Outcome {
    each_child(branch, changes, depth, log, |child, group, log| apply(child, group, depth + 1, source, log))
}

/// What a leaf becomes; nothing where it stays.
fn apply_to_leaf(leaf: &Leaf, changes: &mut [Change], path: &Nibbles) -> Option<Link> {
    let key = path.join(&leaf.suffix);
    if let [only] = changes
        && only.key == key
    {
        return match only.value.take() {
            Some(value) if value == leaf.value => None,
            Some(value) => Some(Link::leaf(leaf.suffix, value)),
            None => Some(Link::Empty),
        };
    }
    let is_overwritten = changes.binary_search_by(|change| change.key.cmp(&key)).is_ok();
    let set = settings(changes);
    if is_overwritten {
        return Some(build(set, path.len()));
    }
    if set.is_empty() {
        return None;
    }
    let mut all: Vec<Change> = set.iter_mut().map(core::mem::take).collect();
    let at = all.partition_point(|change| change.key < key);
    all.insert(at, Change { key, value: Some(leaf.value.clone()) });
    Some(build(&mut all, path.len()))
}

/// Afterwards the extension is what [`extend`] makes of its prefix and child.
fn apply_to_extension(
    extension: &mut Extension,
    changes: &mut [Change],
    depth: usize,
    source: &dyn NodeSource,
    log: &mut NodeLog,
) -> Outcome {
    let prefix = extension.prefix;
    let shared = |change: &Change| change.key.slice(depth..).common_prefix_length(&prefix);
    let set = changes.iter().filter(|change| change.value.is_some());
    let at = set.map(shared).min().unwrap_or(prefix.len());
    if at < prefix.len() {
        log.vanished(changes[0].key.slice(..depth));
        let branch = split(core::mem::take(&mut extension.child), &prefix.slice(at..));
        extension.prefix = prefix.slice(..at);
        extension.child = branch;
    }
    let start = changes.partition_point(|change| change.key.slice(depth..) < extension.prefix);
    let below = changes[start..].partition_point(|change| change.key.slice(depth..).starts_with(&extension.prefix));
    let below = &mut changes[start..start + below];
    apply(&mut extension.child, below, depth + extension.prefix.len(), source, log)
}

/// A branch whose only way is `path`, towards `child`: the caller adds another.
fn split(child: Link, path: &Nibbles) -> Link {
    let mut branch = Branch::default();
    let rest = path.slice(1..);
    branch.children[path.get_unchecked(0) as usize] =
        if rest.is_empty() { child } else { Link::extension(rest, child) };
    Link::branch(branch)
}

/// What stands at `path`, where `prefix` leads to `child`.
fn extend(prefix: Nibbles, mut child: Link, path: &Nibbles, log: &mut NodeLog) -> Link {
    if prefix.is_empty() {
        return child;
    }
    match child.node() {
        Some(Node::Leaf(leaf)) => {
            let suffix = prefix.join(&leaf.suffix);
            log.vanished(*path);
            match child.take_node() {
                Some(Node::Leaf(leaf)) => Link::leaf(suffix, Arc::unwrap_or_clone(leaf).value),
                _ => Link::Empty,
            }
        }
        Some(Node::Extension(extension)) => {
            log.vanished(path.join(&prefix));
            Link::extension(prefix.join(&extension.prefix), extension.child.clone())
        }
        None if child.is_empty() => {
            log.vanished(*path);
            Link::Empty
        }
        Some(Node::Branch(_)) | None => Link::extension(prefix, child),
    }
}

/// What a branch with fewer than two ways becomes.
fn collapse(
    branch: &mut Branch,
    path: &Nibbles,
    source: &dyn NodeSource,
    log: &mut NodeLog,
) -> Result<Option<Link>, TrieError> {
    let mut ways = (0u8..16).filter(|nibble| !branch.children[*nibble as usize].is_empty());
    match (ways.next(), ways.next(), &mut branch.value) {
        (None, None, value) => {
            log.vanished(*path);
            Ok(Some(value.take().map_or(Link::Empty, |value| Link::leaf(Nibbles::new(), value))))
        }
        (Some(nibble), None, None) => {
            let way = Nibbles::from_nibbles_unchecked([nibble]);
            let mut child = core::mem::take(&mut branch.children[nibble as usize]);
            child.resolve(&path.join(&way), source)?;
            Ok(Some(extend(way, child, path, log)))
        }
        _ => Ok(None),
    }
}

/// Move the changes that set a value to the front.
fn settings(changes: &mut [Change]) -> &mut [Change] {
    let mut kept = 0;
    for at in 0..changes.len() {
        if changes[at].value.is_some() {
            changes.swap(kept, at);
            kept += 1;
        }
    }
    &mut changes[..kept]
}

/// A fresh subtree `depth` nibbles below the root. Every change sets a value.
fn build(changes: &mut [Change], depth: usize) -> Link {
    let fork = match changes {
        [] => return Link::Empty,
        [only] => return Link::leaf(only.key.slice(depth..), only.value.take().unwrap_or_default()),
        [first, .., last] => first.key.common_prefix_length(&last.key),
    };
    let prefix = changes[0].key.slice(depth..fork);
    let mut branch = Branch::default();
    let infallible = each_child(&mut branch, changes, fork, &mut NodeLog::off(), |child, group, _| {
        *child = build(group, fork + 1);
        Ok(true)
    });
    debug_assert!(infallible.is_ok());
    match prefix.is_empty() {
        true => Link::branch(branch),
        false => Link::extension(prefix, Link::branch(branch)),
    }
}

/// Part `changes` by their nibble at `depth` and visit the children they belong to; the branch's own value is set here.
fn each_child(
    branch: &mut Branch,
    mut changes: &mut [Change],
    depth: usize,
    log: &mut NodeLog,
    visit: impl Fn(&mut Link, &mut [Change], &mut NodeLog) -> Outcome + Sync,
) -> Outcome {
    let mut changed = false;
    if changes.first().is_some_and(|first| first.key.len() == depth) {
        let value = changes[0].value.take();
        changed = value != branch.value;
        branch.value = value;
        changes = &mut changes[1..];
    }
    #[cfg(feature = "host")]
    if changes.len() >= PARALLEL_FROM {
        return Ok(each_child_on_all_cores(branch, changes, depth, log, visit)? | changed);
    }
    while let Some((nibble, group)) = next_group(&mut changes, depth) {
        changed |= visit(&mut branch.children[nibble], group, log)?;
    }
    Ok(changed)
}

#[cfg(feature = "host")]
fn each_child_on_all_cores(
    branch: &mut Branch,
    mut changes: &mut [Change],
    depth: usize,
    log: &mut NodeLog,
    visit: impl Fn(&mut Link, &mut [Change], &mut NodeLog) -> Outcome + Sync,
) -> Outcome {
    use rayon::prelude::*;

    let mut groups: [&mut [Change]; 16] = Default::default();
    while let Some((nibble, group)) = next_group(&mut changes, depth) {
        groups[nibble] = group;
    }
    let empty = &log.branch_off();
    let children = branch.children.par_iter_mut().zip(groups).filter(|(_, group)| !group.is_empty());
    let visited: Vec<(bool, NodeLog)> = children
        .map(|(child, group)| {
            let mut own = empty.branch_off();
            visit(child, group, &mut own).map(|changed| (changed, own))
        })
        .collect::<Result<_, _>>()?;
    let mut any = false;
    for (changed, own) in visited {
        any |= changed;
        log.append(own);
    }
    Ok(any)
}

/// Take the changes that share the first one's nibble at `depth` from the front.
fn next_group<'a>(changes: &mut &'a mut [Change], depth: usize) -> Option<(usize, &'a mut [Change])> {
    let nibble = changes.first()?.key.get_unchecked(depth);
    let end = match changes.len() {
        1 => 1,
        _ => changes.partition_point(|change| change.key.get_unchecked(depth) == nibble),
    };
    let (group, rest) = core::mem::take(changes).split_at_mut(end);
    *changes = rest;
    Some((nibble as usize, group))
}
