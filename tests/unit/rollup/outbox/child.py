"""
A sequencer's outbox, as the kill test runs it: records `count` actions and does rounds until all are final.

    python child.py <L1 URL> <folder> <count>
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from ethrex_node.dev import accounts
from ethrex_node.rollup.l1 import errors, signers
from ethrex_node.rollup.l1.client import L1Client
from ethrex_node.rollup.l1.client import Settings as L1Settings
from ethrex_node.rollup.outbox import Call, Outbox, Settings
from ethrex_node.rollup.store import Store
from ethrex_node.rollup.store.schema import TABLES

TARGET = b"\x77" * 20
BLOB = bytes(131_072)
PAUSE_SECONDS = 0.01


async def main(url: str, folder: Path, count: int) -> None:
    store = Store.open(folder, TABLES)
    client = await L1Client.open(L1Settings(urls=(url,), final_depth=3))
    signer = signers.local(accounts.derive()[1].key)
    settings = Settings(patience_ms=2_000)
    outbox = Outbox(store, client, signer, settings, lambda: int(time.time() * 1000))
    print("up", flush=True)
    number = 0
    while True:
        try:
            if number < count:
                blobs = (BLOB,) if number % 10 == 9 else ()
                call = Call(to=TARGET, value_wei=1 << number, gas_limit=30_000, blobs=blobs)
                await outbox.record(f"commit/{number}", call)
                number += 1
            if not await outbox.round() and number == count:
                break
        except errors.L1Error as error:
            print(error, flush=True)
        await asyncio.sleep(PAUSE_SECONDS)
    print("done", flush=True)
    await client.close()
    store.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
