# SPDX-License-Identifier: Apache-2.0
"""Models for a device's sensor, and waiting for what its thread tells."""

import queue
from typing import TypeVar

from edge_node.node.bridge.accepted import AcceptedModel
from edge_node.node.bridge.worker import Report
from edge_node.spec.architecture import BINARY_4K, Architecture
from tests.inference.models import random_model

PATIENCE_S = 60

_R = TypeVar("_R")


def accepted(
    seed: int, *, height: int = 1, architecture: Architecture = BINARY_4K
) -> AcceptedModel:
    """Return a model as the chain has one."""
    model = random_model(architecture, seed)
    return AcceptedModel(
        model_hash=model.model_hash(),
        height=height,
        family="f0" * 32,
        dataset="mnist",
        architecture=architecture,
        blob=model.blob(),
    )


def next_of(kind: type[_R], reports: "queue.Queue[Report]") -> _R:
    """Return the next report of a kind; others are passed over."""
    while True:
        report = reports.get(timeout=PATIENCE_S)
        if isinstance(report, kind):
            return report
