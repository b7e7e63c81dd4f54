"""
The command line: ``python -m conformance SUITE PATH...``.

The last line is ``N passed, N failed, N skipped``; the exit code is 1 on a failure and 2 on a wrong call. A run that
finds no case at all is a failure too: it proves nothing.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path

from conformance import report, runner, suites
from conformance.options import Options


def main(arguments: list[str] | None = None) -> int:
    parsed = _parser().parse_args(arguments)
    missing = [path for path in parsed.paths if not path.exists()]
    if missing:
        print(f"no such file or folder: {', '.join(map(str, missing))}", file=sys.stderr)
        return 2

    options = Options(
        match=parsed.match, sample=parsed.sample, url=parsed.url, engine_url=parsed.engine_url,
        jwt_secret=parsed.jwt_secret, command=tuple(parsed.node_command.split()), openrpc=parsed.openrpc,
    )  # fmt: skip
    summary = report.Summary(verbose=parsed.verbose)
    for result in runner.run(parsed.suite, parsed.paths, options, parsed.jobs):
        summary.add(result)
    if parsed.list_failures is not None:
        parsed.list_failures.write_text(summary.failure_list())
    print(summary.text())
    return 0 if summary.passed_or_skipped_all else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m conformance", description="Play official test suites.")
    parser.add_argument("suite", choices=sorted(suites.NAMES), metavar="SUITE", help=", ".join(sorted(suites.NAMES)))
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="folder, archive (.tar.xz) or file")
    parser.add_argument("--match", type=_pattern, metavar="RE", help="only cases whose id matches")
    parser.add_argument("--sample", type=_positive, default=1, metavar="N", help="about one case in N, always the same")
    parser.add_argument("--jobs", type=_positive, default=os.cpu_count() or 1, metavar="N", help="processes")
    parser.add_argument("--list-failures", type=Path, metavar="FILE", help="write a line a failed case")
    parser.add_argument("--verbose", action="store_true", help="print each case")
    remote = parser.add_argument_group("rpc-compat")
    remote.add_argument("--url", help="play against this running endpoint, which has the chain already")
    remote.add_argument("--engine-url", help="its Engine API, for the fork choice before the first request")
    remote.add_argument("--jwt-secret", type=Path, help="file with the hex secret of the Engine API")
    remote.add_argument("--node-command", default="", help="the node to start (default: the ethrex beside Python)")
    remote.add_argument("--openrpc", type=Path, help="OpenRPC document for tests that check the schema only")
    return parser


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"not a regular expression: {error}") from error


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
