"""
`ChainsStandIn`: one process that is every L1 and every sequencer of a fleet, under every name, with heads that move.

It answers what an operator asks of them: ``eth_chainId``, ``eth_syncing``, what a proxy runs, and the metrics page, which is as long as a real one.
All names of services are its own address: it is the DNS of its network namespace too.

    python -m bench.stand_ins.chains          inside a network namespace of its own: ports 53, 8545, 9090
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import Final, cast

ADDRESS: Final = "127.0.0.1"
PORTS: Final = (8545, 9090)
DNS_PORT: Final = 53
BLOCK_SECONDS: Final = 1.0
BATCH_SECONDS: Final = 10.0
LINES: Final = 220  # of other metrics, as many as a sequencer has
TYPE_A: Final = 1


def page(now: float) -> bytes:
    """Of a sequencer whose batches are verified a while after they are made."""
    block, batch = int(now / BLOCK_SECONDS) % 10**9, int(now / BATCH_SECONDS) % 10**8
    told = [
        f"ethrex_head_block_number {block}",
        *(f'ethrex_rollup_batch{{stage="{stage}"}} {batch - late}' for late, stage in enumerate(STAGES)),
        "ethrex_rollup_waiting 0.0",
        'ethrex_outbox_balance_wei{account="0x01"} 1e+19',
        'ethrex_outbox_balance_low{account="0x01"} 0.0',
        'ethrex_l1_lag_blocks{l1="one"} 1.0',
        *(f'ethrex_rpc_requests_total{{method="eth_method_{number}"}} {block}' for number in range(LINES)),
    ]
    return ("\n".join(told) + "\n").encode()


STAGES: Final = ("made", "committed", "proven", "verified")
IMPLEMENTATION: Final = "0x" + "22" * 20  # what all proxies run
RESULTS: Final = {
    "eth_chainId": "0x539",
    "eth_syncing": False,
    "eth_getStorageAt": f"0x{IMPLEMENTATION[2:]:0>64}",
}


class Http(asyncio.Protocol):
    """As much of HTTP/1.1 as one client of ours speaks: whole requests, kept connections."""

    def __init__(self) -> None:
        self._given = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._given += data
        while b"\r\n\r\n" in self._given:
            head, _, rest = self._given.partition(b"\r\n\r\n")
            length = next(
                (
                    int(line.split(b":")[1])
                    for line in head.lower().split(b"\r\n")
                    if line.startswith(b"content-length:")
                ),
                0,
            )
            if len(rest) < length:
                return
            self._given = rest[length:]
            body = page(time.time()) if head.startswith(b"GET /metrics") else _answer(rest[:length])
            assert self._transport is not None
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))


def _answer(request: bytes) -> bytes:
    asked = json.loads(request)
    return json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": RESULTS[asked["method"]]}).encode()


class Dns(asyncio.DatagramProtocol):
    """Every name has the one address; what is asked besides is answered with nothing."""

    def __init__(self) -> None:
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str | int, int]) -> None:
        end = data.index(b"\0", 12) + 5
        is_address = int.from_bytes(data[end - 4 : end - 2]) == TYPE_A
        answer = data[:2] + b"\x81\x80" + b"\0\1" + bytes((0, is_address)) + b"\0\0\0\0" + data[12:end]
        if is_address:
            number = bytes(int(part) for part in ADDRESS.split("."))
            answer += b"\xc0\x0c\0\1\0\1" + (30).to_bytes(4) + b"\0\4" + number
        assert self._transport is not None
        self._transport.sendto(answer, addr)


async def serve() -> None:
    loop = asyncio.get_running_loop()
    for port in PORTS:
        await loop.create_server(Http, ADDRESS, port)
    await loop.create_datagram_endpoint(Dns, (ADDRESS, DNS_PORT))
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve())
