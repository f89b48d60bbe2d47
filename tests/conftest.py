# SPDX-License-Identifier: Apache-2.0
"""Rules of every test run: reproducible examples, and no skip that expected_skips.toml lacks."""

import os
import re
import sys
from pathlib import Path

import hypothesis
import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

IN_CI = os.environ.get("CI") == "true"
EXPECTED_SKIPS = Path(__file__).with_name("expected_skips.toml")

# No deadline: a slow machine is no failure. In CI the same examples every time.
hypothesis.settings.register_profile("edge_node", deadline=None, derandomize=IN_CI)
hypothesis.settings.load_profile("edge_node")


def unexpected_skips(config: pytest.Config) -> list[str]:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:  # a worker of pytest-xdist: the controller has all reports
        return []
    entries = tomllib.loads(EXPECTED_SKIPS.read_text())["skip"]
    expected = [entry["reason"] for entry in entries if entry["in_ci"] or not IN_CI]
    unexpected = []
    for report in reporter.stats.get("skipped", []):
        reason = report.longrepr[2].removeprefix("Skipped: ")
        if not any(re.fullmatch(pattern, reason) for pattern in expected):
            unexpected.append(f"{report.nodeid}: {reason}")
    return unexpected


def pytest_sessionfinish(session: pytest.Session) -> None:
    if session.exitstatus == pytest.ExitCode.OK and unexpected_skips(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if unexpected := unexpected_skips(config):
        terminalreporter.section("skips that tests/expected_skips.toml does not list", red=True)
        for line in unexpected:
            terminalreporter.line(line)
