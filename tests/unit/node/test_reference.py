"""The page of methods holds every method there is, and names every one of the OpenRPC document that there is not."""

from __future__ import annotations

import gzip
import json

from conformance.rpc_compat import openrpc
from ethrex_node.node import reference


def test_every_method_of_the_openrpc_document_is_served_or_absent_for_a_reason() -> None:
    document = json.loads(gzip.decompress(openrpc.OWN_COPY.read_bytes()))
    served = {row.name for row in reference.methods().rows}
    absent = {name for names, _ in reference.ABSENT for name in names}

    assert {method["name"] for method in document["methods"]} <= served | absent
    assert served.isdisjoint(absent)


def test_each_method_stands_on_the_page_with_what_it_gives() -> None:
    page = reference.page()
    lines = {line.split("`")[1]: line for line in page.splitlines() if line.startswith("| `")}

    for row in reference.methods().rows:
        assert lines[row.name].count("|") == 5
        assert not lines[row.name].endswith("|  |")
    assert "| `eth_getBalance` | `address`, `block?` | snapshot |" in page
    assert "| `eth_getTransactionByHash` | `hash` | snapshot, writer |" in page
    assert "| `txpool_status` | – | writer |" in page
    assert "| `engine_newPayloadV3` | `payload`, `versionedHashes?`, `parentBeaconBlockRoot?` | writer |" in page
