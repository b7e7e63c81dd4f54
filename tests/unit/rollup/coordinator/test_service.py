"""The coordinator over HTTP: work for honest provers, nothing for the others, and nothing lost by a restart."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ethrex_node import _native
from ethrex_node.rollup import attested
from ethrex_node.rollup.coordinator import NewJob, Settings, identities, rates, wire
from ethrex_node.rollup.coordinator.errors import BadRequest, Conflict
from ethrex_node.rollup.coordinator.queue import Wanted
from ethrex_node.rollup.store.schema import Job, JobState
from unit.rollup.coordinator.served import (
    DOMAIN,
    KEY,
    ME,
    OBSERVER,
    OPERATOR,
    RIVAL,
    STRANGER,
    Served,
    hash_of,
    serving,
)

SETTINGS = Settings(attempts_most=3, invalid_most=2)


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    async with serving(tmp_path, settings=SETTINGS) as made:
        yield made


async def state_of(served: Served, job_id: str) -> dict[str, Any]:
    jobs = (await served.call("GET", "/v1/jobs", token=OBSERVER)).json["jobs"]
    return next(dict(job) for job in jobs if job["job"] == job_id)


async def test_a_job_from_lease_to_proof(served: Served) -> None:
    job_id = await served.add(7, due_ms=5)
    told: list[Job] = []
    served.coordinator.listeners.append(told.append)

    grant = await served.granted()
    data = await served.call("GET", f"/v1/inputs/0x{grant.input_hash.hex()}")
    answer = await served.prove(grant)

    assert (grant.job_id, grant.batch, grant.batch_hash, grant.due_ms) == (job_id, 7, hash_of(7), 5)
    assert data.body == b"input of " + hash_of(7)
    assert _native.keccak256(data.body) == grant.input_hash
    assert (answer.status, answer.json["state"]) == (200, "proven")
    assert served.coordinator.proofs(7).keys() == {"attested"}
    assert [job.job_id for job in told] == [job_id]
    assert await served.lease() is None


async def test_each_job_goes_to_one(served: Served) -> None:
    for batch in range(5):
        await served.add(batch)

    grants = await asyncio.gather(*(served.lease(f"pool-a.{n}") for n in range(8)))

    assert sorted(grant.batch for grant in grants if grant is not None) == [0, 1, 2, 3, 4]


async def test_what_is_due_first_goes_first(served: Served) -> None:
    await served.add(1, due_ms=500)
    await served.add(2, due_ms=100)

    assert (await served.granted()).batch == 2


async def test_heartbeats_keep_a_lease_and_silence_loses_it(served: Served) -> None:
    job_id = await served.add()
    grant = await served.granted()
    for _ in range(5):
        served.ms += SETTINGS.lease_ms - 1
        assert (await served.note("heartbeat", grant, text="half")).status == 200
        assert await served.lease("pool-a.1") is None
    assert (await state_of(served, job_id))["progress"] == "half"

    served.ms += SETTINGS.lease_ms
    taken = await served.granted("pool-a.1")

    assert taken.fence == grant.fence + 1
    assert (await served.note("heartbeat", grant)).status == 409
    assert (await served.prove(grant)).status == 409
    assert (await served.prove(taken, prover="pool-a.1")).status == 200


async def test_a_released_job_is_there_at_once(served: Served) -> None:
    await served.add()
    grant = await served.granted()

    assert (await served.note("release", grant)).status == 200
    assert (await served.granted("pool-a.1")).fence == 2
    assert (await served.note("release", grant)).status == 409


async def test_a_failure_pauses_the_job_and_too_many_end_it(served: Served) -> None:
    job_id = await served.add()
    for _ in range(SETTINGS.attempts_most):
        served.ms += SETTINGS.retry_most_ms
        grant = await served.granted()
        assert (await served.note("failure", grant, text="no memory")).status == 200
        assert await served.lease() is None

    assert (await state_of(served, job_id))["state"] == "exhausted"
    served.ms += SETTINGS.retry_most_ms
    assert await served.lease() is None


async def test_unprovable_alarms_and_is_never_given_again(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    job_id = await served.add()
    grant = await served.granted()

    await served.note("failure", grant, text="state root differs", is_unprovable=True)

    assert (await state_of(served, job_id))["reason"] == "state root differs"
    assert [record.levelname for record in caplog.records if "not proven" in record.message] == ["CRITICAL"]
    served.ms += 10**9
    assert await served.lease() is None
    await served.coordinator.reopen(job_id, "mended")
    served.ms += SETTINGS.retry_most_ms
    assert (await served.granted()).fence == 2


async def test_leases_that_only_run_out_end_the_job_with_an_alarm(served: Served) -> None:
    job_id = await served.add()
    for _ in range(SETTINGS.attempts_most):
        assert await served.lease() is not None
        served.ms += SETTINGS.lease_ms

    assert await served.lease() is None
    assert (await state_of(served, job_id))["state"] == "exhausted"


async def test_a_proof_that_l1_refused_is_made_again(served: Served) -> None:
    job_id = await served.add()
    await served.prove(await served.granted())

    await served.coordinator.reopen(job_id, "reverted on L1")
    served.ms += SETTINGS.retry_most_ms

    assert served.coordinator.proofs(1) == {}
    assert (await served.prove(await served.granted())).status == 200


async def test_a_restart_loses_nothing(served: Served) -> None:
    await served.add(1)
    await served.add(2)
    done = await served.granted()
    await served.prove(done)
    held = await served.granted()
    port = int(served.service.url.rpartition(":")[2])

    await served.stop()
    await served.start(port)

    assert served.coordinator.proofs(1)
    assert (await served.note("heartbeat", held)).status == 200
    assert (await served.prove(held)).status == 200
    assert (await served.prove(done)).status == 200, "the same again"
    assert served.coordinator.proofs(2)


async def test_the_same_proof_again_is_answered_as_the_first_time(served: Served) -> None:
    await served.add()
    grant = await served.granted()
    first = await served.prove(grant)

    assert (await served.prove(grant)).json == first.json
    assert (await served.prove(grant, await attested.sign(STRANGER, DOMAIN, grant.batch_hash))).status == 409


async def test_the_same_job_again_changes_nothing_and_another_is_refused(served: Served) -> None:
    await served.add(1)
    await served.granted()
    await served.add(1)
    assert await served.lease("pool-a.1") is None

    with pytest.raises(Conflict, match="for another batch"):
        await served.add(1, data=b"other")
    await served.coordinator.forget(1)
    await served.add(1, data=b"other")
    assert (await served.granted("pool-a.1")).fence == 1


async def test_a_kind_that_cannot_be_verified_is_not_taken_in(served: Served) -> None:
    with pytest.raises(BadRequest, match="sp1"):
        await served.coordinator.add(
            NewJob(batch=1, kind="sp1", program_version=1, batch_hash=b"", input=b"", gas=1, due_ms=1)
        )


# malicious and broken provers


@pytest.mark.parametrize(
    "forge",
    [
        lambda grant: attested.sign(STRANGER, DOMAIN, grant.batch_hash),
        lambda grant: attested.sign(KEY, DOMAIN, hash_of(99)),
        lambda grant: attested.sign(KEY, attested.Domain(1, DOMAIN.verifier), grant.batch_hash),
        lambda grant: attested.sign(KEY, attested.Domain(DOMAIN.l1_chain_id, b"\xbb" * 20), grant.batch_hash),
    ],
    ids=["a stranger's key", "a replay of another batch", "another L1", "another chain's contract"],
)
async def test_a_wrong_proof_is_refused_counted_and_the_job_goes_on(served: Served, forge: Any) -> None:
    job_id = await served.add()
    grant = await served.granted()

    answer = await served.prove(grant, await forge(grant))

    assert (answer.status, answer.json["error"]) == (422, "InvalidProof")
    provers = (await served.call("GET", "/v1/provers", token=OBSERVER)).json["provers"]
    assert {one["prover"]: one["invalidProofs"] for one in provers} == {ME: 1, "pool-a": 1}
    served.ms += SETTINGS.retry_most_ms
    assert (await served.prove(await served.granted("rival", RIVAL), prover="rival", token=RIVAL)).status == 200
    assert (await state_of(served, job_id))["prover"] == "rival"


@pytest.mark.parametrize("proof", [b"", b"\0" * 65, b"\xff" * 65, b"\1" * 64, b"\1" * 4096])
async def test_bytes_that_are_no_proof_are_refused(served: Served, proof: bytes) -> None:
    await served.add()

    assert (await served.prove(await served.granted(), proof)).status == 422


async def test_too_many_invalid_proofs_cordon_a_prover(served: Served) -> None:
    await served.add()
    for _ in range(SETTINGS.invalid_most):
        served.ms += SETTINGS.retry_most_ms
        await served.prove(await served.granted(), b"junk")
    served.ms += SETTINGS.retry_most_ms

    assert await served.lease() is None
    assert await served.lease("rival", RIVAL) is not None

    served.ms += 30 * 86_400_000
    await served.coordinator.lease(Wanted("gpu.new", frozenset({"attested"}), 1, 1), "gpu")
    provers = (await served.call("GET", "/v1/provers", token=OBSERVER)).json["provers"]
    assert [one["state"] for one in provers if one["prover"] == ME] == ["cordoned"]


async def test_other_names_of_one_token_do_not_wear_a_job_out(tmp_path: Path) -> None:
    settings = Settings(attempts_most=3, invalid_most=2, invalid_most_of_all=9)
    async with serving(tmp_path, settings=settings) as served:
        job_id = await served.add()
        refused = 0
        while (grant := await served.lease(f"rival.{refused}", RIVAL)) is not None:
            answer = await served.prove(grant, b"junk", prover=f"rival.{refused}", token=RIVAL)
            assert answer.status == 422
            refused += 1

        assert refused == settings.invalid_most_of_all
        assert await served.lease("rival", RIVAL) is None, "nor under the name itself"
        assert (await served.prove(await served.granted())).status == 200
        assert (await state_of(served, job_id))["state"] == "proven"

        await served.add(2)
        await served.call("DELETE", "/v1/provers/rival/cordon", token=OPERATOR)
        assert await served.lease("rival.99", RIVAL) is not None


async def test_heartbeats_keep_no_lease_for_ever(tmp_path: Path) -> None:
    settings = Settings(hold_most_ms=10 * Settings().lease_ms)
    async with serving(tmp_path, settings=settings) as served:
        await served.add()
        held = await served.granted("rival", RIVAL)
        beats = 0
        while (taken := await served.lease()) is None:
            note = wire.Note("rival", held.fence).json()
            assert (await served.call("POST", f"/v1/jobs/{held.job_id}/heartbeat", note, RIVAL)).status == 200
            served.ms += settings.lease_ms // 2
            beats += 1

        assert beats == 20
        assert taken.fence == held.fence + 1
        assert (await served.prove(taken)).status == 200


@pytest.mark.parametrize("fence", [0, 2, 10**18])
async def test_another_fence_is_refused(served: Served, fence: int) -> None:
    await served.add()
    grant = await served.granted()

    assert (await served.prove(grant, fence=fence)).status == 409


async def test_a_lease_is_not_another_s(served: Served) -> None:
    await served.add()
    grant = await served.granted()

    assert (await served.prove(grant, prover="rival", token=RIVAL)).status == 409
    assert (await served.prove(grant, prover=ME, token=RIVAL)).status == 403
    assert (await served.call("GET", f"/v1/inputs/0x{grant.input_hash.hex()}", token=RIVAL)).status == 403


@pytest.mark.parametrize(
    ("name", "status"), [("rival", 204), ("rival.7", 204), ("rival7", 403), (ME, 403), ("pool-a", 403)]
)
async def test_leases_and_notes_are_made_under_one_s_own_name(served: Served, name: str, status: int) -> None:
    request = wire.LeaseRequest(name, ("attested",), 1).json()
    note = wire.Note(name, 1).json()

    assert (await served.call("POST", "/v1/jobs/lease", request, RIVAL)).status == status
    for what in ("heartbeat", "failure", "release"):
        answer = await served.call("POST", f"/v1/jobs/1-attested-1/{what}", note, RIVAL)
        assert answer.status == (404 if status == 204 else 403)


async def test_a_body_that_was_damaged_on_its_way_does_not_count_against_the_prover(served: Served) -> None:
    await served.add()
    grant = await served.granted()
    headers = {wire.PROVER_HEADER: ME, wire.FENCE_HEADER: "1", wire.HASH_HEADER: "0x" + "00" * 32}

    assert (await served.call("PUT", f"/v1/jobs/{grant.job_id}/proof", b"junk", **headers)).status == 400
    assert (await served.prove(grant)).status == 200


async def test_a_gigabyte_is_refused_without_being_read(served: Served) -> None:
    await served.add()
    grant = await served.granted()
    host, port = served.service.url.removeprefix("http://").split(":")
    for length in (f"Content-Length: {1 << 30}", "Transfer-Encoding: chunked"):
        reader, writer = await asyncio.open_connection(host, int(port))
        head = (
            f"PUT /v1/jobs/{grant.job_id}/proof HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {'p' * 32}\r\n{length}\r\n"
            f"Prover-Id: {ME}\r\nFence: 1\r\nContent-Hash: 0x{'00' * 32}\r\n\r\n"
        )
        writer.write(head.encode() + (b"2000\r\n" + bytes(0x2000) + b"\r\n" if "chunked" in length else b""))
        await writer.drain()

        assert b" 413 " in await reader.readline()
        writer.close()
        await writer.wait_closed()
    assert (await served.prove(grant)).status == 200


PATHS = [
    ("POST", "/v1/jobs/lease"), ("GET", "/v1/inputs/0x" + "00" * 32), ("POST", "/v1/jobs/1-attested-1/heartbeat"),
    ("PUT", "/v1/jobs/1-attested-1/proof"), ("POST", "/v1/jobs/1-attested-1/failure"),
    ("POST", "/v1/jobs/1-attested-1/release"), ("GET", "/v1/queue"), ("GET", "/v1/jobs"), ("GET", "/v1/provers"),
    ("PUT", "/v1/provers/x/cordon"), ("DELETE", "/v1/provers/x/cordon"), ("GET", "/"), ("GET", "/metrics"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), PATHS)
@pytest.mark.parametrize("token", [None, "", "wrong", "x" * 10_000])
async def test_nothing_is_served_without_a_token(served: Served, method: str, path: str, token: str | None) -> None:
    if token is not None and len(token) > 8000:
        token = token[:5000]
    answer = await served.call(method, path, b"{}", token=token)

    assert (answer.status, answer.json["error"]) == (401, "Unidentified")


@pytest.mark.parametrize(("method", "path"), PATHS)
async def test_each_role_does_its_own(served: Served, method: str, path: str) -> None:
    is_view = path in ("/v1/queue", "/v1/jobs", "/v1/provers")
    is_cordon = path.endswith("cordon")
    is_there = path.startswith("/v1")

    for token, allowed in ((OBSERVER, is_view), (OPERATOR, is_view or is_cordon)):
        status = (await served.call(method, path, b"{}", token=token)).status
        assert status == (200 if allowed else 403 if is_there else 404)
    if is_view or is_cordon:
        assert (await served.call(method, path, b"{}")).status == 403


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b"\xff", b"{}", b'{"prover": 5, "kinds": ["attested"], "programVersion": 1}',
     b'{"prover": "pool-a.0", "kinds": [], "programVersion": 1}', b'{"prover": "pool-a.0", "kinds": "attested", "programVersion": 1}',
     b'{"prover": "pool-a.0", "kinds": ["attested"], "programVersion": -1}',
     b'{"prover": "pool-a.0", "kinds": ["attested"], "programVersion": true}',
     b'{"prover": "pool-a.0", "kinds": ["attested"], "programVersion": 1, "more": 1}',
     b'{"prover": "pool-a.0", "kinds": ["attested"], "programVersion": 1, "capacity": 1e3}',
     b'{"prover": "../../x", "kinds": ["attested"], "programVersion": 1}', b"[" * 5000],
)  # fmt: skip
async def test_a_request_that_is_none_is_refused_in_words(served: Served, body: bytes) -> None:
    answer = await served.call("POST", "/v1/jobs/lease", body)

    assert (answer.status, answer.json["error"]) == (400, "BadRequest")


@pytest.mark.parametrize("job", ["x", "9-attested-1", "-1", "1" * 300, "%2e%2e", "18446744073709551616-a-1"])
async def test_an_unknown_job_is_not_found(served: Served, job: str) -> None:
    note = wire.Note(ME, 1).json()

    assert (await served.call("POST", f"/v1/jobs/{job}/heartbeat", note)).status == 404


async def test_too_many_requests_are_slowed_down(tmp_path: Path) -> None:
    async with serving(tmp_path, rate=rates.Rate(per_second=2, burst=3)) as served:
        statuses = [(await served.call("GET", "/v1/queue", token=OBSERVER)).status for _ in range(5)]
        assert statuses == [200, 200, 200, 429, 429]
        assert (await served.lease()) is None, "another identity is not slowed"

        served.ms += 1000
        assert (await served.call("GET", "/v1/queue", token=OBSERVER)).status == 200


# views


async def test_the_queue_is_summed_by_kind(served: Served) -> None:
    for batch in range(3):
        await served.add(batch, due_ms=50 + batch)
    await served.granted()

    (group,) = (await served.call("GET", "/v1/queue", token=OBSERVER)).json["queues"]

    assert (group["waiting"], group["leased"], group["waitingGas"], group["nextDue"]) == (2, 1, 2000, 50)


async def test_jobs_come_in_pages(served: Served) -> None:
    for batch in range(7):
        await served.add(batch)
    seen: list[int] = []
    after: str | None = ""

    while after is not None:
        page = (await served.call("GET", f"/v1/jobs?limit=3&after={after}", token=OBSERVER)).json
        seen += [job["batch"] for job in page["jobs"]]
        after = page["next"]

    assert seen == list(range(7))


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "limit=1001", "limit=" + "9" * 30, "after=zz"])
async def test_a_page_that_is_none_is_refused(served: Served, query: str) -> None:
    assert (await served.call("GET", f"/v1/jobs?{query}", token=OBSERVER)).status == 400


async def test_no_view_shows_an_input_or_a_proof(served: Served) -> None:
    await served.add(1, data=b"secret of ")
    await served.prove(await served.granted())

    for path in ("/v1/queue", "/v1/jobs", "/v1/provers"):
        text = (await served.call("GET", path, token=OBSERVER)).body
        for hidden in (b"secret", served.coordinator.proofs(1)["attested"].hex().encode(), hash_of(1).hex().encode()):
            assert hidden not in text


async def test_provers_are_shown_as_they_are(served: Served) -> None:
    await served.add(1)
    await served.add(2)
    grant = await served.granted()
    served.ms += 500
    await served.prove(grant)
    await served.granted()

    (prover,) = (await served.call("GET", "/v1/provers", token=OBSERVER)).json["provers"]

    assert (prover["prover"], prover["pool"], prover["state"], prover["proofs"]) == (ME, "gpu", "busy", 1)
    assert (prover["provenGas"], prover["provingMilliseconds"], prover["gasPerSecond"]) == (1000, 500, 2000)
    assert prover["leaseUntil"] == served.ms + SETTINGS.lease_ms


async def test_provers_that_are_gone_for_days_are_not_told_of(served: Served) -> None:
    async def told() -> list[str]:
        answer = await served.call("GET", "/v1/provers", token=OBSERVER)
        return [one["prover"] for one in answer.json["provers"]]

    await served.coordinator.cordon("gpu.old", is_cordoned=True)
    served.ms += 6 * 86_400_000
    await served.lease()
    assert await told() == ["gpu.old", ME]

    served.ms += 2 * 86_400_000
    await served.coordinator.lease(Wanted("gpu.new", frozenset({"attested"}), 1, 1), "gpu")
    assert await told() == ["gpu.new", ME]


async def test_a_cordoned_prover_gets_nothing_and_may_finish(served: Served) -> None:
    await served.add(1)
    await served.add(2)
    grant = await served.granted()

    answer = await served.call("PUT", f"/v1/provers/{ME}/cordon", token=OPERATOR)
    assert [one["job"] for one in answer.json["leases"]] == [grant.job_id]
    assert (await served.prove(grant)).status == 200
    assert await served.lease() is None
    assert (await served.call("PUT", f"/v1/provers/{ME}/cordon", token=OPERATOR)).json["leases"] == []

    await served.call("DELETE", f"/v1/provers/{ME}/cordon", token=OPERATOR)
    assert await served.lease() is not None


async def test_metrics_count_jobs_and_events(served: Served) -> None:
    await served.add(1)
    await served.add(2)
    await served.prove(await served.granted(), b"junk")
    served.ms += 5000

    samples: dict[Any, float] = {
        (s.name, *s.labels.values()): s.value for f in served.coordinator.metrics() for s in f.samples
    }

    assert samples["ethrex_proof_jobs", JobState.WAITING.value] == 2
    assert samples["ethrex_proof_events_total", "invalid"] == 1
    assert samples["ethrex_proof_oldest_seconds",] == 5


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "names nobody"),
        ("# only words", "names nobody"),
        ("prover x", "line 1: expected"),
        (f"king x {'k' * 32}", "role one of"),
        ("prover x short", "has 5 characters, at least 32"),
        (f"prover ../x {'k' * 32}", "is not a name"),
        (f"prover x {'k' * 32}\nobserver y {'k' * 32}", "line 2: the token of x again"),
    ],
)
def test_a_token_file_that_is_none_is_refused_without_showing_tokens(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "tokens").write_text(text)

    with pytest.raises(identities.BadTokenFile, match=reason) as refused:
        identities.from_file(tmp_path / "tokens")
    assert "kkkk" not in str(refused.value)


def test_a_grant_survives_its_json() -> None:
    grant = wire.Grant("1-attested-1", 1, "attested", 1, b"\1" * 32, b"\2" * 32, 5, 1, 2, 3, 4)

    assert wire.Grant.read(grant.json()) == grant
    with pytest.raises(BadRequest, match="batchHash"):
        wire.Grant.read(json.dumps(json.loads(grant.json()) | {"batchHash": "0x12"}).encode())
