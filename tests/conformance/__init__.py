"""
The official Ethereum test suites, played on this project's own code.

    python -m conformance SUITE PATH... [--match RE] [--jobs N] [--list-failures FILE]

A file belongs to a suite by what it holds, not by its name, so that a folder or an archive may mix kinds. Files are
streamed (``sources``), spread over processes (``runner``), judged by one module a suite (``suites``); what is left
out on purpose has a name and a reason in ``skips``.
"""
