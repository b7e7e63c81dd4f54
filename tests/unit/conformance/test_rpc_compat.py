"""The rpc-compat player: its comparison, and its verdicts against a small server that answers as told."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from conformance import rpc_compat
from conformance.case import Mismatch, Outcome
from conformance.options import Options
from conformance.rpc_compat import compare, exchange, node, revision
from conformance.rpc_compat.openrpc import Schemas
from conformance.rpc_compat.revision import Revision


def same(got: str, expected: str) -> bool:
    return compare.difference(compare.load(got), compare.load(expected)) is None


@pytest.mark.parametrize(
    ("got", "expected", "equal"),
    [
        ('{"a":1}', '{"a":1.0}', True),
        ('{"a":1}', '{"a":true}', False),
        ('{"a":"0x1"}', '{"a":"0x01"}', False),
        ('{"a":"0xAB"}', '{"a":"0xab"}', False),
        ('{"a":null}', "{}", False),
        ("{}", '{"a":null}', False),
        ("[1,2]", "[2,1]", False),
        ('{"b":1,"a":2}', '{"a":2,"b":1}', True),
        ("12345678901234567890123", "12345678901234567890124", False),
        ('{"error":{"code":-32000,"message":"x"}}', '{"error":{"code":-32000,"message":"y"}}', True),
        ('{"error":{"code":-32000,"message":"x"}}', '{"error":{"code":-32001,"message":"x"}}', False),
        ('{"error":{"code":3,"message":"x","data":"0x1"}}', '{"error":{"code":3,"message":"x"}}', False),
        ('{"result":[{"error":{"code":1,"message":"x"}}]}', '{"result":[{"error":{"code":1,"message":"y"}}]}', True),
        ('{"result":[{"error":{"code":1}}]}', '{"result":[{"error":{"code":1,"message":"y"}}]}', True),
        ('{"error":{"code":1,"message":"x"}}', '{"result":"0x"}', False),
        ('{"error":"x"}', '{"error":"y"}', False),
    ],
)
def test_comparison(got: str, expected: str, equal: bool) -> None:
    assert same(got, expected) is equal


def test_exchanges_are_read_with_their_comment() -> None:
    text = '// one\n// speconly: form only\n>> {}\n<< {"a":1}\n\n>> {"x":2}\n<< {}\n'

    assert exchange.parse(text) == [
        exchange.Exchange("{}", '{"a":1}', True),
        exchange.Exchange('{"x":2}', "{}", True),
    ]


@pytest.mark.parametrize("text", ["", ">> {}\n", "<< {}\n", ">> {}\n>> {}\n<< {}\n", "{}\n"])
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(exchange.FormatError):
        exchange.parse(text)


def test_the_token_is_the_one_of_the_standard() -> None:
    # from PyJWT 2.15.1
    assert node.token(b"\x01" * 32, 1) == (
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpYXQiOjF9.QlsnHHa-j16ZLTN41h4M6OB8H-AfUJbD0GntM_npFxM"
    )


def test_the_own_copy_of_the_schemas_serves_a_set_without_one(tmp_path: Path) -> None:
    schemas = Schemas.load(None, beside=tmp_path)

    schemas.check("eth_chainId", "0x1")
    with pytest.raises(Mismatch):
        schemas.check("eth_chainId", 1)
    with pytest.raises(Mismatch):
        schemas.check("eth_noSuchMethod", "0x1")


@contextmanager
def server(answers: dict[str, Any]) -> Iterator[str]:
    """Answers each method with what the table holds for it."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = json.dumps({"jsonrpc": "2.0", "id": request["id"]} | answers[request["method"]]).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    listening = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.server_port}"
    finally:
        listening.shutdown()
        thread.join()
        listening.server_close()


@pytest.fixture
def chain_set(tmp_path: Path) -> Path:
    folder = tmp_path / "sets" / "one"
    folder.mkdir(parents=True)
    for name, content in {"genesis.json": "{}", "chain.rlp": "", "headfcu.json": "{}"}.items():
        (folder / name).write_text(content)
    exchanges = {
        "eth_chainId/a.io": ('"eth_chainId"', '"result":"0x7"', ""),
        "eth_chainId/b.io": ('"eth_chainId"', '"result":"0x8"', "// speconly: x\n"),
        "eth_call/a.io": ('"eth_call"', '"error":{"code":3,"message":"reverted","data":"0x01"}', ""),
    }
    for name, (method, answer, comment) in exchanges.items():
        (folder / name).parent.mkdir(exist_ok=True)
        request = f'{{"jsonrpc":"2.0","id":1,"method":{method},"params":[]}}'
        (folder / name).write_text(f'{comment}>> {request}\n<< {{"jsonrpc":"2.0","id":1,{answer}}}\n')
    return folder


def play(chain_set: Path, answers: dict[str, Any]) -> dict[str, Outcome]:
    with server(answers) as url:
        return {
            result.case_id.split("/", 1)[1]: result.outcome for result in rpc_compat.run([chain_set], Options(url=url))
        }


RIGHT: dict[str, Any] = {
    "eth_chainId": {"result": "0x7"},
    "eth_call": {"error": {"code": 3, "message": "execution reverted", "data": "0x01"}},
}


def test_right_answers_pass(chain_set: Path) -> None:
    assert set(play(chain_set, RIGHT).values()) == {Outcome.PASSED}


def test_each_wrong_answer_fails_its_file(chain_set: Path) -> None:
    wrong = RIGHT | {"eth_call": {"error": {"code": 3, "message": "execution reverted"}}}

    assert play(chain_set, wrong)["eth_call/a.io"] is Outcome.FAILED
    assert play(chain_set, RIGHT | {"eth_chainId": {"result": "0x9"}}) == {
        "eth_chainId/a.io": Outcome.FAILED,
        "eth_chainId/b.io": Outcome.PASSED,
        "eth_call/a.io": Outcome.PASSED,
    }
    assert play(chain_set, RIGHT | {"eth_chainId": {"result": 7}})["eth_chainId/b.io"] is Outcome.FAILED
    assert play(chain_set, RIGHT | {"eth_chainId": {"error": {"code": 1}}})["eth_chainId/b.io"] is Outcome.FAILED


def test_a_node_that_does_not_start_fails_every_file(chain_set: Path) -> None:
    results = list(rpc_compat.run([chain_set], Options(command=("false",))))

    assert [result.outcome for result in results] == [Outcome.FAILED] * 3
    assert "ended with 1" in results[0].reason


def test_a_single_file_and_a_method_s_folder_find_their_set(chain_set: Path) -> None:
    for path, count in [(chain_set / "eth_call" / "a.io", 1), (chain_set / "eth_chainId", 2), (chain_set.parent, 3)]:
        assert sum(len(found.files) for found in rpc_compat.find_sets(path)) == count


LOG = '{"blockHash":"0x1","transactionIndex":"0x0","data":"0x"}'
NEW_LOG = '{"blockHash":"0x1","transactionIndex":"0x0","data":"0x","blockTimestamp":"0x5"}'
RECEIPT = '{"blockHash":"0x1","transactionIndex":"0x0","cumulativeGasUsed":"0x1","logs":[]}'


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([LOG], Revision.OLDER),
        ([f'{{"result":[{LOG},{NEW_LOG}]}}'], Revision.NEWER),
        ([RECEIPT, '{"result":"0x1"}'], Revision.NEWER),
        ([], Revision.NEWER),
    ],
)
def test_a_set_s_revision_is_told_from_its_answers(answers: list[str], expected: Revision) -> None:
    assert revision.of_answers(answers) is expected


def test_an_older_set_sets_off_its_two_differences_and_no_other() -> None:
    def same_as_recorded(got: str, expected: str) -> bool:
        mine, theirs = compare.load(got), compare.load(expected)
        return compare.difference(revision.as_recorded(mine, theirs), theirs) is None

    assert same_as_recorded(f'{{"result":[{NEW_LOG}]}}', f'{{"result":[{LOG}]}}')
    assert not same_as_recorded(f'{{"result":[{LOG}]}}', f'{{"result":[{NEW_LOG}]}}')
    assert not same_as_recorded(NEW_LOG.replace("0x5", "0x6"), NEW_LOG)
    assert not same_as_recorded('{"result":{"blockTimestamp":"0x5"}}', '{"result":{}}')
    assert same_as_recorded('{"error":{"code":-32602}}', '{"error":{"code":-32000}}')
    assert not same_as_recorded('{"error":{"code":-32000}}', '{"error":{"code":-32602}}')
    assert not same_as_recorded('{"error":{"code":-32601}}', '{"error":{"code":-32000}}')


def test_a_newer_set_sets_off_nothing(chain_set: Path) -> None:
    folder = chain_set / "eth_getLogs"
    folder.mkdir()
    for name, recorded in (("a.io", LOG), ("b.io", NEW_LOG)):
        request = '{"jsonrpc":"2.0","id":1,"method":"eth_getLogs","params":[]}'
        (folder / name).write_text(f'>> {request}\n<< {{"jsonrpc":"2.0","id":1,"result":[{recorded}]}}\n')
    answers = RIGHT | {"eth_getLogs": {"result": [json.loads(NEW_LOG)]}}

    played = play(chain_set, answers)
    assert (played["eth_getLogs/a.io"], played["eth_getLogs/b.io"]) == (Outcome.FAILED, Outcome.PASSED)
    (folder / "b.io").unlink()
    assert play(chain_set, answers)["eth_getLogs/a.io"] is Outcome.PASSED
