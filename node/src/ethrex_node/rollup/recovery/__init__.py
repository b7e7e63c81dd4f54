"""
A rollup out of what L1 has of it, without its sequencer.

Walk: `published` finds the batches that L1 holds, and with each the hashes of its blobs; `blobs` fetches those from a Beacon
API or from an `archive` in a folder, `keepers` a validium's payloads from its committee; `rebuild` goes from the genesis to the state after the last batch, with every root and
every opening checked on the way. `catching_up` brings a member of such a committee what it missed.
"""
