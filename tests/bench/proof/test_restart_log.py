# SPDX-License-Identifier: Apache-2.0
"""What is read from logs of two nodes: only blocks of the other count, and whole stories."""

import json

from edge_node.bench.proof.restart_log import Restart, node_times, restarts, resumed_ms


def line(time_ms: int, message: str) -> str:
    return json.dumps({"time_ms": time_ms, "level": "debug", "logger": "x", "message": message})


ANN = node_times(
    [
        line(1_000, "block aaaa0000 judged valid; height 1"),
        line(1_030, "search on block aaaa0000 began 10 ms ago, 20 ms after it became the head"),
        line(2_050, "judging block bbbb0000 from bob"),
        line(2_070, "block bbbb0000 judged valid; height 2"),
        line(2_110, "search on block bbbb0000 began 25 ms ago, 12 ms after it became the head"),
        line(9_000, "search on block bbbb0000 began 5 ms ago, 999 ms after it became the head"),
    ]
)
BOB = node_times(
    [
        "a line of the trainer's own",
        line(1_005, "judging block aaaa0000 from ann"),
        line(1_025, "block aaaa0000 judged valid; height 1"),
        line(2_040, "block bbbb0000 judged valid; height 2"),
        line(2_500, "judging block cccc0000 from eve"),
        line(2_600, "block cccc0000 judged valid; height 3"),
        line(2_700, "search on block cccc0000 began 0 ms ago, 1 ms after it became the head"),
    ]
)


def test_a_restart_is_timed_from_its_author_its_bytes_and_its_verdict() -> None:
    assert restarts([ANN, BOB]) == [
        Restart(whole_ms=45, bytes_ms=35, judge_ms=20, verdict_ms=15, trainer_ms=12)
    ], "bob's search on ann's block told nothing, and eve's log is not here"


def test_what_came_before_is_left_out() -> None:
    assert restarts([ANN, BOB], since_ms=2_051) == []


def test_a_killed_trainer_is_back_with_the_next_search_that_begins() -> None:
    assert resumed_ms(ANN, 2_090) == 6_905
    assert resumed_ms(ANN, 8_995) is None
