# SPDX-License-Identifier: Apache-2.0
"""Back ends of a demonstration: always three nodes, on as many different ones as are installed."""

import pytest

from edge_node.demo.backends import MAX_NODES, NodesOutOfRange, choose_backends, named_backends
from edge_node.inference.backend import BackendUnavailable
from edge_node.inference.select import BackendStatus, UnknownBackend, available_backends

ALL = ("native", "numpy", "reference", "lce", "tflite")


def statuses(*installed: str) -> list[BackendStatus]:
    return [
        BackendStatus(name=name, why_unavailable=None if name in installed else f"no {name} here")
        for name in ALL
    ]


@pytest.mark.parametrize(
    ("installed", "chosen", "missing"),
    [
        (ALL, ("native", "lce", "tflite"), ()),
        (("native", "numpy", "reference", "tflite"), ("native", "tflite", "reference"), ("lce",)),
        (("native", "numpy", "reference"), ("native", "reference", "numpy"), ("lce", "tflite")),
        (("numpy", "reference"), ("reference", "numpy", "reference"), ("native", "lce", "tflite")),
    ],
)
def test_three_nodes_on_what_is_there(
    installed: tuple[str, ...], chosen: tuple[str, ...], missing: tuple[str, ...]
) -> None:
    choice = choose_backends(statuses(*installed))
    assert choice.chosen == chosen
    assert choice.missing == tuple(
        f"back end {name} is missing: no {name} here" for name in missing
    )


def test_what_is_chosen_here_is_installed_here() -> None:
    choice = choose_backends(available_backends())
    installed = {status.name for status in available_backends() if status.available}
    assert set(choice.chosen) <= installed
    assert len(choice.chosen) == 3


def test_named_are_taken_as_they_are() -> None:
    assert named_backends("native, lce,native", statuses(*ALL)) == ("native", "lce", "native")


def test_named_must_be_known_and_installed_and_neither_few_nor_many() -> None:
    with pytest.raises(UnknownBackend, match="not 'gpu'"):
        named_backends("native,gpu", statuses(*ALL))
    with pytest.raises(BackendUnavailable, match="no lce here"):
        named_backends("native,lce", statuses("native"))
    for names in ("native", ",".join(["native"] * (MAX_NODES + 1))):
        with pytest.raises(NodesOutOfRange):
            named_backends(names, statuses(*ALL))
