"""What a manifest asks to run, and that a machine and a cluster run the same."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from ethrex_node.dev import accounts
from ethrex_node.rollup.coordinator.identities import ID
from ethrex_operator.api import loading
from ethrex_operator.api.base import NAME_CHARACTERS
from ethrex_operator.kube import objects
from ethrex_operator.local.library import Library
from ethrex_operator.local.machine import Machine
from ethrex_operator.local.ports import Ports
from ethrex_operator.topology import attachment, dev_accounts, running, settlement, whole
from ethrex_operator.topology import rollup as rollups
from ethrex_operator.topology.errors import Unmet
from ethrex_operator.topology.facts import BadResult, Contracts
from ethrex_operator.topology.workload import (
    Guest,
    Guests,
    IdentityToken,
    Joined,
    Program,
    SecretKey,
    Text,
    UrlOf,
    Workload,
)

EXAMPLE = (Path(__file__).parents[4] / "examples" / "rollup.yaml").read_text()
VALIDIUM = (Path(__file__).parents[4] / "examples" / "validium.yaml").read_text()
MEMBERS = ("validium-da-0", "validium-da-1", "validium-da-2")
KNOWN = Contracts(31_337, "0xp", "0xb", "0xr", "0xverifier", None, 2, 1)


SETTLEMENT = """
---
apiVersion: ethrex.dev/v1alpha1
kind: EthrexSettlement
metadata: {name: shared}
spec:
  l1: {ref: {name: l1}}
"""
SETTLED = EXAMPLE.replace("  chainId: 65536999\n", "  chainId: 65536999\n  settlement: {name: shared}\n") + SETTLEMENT
TIMELOCK = "  timelock: {proposers: ['0x%s'], executors: ['0x%s'], handOver: %%s}\n" % ("11" * 20, "22" * 20)  # noqa: UP031


def resolved(text: str, *, known: bool = True, settled: bool = True) -> whole.Whole:
    manifest = loading.parse(text, "rollup.yaml")
    contracts = {rollup.name: KNOWN for rollup in manifest.rollups} if known else {}
    ready = frozenset(one.name for one in manifest.settlements if settled)
    return whole.resolve(manifest, contracts, lambda pool: tuple(range(pool.spec.replicas or 0)), ready)


def test_the_longest_names_come_to_ids_that_a_coordinator_takes() -> None:
    def pool_id(namespace: str, name: str) -> str:
        (found,) = loading.parse(EXAMPLE, "rollup.yaml").pools
        metadata = found.metadata.model_copy(update={"namespace": namespace, "name": name})
        return rollups.pool_id(found.model_copy(update={"metadata": metadata}))

    longest = [pool_id("n" * 62 + at, "p" * (NAME_CHARACTERS - 1) + end) for at in "ab" for end in "ab"]
    (fits,) = {pool_id("n" * 63, "p" * NAME_CHARACTERS) for _ in range(2)}

    assert all(ID.fullmatch(f"{one}.{'o' * 63}") for one in (*longest, fits))
    assert len({*longest, fits}) == 5
    assert pool_id("n" * 23, "p" * NAME_CHARACTERS) == f"{'n' * 23}.{'p' * NAME_CHARACTERS}"
    assert pool_id("default", "provers") == "default.provers"


def by_name(found: whole.Whole) -> dict[str, Workload]:
    return {one.name: one for one in found.workloads}


def plan_of(workload: Workload) -> dict[str, Any]:
    content = next(file.content for file in workload.files if file.name == "plan.json")
    assert isinstance(content, Text)
    plan: dict[str, Any] = json.loads(content.content)
    return plan


def test_the_deployer_comes_before_what_needs_its_addresses() -> None:
    before, after = resolved(EXAMPLE, known=False), resolved(EXAMPLE)

    assert list(by_name(before)) == ["l1", "rollup-deployer"]
    assert not before.complete
    assert list(by_name(after)) == ["l1", "rollup-deployer", "rollup-sequencer", "provers-0"]
    assert after.complete


def test_the_plan_names_who_signs() -> None:
    plan = plan_of(by_name(resolved(EXAMPLE))["rollup-deployer"])

    assert plan["owner"] == dev_accounts.ADDRESSES[0]
    assert plan["chains"][0]["committers"] == [dev_accounts.ADDRESSES[1]]
    assert plan["chains"][0]["proofs"]["attestedSigners"] == [dev_accounts.ADDRESSES[3]]


def test_addresses_follow_from_namespace_and_name() -> None:
    other = EXAMPLE.replace("name: rollup\n", "name: second\n")
    salts = [
        plan_of(by_name(resolved(text))[f"{name}-deployer"])["salt"]
        for text, name in ((EXAMPLE, "rollup"), (other, "second"))
    ]

    assert salts[0] != salts[1]
    assert salts[0] == plan_of(by_name(resolved(EXAMPLE))["rollup-deployer"])["salt"]


def test_a_settlement_is_there_before_a_rollup_is_registered_with_it() -> None:
    before, after = (resolved(SETTLED, known=False, settled=settled) for settled in (False, True))

    assert list(by_name(before)) == ["l1", "shared-contracts"]
    assert not before.complete
    (registrar,) = by_name(after).keys() - by_name(before).keys()
    assert registrar.startswith("shared-chain-")
    assert plan_of(by_name(after)["shared-contracts"])["chains"] == []
    assert [one["chainId"] for one in plan_of(by_name(after)[registrar])["chains"]] == [65_536_999]
    assert plan_of(by_name(after)[registrar])["salt"] == plan_of(by_name(after)["shared-contracts"])["salt"]


@pytest.mark.parametrize(
    ("hand_over", "expected"), [("WithFirstRollup", (False, True)), ("AtOnce", (True, True)), ("Held", (False, False))]
)
def test_who_hands_the_contracts_to_the_timelock(hand_over: str, expected: tuple[bool, bool]) -> None:
    found = by_name(resolved(SETTLED + TIMELOCK % hand_over))
    deployer = plan_of(found["shared-contracts"])
    registrar = next(plan_of(one) for name, one in found.items() if name.startswith("shared-chain-"))

    assert (deployer["timelock"]["handOver"], registrar["timelock"]["handOver"]) == expected
    assert not plan_of(found["rollup-sequencer"])["timelock"]["handOver"]


def test_adopted_contracts_are_compared_and_nobody_signs() -> None:
    address = "0x" + "44" * 20
    named = ", ".join(f"{name}: '{address}'" for name in ("proposer", "bridge", "registry", "attestedVerifier"))
    deployer = by_name(resolved(f"{SETTLED}  mode: Adopt\n  contracts: {{{named}}}\n"))["shared-contracts"]

    assert "--verify" in deployer.arguments
    assert "--key" not in deployer.arguments
    assert plan_of(deployer)["contracts"]["bridge"] == address


def test_only_deployers_have_the_owners_key() -> None:
    owner = "  owner: {address: '0x%s', secret: {name: treasury, key: owner}}\n" % ("33" * 20)
    found = by_name(resolved(SETTLED + owner))
    with_key = {
        name
        for name, one in found.items()
        if any(isinstance(file.content, SecretKey) and file.content.secret == "treasury" for file in one.files)
    }

    assert {name.rsplit("-", 1)[0] for name in with_key} == {"shared", "shared-chain"}


def test_deployers_with_one_owner_on_one_l1_are_known_as_such() -> None:
    found = by_name(
        resolved(SETTLED + EXAMPLE.split("---\n")[1].replace("name: rollup\n", "name: own\n").join(["---\n", ""]))
    )
    labels = {one.labels[settlement.SIGNER] for one in found.values() if one.role == settlement.ROLE}

    assert len(labels) == 1


def test_followers_follow_the_sequencer() -> None:
    text = EXAMPLE.replace("  batching:\n", "  followers: {replicas: 2}\n  batching:\n")

    assert {"rollup-follower-0", "rollup-follower-1"} <= set(by_name(resolved(text)))


@pytest.mark.parametrize(
    ("change", "by", "reason"),
    [
        ("      name: l1\n", "      name: nowhere\n", "L1NotFound"),
        ("          name: provers\n", "          name: nobody\n", "PoolNotFound"),
        (
            "  chainId: 65536999\n",
            "  chainId: 65536999\n  mode: Validium\n  committee: {threshold: 1, members: [{}, {key: {devAccount: 6}}]}\n",
            "MemberTwice",
        ),
        (
            "  chainId: 65536999\n",
            "  chainId: 65536999\n  mode: Validium\n  committee: {threshold: 1, members: [{}, {}, {}, {}, {}]}\n",
            "KeyMissing",
        ),
        ("    ref:\n      name: l1\n", "    urls: [http://l1]\n", "KeyMissing"),
        ("  chainId: 65536999\n", "  chainId: 65536999\n  settlement: {name: none}\n", "SettlementNotFound"),
        ("  chainId: 65536999\n", "  chainId: 65536999\n  settlement: {name: far}\n", "SettlementElsewhere"),
    ],
)
def test_what_cannot_run_is_said_with_its_reason(change: str, by: str, reason: str) -> None:
    assert change in EXAMPLE
    far = SETTLEMENT.replace("shared", "far").replace("{ref: {name: l1}}", "{urls: [http://far]}")
    found = resolved(EXAMPLE.replace(change, by, 1) + far)

    assert found.unmet["EthrexRollup/rollup"].reason == reason
    assert not found.complete


def test_two_rollups_do_not_sign_with_one_account() -> None:
    documents = EXAMPLE.split("---\n")
    second = documents[1].replace("name: rollup\n", "name: second\n").replace("65536999", "7")
    found = resolved("---\n".join([*documents, second]))

    assert found.unmet["EthrexRollup/second"].reason == "SignerInUse"
    assert "EthrexRollup/rollup" not in found.unmet


def test_rollups_of_two_namespaces_may_each_have_an_l1_of_one_name() -> None:
    there = EXAMPLE.replace("metadata:\n", "metadata:\n  namespace: there\n").replace(
        "name: rollup\n", "name: second\n"
    )
    found = resolved(f"{EXAMPLE}\n---\n{there}")

    assert not any(one.reason == "SignerInUse" for one in found.unmet.values())


ELSEWHERE = EXAMPLE.replace("          name: provers\n", "          name: provers\n          namespace: gpu\n").replace(
    "  name: provers\nspec:\n", "  name: provers\n  namespace: gpu\nspec:\n  allowedRollups: {namespaces: RULE}\n"
)
LABELLED = "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: default, labels: {team: red}}\n"


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ("{from: Same}", "PoolNotAllowed"),
        ("{from: All}", None),
        ("{from: Selector, matchLabels: {team: red}}", None),
        ("{from: Selector, matchLabels: {team: red, tier: one}}", "PoolNotAllowed"),
        ("{from: Selector, matchLabels: {kubernetes.io/metadata.name: default}}", None),
        ("{from: Selector}", None),
    ],
)
def test_a_pool_lets_in_whom_it_allows(rule: str, reason: str | None) -> None:
    found = resolved(ELSEWHERE.replace("RULE", rule) + LABELLED)
    refused = found.unmet.get("EthrexRollup/rollup")

    assert (refused.reason if refused else None) == reason


def test_a_selector_lets_nobody_in_whose_labels_are_not_seen() -> None:
    manifest = loading.parse(ELSEWHERE.replace("RULE", "{from: Selector, matchLabels: {team: red}}"), "here")
    (pool,), (rollup,) = manifest.pools, manifest.rollups
    with pytest.raises(Unmet) as refused:
        attachment.refuse_foreign(pool, rollup, {})

    assert refused.value.reason == "NamespaceNotSeen"


FOLLOWED = "  followers: {replicas: 1}\n  archive: {enabled: true}\n  batching:\n"
ARCHIVED = EXAMPLE.replace("  batching:\n", FOLLOWED)


FROM_L1 = "  bootstrap: L1\n  sequencer: {epoch: 2}\n  batching:\n"


@pytest.mark.parametrize(
    ("text", "name", "word", "places"),
    [
        (
            EXAMPLE.replace("  sequencer:\n    blockTimeMilliseconds: 1000\n", ""),
            "rollup",
            "--beacon",
            [UrlOf("l1", "rpc")],
        ),
        (VALIDIUM, "validium", "--da", [UrlOf(member, "payloads") for member in MEMBERS]),
    ],
)
def test_a_chain_that_goes_on_from_l1_is_rebuilt_before_its_volume_is_begun_with(
    text: str, name: str, word: str, places: list[UrlOf]
) -> None:
    followed = FROM_L1 if "followers" in text else f"  followers: {{replicas: 1}}\n{FROM_L1}"
    found = by_name(resolved(text.replace("  batching:\n", followed)))

    for one in (found[f"{name}-sequencer"], found[f"{name}-follower-0"]):
        rebuilt = one.before[-1]
        assert rebuilt[:2] == ("l2", "reconstruct")
        assert [after for before, after in itertools.pairwise(rebuilt) if before == word] == places
        assert {"--verified", "--if-missing"} <= set(rebuilt)
        assert one.arguments[one.arguments.index("--reconstructed") + 1] == rebuilt[rebuilt.index("--out") + 1]
    sequencer = found[f"{name}-sequencer"].arguments
    assert sequencer[sequencer.index("--epoch") + 1] == "2"


def test_an_archive_takes_the_blobs_from_l1() -> None:
    archive = by_name(resolved(ARCHIVED))["rollup-archive"]

    assert archive.arguments[:3] == ("l2", "archive-blobs", "--deployment")
    assert archive.arguments[archive.arguments.index("--beacon") + 1] == UrlOf("l1", "rpc")
    assert [one.name for one in archive.volumes] == ["data"]


def test_a_beacon_api_that_is_named_goes_before_that_of_a_node() -> None:
    text = ARCHIVED.replace("    ref:\n      name: l1\n", "    ref:\n      name: l1\n    beaconUrl: http://beacon\n")
    arguments = by_name(resolved(text))["rollup-archive"].arguments

    assert arguments[arguments.index("--beacon") + 1] == "http://beacon"


def test_a_validium_has_its_members_and_its_plan_names_them() -> None:
    found = by_name(resolved(VALIDIUM))
    plan = plan_of(found["validium-deployer"])["chains"][0]["dataCommittee"]
    writers = {file.content for name in MEMBERS for file in found[name].files if isinstance(file.content, Guests)}
    shown = [file.content for file in found["validium-sequencer"].files if isinstance(file.content, IdentityToken)]
    members = next(one for one in found["validium-sequencer"].arguments if isinstance(one, Joined) and "," in one.parts)

    assert plan == {"members": list(dev_accounts.ADDRESSES[6:9]), "threshold": 2}
    assert writers == {Guests(shown[0].audience, (Guest("writer", "sequencer", shown[0].account, "default"),))}
    assert shown[0].audience != rollups.audience(loading.parse(VALIDIUM, "v").rollups[0])
    assert [part for part in members.parts if part != ","] == [UrlOf(name, "payloads") for name in MEMBERS]


def test_a_member_asks_the_others_for_what_it_missed() -> None:
    arguments = by_name(resolved(VALIDIUM))[MEMBERS[1]].arguments
    peers = [value for word, value in itertools.pairwise(arguments) if word == "--peer"]

    assert peers == [UrlOf(MEMBERS[0], "payloads"), UrlOf(MEMBERS[2], "payloads")]


class NumberOfAnything(dict[tuple[str, str], int]):
    """Ports of services, where none matters."""

    def __missing__(self, _: tuple[str, str]) -> int:
        return 1


@pytest.mark.parametrize(("replicas", "role"), [(0, "sequencer"), (2, "follower")])
def test_users_have_one_address_behind_which_those_are_who_serve(replicas: int, role: str) -> None:
    text = EXAMPLE.replace("  batching:\n", f"  followers: {{replicas: {replicas}}}\n  batching:\n")
    (rollup,) = loading.parse(text, "rollup.yaml").rollups
    owner = objects.Owner("EthrexRollup", "rollup", "default", "uid")
    service = objects.door(rollups.door(rollup), owner)
    cluster = objects.Cluster("default", "https://issuer", dict.fromkeys(Program, "image"), NumberOfAnything())
    selector = service["spec"]["selector"].items()
    behind = [
        name
        for name, one in by_name(resolved(text)).items()
        for child in objects.children(one, owner, cluster)
        if child["kind"] == "StatefulSet" and selector <= child["spec"]["template"]["metadata"]["labels"].items()
    ]

    assert service["metadata"]["name"] == "rollup-rpc"
    assert service["spec"]["ports"][0]["port"] == 1729
    assert behind == [name for name in by_name(resolved(text)) if role in name]


def test_pods_are_marked_for_the_monitor_where_it_is_asked_for() -> None:
    asked = by_name(resolved(EXAMPLE.replace("  batching:\n", "  metrics: {podMonitor: true}\n  batching:\n")))
    marked = {name for name, one in asked.items() if one.labels.get(running.POD_MONITOR) == "true"}

    assert marked == {"rollup-sequencer"}


SAME = {
    "settled": SETTLED.replace("  batching:\n", "  followers: {replicas: 1}\n  batching:\n"),
    "archived": ARCHIVED,
    "validium": VALIDIUM,
}


@pytest.mark.parametrize("text", SAME.values(), ids=SAME)
def test_a_machine_and_a_cluster_run_the_same(tmp_path: Path, text: str) -> None:
    """Commands differ in nothing but where things are, files in nothing but how guests are known."""
    found = resolved(text)
    ports = Ports(tmp_path / "ports.json", keep=False)
    for one in found.workloads:
        for port in one.ports:
            ports.settle(one.name, port.name, port.number, running=True)
    machine = Machine(tmp_path, ports, Library(), keep=False)
    numbers = {(one.name, port.name): port.number for one in found.workloads for port in one.ports}
    cluster = objects.Cluster(
        "default", "https://issuer", {Program.NODE: "node:1", Program.PROVER: "prover:1"}, numbers
    )
    owner = objects.Owner("EthrexRollup", "rollup", "default", "uid")

    for one in found.workloads:
        here = machine.render(one)
        children = objects.children(one, owner, cluster)
        pod = next(child["spec"]["template"]["spec"] for child in children if child["kind"] in ("StatefulSet", "Job"))
        there = pod["containers"][0]

        assert there["command"] == [here.program]
        assert options(there["args"]) == options(here.arguments), one.name
        assert values(there["args"]) == values(here.arguments), one.name
        assert {each["name"] for each in there["env"]} - {"POD_NAME"} == here.environment.keys()
        assert len(pod.get("initContainers", ())) == len(here.before)
        mounted = {
            item["path"]
            for volume in pod["volumes"]
            if volume["name"] == "files"
            for source in volume["projected"]["sources"]
            for item in (
                source.get("configMap") or source.get("secret") or {"items": [source.get("serviceAccountToken")]}
            )["items"]
        }
        assert mounted == {path.name for path in here.files}
        data: dict[str, str] = next((child["data"] for child in children if child["kind"] == "ConfigMap"), {})
        texts = {file.name: file.content.content for file in one.files if isinstance(file.content, Text)}
        assert texts.items() <= data.items()
        assert texts.items() <= {path.name: content.decode() for path, content in here.files.items()}.items()
        probed = None if one.probes is None else (one.probes.startup, one.probes.live, one.probes.ready)
        names = ("startupProbe", "livenessProbe", "readinessProbe")
        paths = tuple(there[name]["httpGet"]["path"] for name in names if name in there)
        assert paths == (probed or ())


def options(arguments: Any) -> list[str]:
    """The names of options, but those by which a coordinator knows its guests."""
    admission = ("tokens", "issuer", "audience", "subjects", "jwks", "jwks-ca", "jwks-token")
    known = {f"{prefix}{name}" for prefix in ("--proof-coordinator.", "--") for name in admission}
    return [one for one in arguments if one.startswith("--") and one not in known]


# Where things are: nothing else differs.
PLACES = (
    *(
        "--datadir",
        "--http.addr",
        "--http.port",
        "--metrics.addr",
        "--metrics.port",
        "--plan",
        "--eth-rpc-url",
        "--result",
    ),
    *("--deployment", "--eth.rpc-url", "--proof-coordinator.addr", "--proof-coordinator.port", "--coordinator"),
    *("--token-file", "--id", "--metrics-addr", "--metrics-port", "--committee.members", "--committee.token"),
    *("--sequencer", "--addr", "--port", "--peer", "--beacon", "--archive"),
)


def values(arguments: Any) -> list[tuple[str, str]]:
    """Options with what follows them, but those of places and guests."""
    known = options(arguments)
    following = itertools.zip_longest(arguments, arguments[1:], fillvalue="")
    return [
        (name, "" if value.startswith("--") else value)
        for name, value in following
        if name in known and name not in PLACES
    ]


def test_a_result_of_another_chain_is_no_result() -> None:
    with pytest.raises(BadResult, match="chain 7"):
        Contracts.read(b'{"chains": [{"chainId": 8}]}', 7)


def test_the_dev_accounts_are_those_of_the_node() -> None:
    assert [f"0x{one.address.hex()}" for one in accounts.derive()] == list(dev_accounts.ADDRESSES)
