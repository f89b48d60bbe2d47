# SPDX-License-Identifier: Apache-2.0
"""Compiled bursts against the law, on every path of this CPU: results equal in every bit."""

import ctypes
import hashlib
from concurrent.futures import ThreadPoolExecutor

import pytest

from edge_node.kernels import shared_object
from edge_node.kernels.burst import BurstRunner, new_burst_runner, run_burst
from edge_node.kernels.burst_data import FamilyInBursts, Trial
from edge_node.kernels.numpy_burst import NumpyBurstRunner
from edge_node.kernels.shared_object import KernelPath
from edge_node.kernels.training import TrainerUnavailable
from edge_node.primitives.hashing import tagged_hash
from edge_node.spec import burst as law_module
from edge_node.spec.burst import BurstStart, draw_operator, ticket
from tests.kernels.burst_runs import CASES, arguments, case, law, silent_case
from tests.kernels.compiled import need_library, this_cpus_path

pytestmark = pytest.mark.arm

BIGGEST = max(range(CASES), key=lambda number: case(number).rules.architecture.weight_count)


@pytest.fixture(params=list(KernelPath), ids=[path.name for path in KernelPath])
def path(request: pytest.FixtureRequest) -> KernelPath:
    return this_cpus_path(KernelPath(request.param).name)


def runner(number: int, path: KernelPath | None = None) -> BurstRunner:
    task = case(number)
    made = BurstRunner(task.rules, task.images, task.labels, path)
    made.begin(task.start)
    return made


def test_bursts_are_the_laws(path: KernelPath) -> None:
    wrong = [n for n in range(CASES) if run_burst(*arguments(case(n)), path=path) != law(n)]
    assert wrong == []


def test_a_trial_says_what_the_law_says(path: KernelPath) -> None:
    for number in range(0, CASES, 5):
        task, expected, trials = case(number), law(number), runner(number, path)
        said = Trial(
            drawn=draw_operator(task.seed, task.rules, task.start),
            latent_root=expected.latent_root,
            ticket=ticket(task.seed, expected.latent_root),
            met=expected.met,
        )
        assert trials.trial(task.seed) == said, number
        assert trials.latents() == expected.latents, number
        assert trials.model() == expected.model, number


def test_no_trial_leaves_anything_to_the_next(path: KernelPath) -> None:
    seeds = [tagged_hash("test", bytes([i])) for i in range(12)]
    trials = runner(BIGGEST, path)
    together = [trials.trial(seed) for seed in seeds]
    assert together == [runner(BIGGEST, path).trial(seed) for seed in seeds]
    assert together[::-1] == [trials.trial(seed) for seed in seeds[::-1]]


def test_goes_on_from_its_own_latents(path: KernelPath) -> None:
    """A winner's block is the next head."""
    task, trials = case(BIGGEST), runner(BIGGEST, path)
    trials.trial(task.seed)
    trials.begin(
        BurstStart(
            latents=trials.latents(), relatives=(trials.model(),), evolves=True, samples_seen=3
        )
    )
    before = law(BIGGEST)
    head = BurstStart(
        latents=before.latents, relatives=(before.model,), evolves=True, samples_seen=3
    )
    expected = law_module.run_burst(task.seed, task.rules, head, task.images, task.labels)
    assert trials.run(task.seed) == expected


def test_runners_in_two_threads_do_not_meet(path: KernelPath) -> None:
    seeds = [tagged_hash("test", i.to_bytes(2, "big")) for i in range(150)]

    def roots(number: int) -> list[Trial]:
        trials = runner(number, path)
        return [trials.trial(seed) for seed in seeds]

    numbers = (BIGGEST, BIGGEST, 0, 1)
    alone = [roots(number) for number in numbers]
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(roots, numbers)) == alone


@pytest.mark.parametrize("requirements", [0, 1, 2])
def test_a_weight_that_did_not_move_meets_nothing(path: KernelPath, requirements: int) -> None:
    """Where no class has an error every sum is 0, which is neither way."""
    task = silent_case(requirements)
    for i in range(8):
        done = run_burst(bytes([i]) * 32, *arguments(task)[1:], path=path)
        assert done.latents == task.start.latents
        assert done.met == (requirements == 0)


def test_numpy_runs_where_the_kernels_were_not_built(monkeypatch: pytest.MonkeyPatch) -> None:
    task = case(0)
    monkeypatch.setattr(shared_object, "LIBRARY_NAME", "missing.so")
    made: FamilyInBursts = new_burst_runner(task.rules, task.images, task.labels)
    assert isinstance(made, NumpyBurstRunner)
    assert run_burst(*arguments(task)) == law(0)
    with pytest.raises(TrainerUnavailable, match="make kernels"):
        BurstRunner(task.rules, task.images, task.labels)


@pytest.mark.parametrize("plain", [0, 1], ids=["fastest", "plain"])
def test_sha256_is_hashlibs(plain: int) -> None:
    """Every length around a block's end, in pieces of every kind."""
    hashed = need_library().edge_sha256
    hashed.argtypes = (
        ctypes.c_char_p,
        ctypes.c_size_t,
        ctypes.c_size_t,
        ctypes.c_int,
        ctypes.c_char_p,
    )
    message = hashlib.shake_128(b"message").digest(3_000)
    digest = ctypes.create_string_buffer(32)
    for size in (*range(200), 1_000, 3_000):
        for piece in (1, 63, 64, 65, 150, 4_000):
            hashed(message, size, piece, plain, digest)
            assert digest.raw == hashlib.sha256(message[:size]).digest(), (size, piece)
