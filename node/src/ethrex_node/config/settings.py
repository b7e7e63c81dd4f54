"""
The one table of a node's options. Command line, environment, config file and the reference page are made from these
fields (`options`). How values come in is ``sources``; which values contradict each other, ``contradictions``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ethrex_node.config import networks, options

MEMORY: Final = Path("memory")  # the word for a data folder that goes with the process


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a node was told, all of it. `None` = decided by something else, which the help names."""

    # Node
    network: str = options.option("network", "mainnet", f"{', '.join(networks.NAMES)}, or the path of a genesis file")
    datadir: Path | None = options.option(
        "datadir", None, "folder of the database; `memory` for one that goes with the process "
        "(default: a folder a network under ~/.local/share/ethrex; with --dev: memory)", dev=MEMORY,
    )  # fmt: skip
    import_file: Path | None = options.option(
        "import", None, "import the blocks of this file (RLP, .gz too) before serving"
    )
    syncmode: str = options.option("syncmode", "full", "how to catch up with peers", choices=("full", "snap"))
    shutdown_grace: float = options.option(
        "shutdown.grace", 20.0, "how long the work in hand may take to end after SIGTERM", unit="seconds", low=0
    )

    # HTTP and WebSocket
    http_addr: str = options.option("http.addr", "127.0.0.1", "address of the JSON-RPC door")
    http_port: int = options.port("http.port", 8545, "port of the JSON-RPC door; 0 takes a free one")
    http_api: tuple[str, ...] = options.option(
        "http.api", ("eth", "net", "web3"), "namespaces served over HTTP; `all` for every one but engine",
        dev=("eth", "net", "web3", "debug", "txpool", "admin", "trace", "ots", "testing", "dev", "anvil", "evm"),
    )  # fmt: skip
    http_workers: int = options.option(
        "http.workers", 0, "further processes that answer reads, behind the same port", low=0, high=256
    )
    http_corsdomain: tuple[str, ...] = options.option(
        "http.corsdomain", (), "origins that browsers may call from; `*` for any", dev=("*",)
    )
    http_vhosts: tuple[str, ...] = options.option(
        "http.vhosts", ("localhost",), "host names that requests may name; `*` for any"
    )
    http_prefix: str = options.option("http.rpcprefix", "", "the only path that is served; empty: any")
    ws_enabled: bool = options.option("ws.enabled", False, "serve WebSocket", dev=True)
    ws_addr: str | None = options.option("ws.addr", None, "address of the WebSocket door (default: that of HTTP)")
    ws_port: int | None = options.option(
        "ws.port", None, "port of the WebSocket door (default: that of HTTP, on one door)", low=0, high=65535
    )
    ws_api: tuple[str, ...] | None = options.option(
        "ws.api", None, "namespaces served over WebSocket (default: those of HTTP)"
    )
    ws_origins: tuple[str, ...] = options.option("ws.origins", (), "origins that browsers may connect from", dev=("*",))

    ipc_path: Path | None = options.option(
        "ipc.path", None, "Unix socket that serves every namespace to its owner, in the data folder unless the path is "
        "absolute (default: none)",
    )  # fmt: skip

    # Limits of the RPC
    rpc_max_body: int = options.option("rpc.max-body", 5 << 20, "a request over HTTP", unit="bytes", low=1024)
    rpc_max_message: int = options.option("rpc.max-message", 32 << 20, "a WebSocket message", unit="bytes", low=1024)
    rpc_batch_items: int = options.option("rpc.batch-items", 1000, "requests in a batch", low=1)
    rpc_batch_bytes: int = options.option(
        "rpc.batch-response-size", 25_000_000, "the answer to a batch", unit="bytes", low=1
    )
    rpc_timeout: float = options.option("rpc.timeout", 30.0, "time for an answer", unit="seconds", low=0.001)
    rpc_idle_timeout: float = options.option(
        "rpc.idle-timeout", 120.0, "time a connection may be idle", unit="seconds", low=1
    )
    rpc_connections: int = options.option("rpc.connections", 10_000, "connections at a time", low=1)
    rpc_gas_cap: int = options.option(
        "rpc.gascap", 50_000_000, "gas of eth_call and estimateGas; 0: none", unit="gas", low=0
    )
    rpc_evm_timeout: float = options.option("rpc.evmtimeout", 5.0, "time for an eth_call", unit="seconds", low=0.001)
    rpc_log_range: int = options.option("rpc.log-range", 0, "blocks that eth_getLogs may span; 0: any number", low=0)
    rpc_log_results: int = options.option("rpc.log-results", 0, "logs that an answer may hold; 0: any number", low=0)
    rpc_filters: int = options.option("rpc.filters", 10_000, "filters at a time", low=1)
    rpc_filter_timeout: float = options.option(
        "rpc.filter-timeout", 300.0, "a filter nobody asks for is dropped after", unit="seconds", low=1
    )
    rpc_subscriptions: int = options.option("rpc.subscriptions", 256, "subscriptions of a connection", low=1)

    # Engine API
    authrpc_addr: str = options.option("authrpc.addr", "127.0.0.1", "address of the Engine API")
    authrpc_port: int = options.port("authrpc.port", 8551, "port of the Engine API; 0 takes a free one")
    authrpc_vhosts: tuple[str, ...] = options.option(
        "authrpc.vhosts", ("localhost",), "host names that requests may name; `*` for any"
    )
    authrpc_jwtsecret: Path | None = options.option(
        "authrpc.jwtsecret", None, "file with the secret shared with the consensus client, 32 bytes as hex; made where "
        "it is missing (default: jwt.hex in the data folder)",
    )  # fmt: skip

    # Peers: accepted now, in force when the node speaks to peers
    p2p_addr: str = options.option("p2p.addr", "0.0.0.0", "address for peers")
    p2p_port: int = options.port("p2p.port", 30303, "TCP port for peers")
    discovery_addr: str | None = options.option("discovery.addr", None, "address for discovery (default: --p2p.addr)")
    discovery_port: int = options.port("discovery.port", 30303, "UDP port for discovery")
    bootnodes: tuple[str, ...] | None = options.option(
        "bootnodes", None, "enode URLs to find the first peers by (default: those of the network)"
    )

    # Pool
    mempool_maxsize: int = options.option("mempool.maxsize", 32_768, "transactions that the pool holds", low=1)
    mempool_blobs: int = options.option("mempool.max-blob-txs", 512, "transactions with blobs among them", low=0)
    mempool_bump: int = options.option(
        "mempool.price-bump", 10, "what a replacement must pay more", unit="percent", low=0
    )
    mempool_blob_bump: int = options.option(
        "mempool.blob-price-bump", 100, "the same with blobs", unit="percent", low=0
    )
    mempool_queued: int = options.option(
        "mempool.max-queued-txs-per-account", 64, "transactions behind a nonce gap in a full pool", low=0
    )
    mempool_gap_share: int = options.option(
        "mempool.gap-admit-occupancy-threshold", 75, "how full that is", unit="percent", low=0, high=100
    )
    mempool_min_tip: int = options.option("mempool.min-tip", 0, "least priority fee", unit="wei", low=0)
    mempool_lifetime: float = options.option("mempool.lifetime", 10_800.0, "a waiting transaction is dropped after",
                                      unit="seconds", low=1)  # fmt: skip
    mempool_journal: bool = options.option("mempool.journal", True, "keep this node's own transactions over a restart")

    # Building
    builder_extra_data: str = options.option(
        "builder.extra-data", "ethrex-py", "extra data of own blocks: text, or hex with 0x"
    )
    builder_gas_limit: int = options.option(
        "builder.gas-limit", 60_000_000, "gas limit that own blocks move towards", unit="gas", low=5000, high=(1 << 63) - 1
    )  # fmt: skip
    builder_max_blobs: int | None = options.option(
        "builder.max-blobs", None, "blobs in an own block (default: the fork's)", low=0
    )

    # Dev chain
    dev: bool = options.option("dev", False, "a one-node chain on this machine, with funded accounts")
    dev_block_time: float = options.option(
        "dev.block-time",
        0.0,
        "time between blocks; 0: a block as soon as there are transactions",
        unit="seconds",
        low=0,
    )
    dev_accounts: int = options.option("dev.accounts", 10, "funded accounts", low=0, high=10_000)
    dev_balance: int = options.option("dev.balance", 10_000, "what each of them has", unit="ether", low=0, high=10**15)
    dev_mnemonic: str = options.option(
        "dev.mnemonic", "test test test test test test test test test test test junk", "where their keys come from"
    )
    dev_chain_id: int | None = options.option(
        "dev.chain-id", None, "id of the chain (default: 31337; of a fork: that of the forked chain)",
        low=1, high=(1 << 53) - 1,
    )  # fmt: skip
    fork_url: str | None = options.option(
        "fork-url", None, "JSON-RPC of a node whose chain the dev chain forks: state that it has not written itself is "
        "read there",
    )  # fmt: skip
    fork_block: int | None = options.option(
        "fork-block", None, "the block to fork (default: the latest when the node starts)", low=0
    )

    # Observing
    metrics: bool = options.option("metrics", False, "serve Prometheus metrics and the probes on a door of their own")
    metrics_addr: str = options.option("metrics.addr", "127.0.0.1", "address of the metrics")
    metrics_port: int = options.port("metrics.port", 9090, "port of the metrics; 0 takes a free one")
    ready_head_age: float = options.option(
        "ready.max-head-age", 60.0, "the node is ready (/readyz) while its head is younger; 0: whatever its age. A dev chain "
        "always is", unit="seconds", low=0,
    )  # fmt: skip
    log_level: str = options.option(
        "log.level", "info", "least level that is logged", choices=("error", "warning", "info", "debug")
    )
    log_format: str = options.option("log.format", "text", "form of the log lines", choices=("text", "json"))
    log_color: str = options.option("log.color", "auto", "colours in text logs", choices=("auto", "always", "never"))
    tracing_endpoint: str = options.option("tracing.endpoint", "", "OTLP/HTTP collector to send traces to; empty: none")
    tracing_ratio: float = options.option("tracing.ratio", 1.0, "share of the blocks that is traced", low=0, high=1)


SECTIONS: Final = (
    ("Node", "network"),
    ("HTTP and WebSocket", "http_addr"),
    ("Limits of the RPC", "rpc_max_body"),
    ("Engine API", "authrpc_addr"),
    ("Peers", "p2p_addr"),
    ("Transaction pool", "mempool_maxsize"),
    ("Building blocks", "builder_extra_data"),
    ("Dev chain", "dev"),
    ("Observing", "metrics"),
)


TABLE: Final = options.Table.of(Settings, SECTIONS)
OPTIONS: Final = TABLE.options
BY_NAME: Final = {option.name: option for option in OPTIONS}
