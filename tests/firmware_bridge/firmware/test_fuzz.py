# SPDX-License-Identifier: Apache-2.0
"""More than a million hostile inputs to the core under the sanitizers, by two fuzzers.

They begin with the same corpus, which Python's side is given too.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from edge_node.spec import bnn, encoding
from edge_node_bridge.firmware.build import build_native
from edge_node_bridge.frame import FrameReader
from tests.firmware_bridge.firmware import corpus
from tests.firmware_bridge.firmware.core_library import Core
from tests.firmware_bridge.firmware.test_core_encoding import law_accepts
from tests.firmware_bridge.firmware.test_core_models import law_verdict
from tests.spec.samples import stream
from tools.firmware_instructions import session
from tools.fpga_architectures import draw_architecture, draw_images, draw_model

CORPUS_RUNS = 1_000_000
LIBFUZZER_RUNS = 200_000
SANITIZED_NETWORKS = 150
MOST_S = 900


def fuzzed(fuzzer: Path, runs: int, *inputs: Path) -> "subprocess.CompletedProcess[str]":
    """Run a fuzzer to its end, which must be a good one."""
    done = subprocess.run(
        [fuzzer, f"-runs={runs}", "-seed=6", *inputs],
        cwd=fuzzer.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4_000:]
    return done


@pytest.mark.firmware
@pytest.mark.timeout(MOST_S)
def test_core_bears_a_million_changed_inputs(tmp_path: Path) -> None:
    fuzzer = tmp_path / "fuzz"
    build_native(fuzzer, sanitize=True, fuzz=True)
    files = corpus.write(_folder(tmp_path, "corpus"))
    done = fuzzed(fuzzer, CORPUS_RUNS, *files)
    assert f"{CORPUS_RUNS} inputs from {len(files)} files were borne" in done.stdout


@pytest.mark.firmware
@pytest.mark.timeout(MOST_S)
def test_core_bears_what_libfuzzer_finds(tmp_path: Path) -> None:
    if shutil.which("clang") is None:
        pytest.skip("no clang with libFuzzer")
    fuzzer = tmp_path / "fuzz"
    build_native(fuzzer, sanitize=True, fuzz=True, environment={**os.environ, "CC": "clang"})
    seeds = _folder(tmp_path, "corpus")
    corpus.write(seeds)
    done = fuzzed(fuzzer, LIBFUZZER_RUNS, _folder(tmp_path, "found"), seeds)
    assert f"Done {LIBFUZZER_RUNS} runs" in done.stderr


@pytest.mark.firmware
@pytest.mark.timeout(MOST_S)
def test_device_under_the_sanitizers_runs_networks_of_every_form(tmp_path: Path) -> None:
    program = tmp_path / "device"
    build_native(program, sanitize=True)
    below = stream("sanitized").below
    ran = 0
    with session([str(program)]) as host:
        while ran < SANITIZED_NETWORKS:
            architecture = draw_architecture(below)
            model = draw_model(below, architecture)
            if architecture.image_bytes > host.greeted.max_image_bytes:
                continue
            host.push_model(model.blob(), model.model_hash())
            for image in draw_images(below, architecture, 2):
                pixels = image.tobytes()
                assert list(host.infer(pixels).logits) == bnn.logits(model, pixels)
            ran += 1
        assert host.self_test().passed == 1


@pytest.mark.parametrize("number", range(len(corpus.seeds())))
def test_python_and_core_judge_the_corpus_alike(core: Core, number: int) -> None:
    part, data = corpus.seeds()[number]
    match part:
        case corpus.Part.CBOR:
            expected = law_accepts(data)
            assert core.cbor_valid(data, 20_000, 8) == expected
            assert not expected or encoding.encode(encoding.decode(data, max_bytes=4096)) == data
        case corpus.Part.MODEL:
            assert core.run(data).verdict == law_verdict(data)
        case _:
            reader = FrameReader(4096)
            good, bad, _ = core.unstuff(data)
            assert (good, bad) == (len(reader.feed(data)), reader.bad_frames)


def _folder(parent: Path, name: str) -> Path:
    folder = parent / name
    folder.mkdir()
    return folder
