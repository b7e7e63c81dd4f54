"""ethers, viem and web3.py on a rollup: type 0x7e, payments and contracts, fees to the wei."""

from __future__ import annotations

from pathlib import Path

import pytest
from unit.rollup.whole import processes

from interop import clients, nodes

SESSIONS = ("rollup_ethers.mjs", "rollup_viem.mjs", "rollup_web3.py")
BRIDGE_L2 = "0x" + bytes(18).hex() + "ffff"


@pytest.mark.timeout(3 * clients.SESSION_SECONDS)
def test_clients_are_at_home_on_a_rollup(tmp_path: Path) -> None:
    with processes.rollup(tmp_path / "rollup") as running:
        deposited = processes.answer(running, "deposit", "1eth", account=5)["l2_transaction"]
        node = nodes.Running(running.said["rollup"], ())
        more = {"deposit": deposited, "chain_id": processes.CHAIN_ID}
        for session in SESSIONS:
            try:
                command = clients.command(session, tmp_path)
            except nodes.ToolMissing as missing:
                pytest.skip(str(missing))
            steps = dict(clients.play(command, node, tmp_path, **more))

            assert steps["deposit"] == [0x7E, deposited, BRIDGE_L2, BRIDGE_L2, 1, "0"], session
            assert steps["its block"] is True
            assert steps["paid to the wei"] is True, session
            assert int(steps["call"]) == 7
            assert steps["event"] == ["Stored"]
