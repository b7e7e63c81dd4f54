"""
The namespace ``ethrex`` of a follower: what follows from the chain it answers itself, what only the sequencer keeps (batches
on their way, the queue of L1, the sponsor) it asks there.
"""

from __future__ import annotations

from typing import Any, Final

from ethrex_node.rollup import methods
from ethrex_node.rollup.follower.feed import Feed, SequencerAway
from ethrex_node.rpc import table

OWN_NAMES: Final = frozenset(
    {
        "ethrex_getBlocks",
        "ethrex_getContracts",
        "ethrex_getBaseFeeVaultAddress",
        "ethrex_getOperatorFeeVaultAddress",
        "ethrex_getL1FeeVaultAddress",
        "ethrex_getOperatorFee",
        "ethrex_getL1BaseFee",
        "ethrex_getL1BlobBaseFee",
    }
)
OWN: Final = table.Group()
OWN.functions = [one for one in methods.METHODS.functions if one.name in OWN_NAMES]

FORWARDED: Final = table.Group()


@FORWARDED.method("ethrex_batchNumber", raises=(SequencerAway,))
async def batch_number(feed: Feed) -> Any:
    """The newest batch that the sequencer has made."""
    return await feed.forward("ethrex_batchNumber")


@FORWARDED.method("ethrex_getBatchByNumber", raises=(SequencerAway,))
async def get_batch_by_number(feed: Feed, number: Any, full: bool = False) -> Any:
    """A batch as the sequencer knows it."""
    return await feed.forward("ethrex_getBatchByNumber", number, full)


@FORWARDED.method("ethrex_getBatchByBlock", raises=(SequencerAway,))
async def get_batch_by_block(feed: Feed, block: Any, full: bool = False) -> Any:
    """The batch that a block is in, as the sequencer knows it."""
    return await feed.forward("ethrex_getBatchByBlock", block, full)


@FORWARDED.method("ethrex_getL1MessageProof", raises=(SequencerAway,))
async def get_l1_message_proof(feed: Feed, transaction: Any) -> Any:
    """The messages to L1 that a transaction has sent, with their proofs, from the sequencer."""
    return await feed.forward("ethrex_getL1MessageProof", transaction)


@FORWARDED.method("ethrex_getDepositStatus", raises=(SequencerAway,))
async def get_deposit_status(feed: Feed, l1_transaction: Any) -> Any:
    """What a transaction on L1 has queued, as the sequencer knows it."""
    return await feed.forward("ethrex_getDepositStatus", l1_transaction)


@FORWARDED.method("ethrex_getQueueItem", raises=(SequencerAway,))
async def get_queue_item(feed: Feed, index: Any) -> Any:
    """An item of L1's queue, as the sequencer knows it."""
    return await feed.forward("ethrex_getQueueItem", index)


@FORWARDED.method("ethrex_getQueueReorgs", raises=(SequencerAway,))
async def get_queue_reorgs(feed: Feed) -> Any:
    """Times that L1 took an item of its queue back that blocks held, as the sequencer knows them."""
    return await feed.forward("ethrex_getQueueReorgs")


@FORWARDED.method("ethrex_getProgramVersions", raises=(SequencerAway,))
async def get_program_versions(feed: Feed) -> Any:
    """The versions of the program that the sequencer makes."""
    return await feed.forward("ethrex_getProgramVersions")


@FORWARDED.method("ethrex_showHead", raises=(SequencerAway,))
async def show_head(feed: Feed, head: dict[str, Any]) -> Any:
    """Show the sequencer what another one has signed."""
    return await feed.forward("ethrex_showHead", head)


@FORWARDED.method("ethrex_sendTransaction", raises=(SequencerAway,))
async def send_transaction(feed: Feed, transaction: dict[str, Any]) -> Any:
    """Have the sequencer's operator pay for a call."""
    return await feed.forward("ethrex_sendTransaction", transaction)


@FORWARDED.method("ethrex_getSponsoredTransaction", raises=(SequencerAway,))
async def get_sponsored_transaction(feed: Feed, transaction: Any) -> Any:
    """What stands for a sponsored transaction, as the sequencer's sponsor knows it."""
    return await feed.forward("ethrex_getSponsoredTransaction", transaction)
