# SPDX-License-Identifier: Apache-2.0
"""Two nodes need a join line, `init` and `run`; a late joiner catches up, also after kill -9."""

import signal
from pathlib import Path

import pytest

from tests.acceptance.running import answer, broker, eventually, found_network, node

pytestmark = [pytest.mark.acceptance, pytest.mark.slow]


def test_late_joiner_catches_up_mines_and_comes_back_after_a_kill(tmp_path: Path) -> None:
    first, second = found_network(tmp_path), tmp_path / "b"
    with broker(first) as line, node(first) as a:
        a.until_height(3)
        assert "started mosquitto" not in a.log.read_text(), "it uses the broker beside it"
        answer(second, "init", "--join", line)
        assert (second / "key").stat().st_mode & 0o777 == 0o600
        with node(second) as b:
            b.until("the chain and the dataset", lambda now: now["height"] >= 3 and now["synced"])
            (dataset,) = answer(second, "dataset", "list")["datasets"]
            assert dataset["name"] == "toy"
            head = a.status()["height"]
            b.until("one more block", lambda now: now["height"] > head)
            b.end(signal.SIGKILL)
        kept = answer(second, "chain", "show")["blocks"]
        with node(second) as b:
            again = b.until("the next block", lambda now: now["height"] > kept[-1]["height"])
            assert again["imported"] < again["height"], "what was durable was not fetched again"
            eventually("one head", lambda: a.status()["head"] == b.status()["head"])
            b.end()
        a.end()
    ours, theirs = (
        answer(each, "chain", "show", "--last", "500")["blocks"] for each in (first, second)
    )
    shared = [block["hash"] for block in theirs if block["height"] <= kept[-1]["height"]]
    assert shared == [block["hash"] for block in ours][: len(shared)]
