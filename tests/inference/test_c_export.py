# SPDX-License-Identifier: Apache-2.0
"""The C header compiles as C99 and C++11 without a warning and gives the law's logits and class."""

import ctypes
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from edge_node.inference.c_export import HeaderNameInvalid, c_header
from edge_node.inference.reference import ReferenceBackend
from edge_node.spec import bnn
from edge_node.spec.architecture import BINARY_4K, UINT8_4K, Architecture, conv, dense
from edge_node.spec.model import Model
from tests.inference.models import random_architecture, random_images, random_model

pytestmark = pytest.mark.slow

C99 = ("gcc", "-x", "c", "-std=c99")
CPP11 = ("g++", "-x", "c++", "-std=c++11")
WARNINGS = ("-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Werror")
SANITIZE = ("-fsanitize=undefined", "-fno-sanitize-recover=all")
WIDE = Architecture(
    height=3,
    width=2,
    input_channels=33,
    input_bits=1,
    layers=(conv(65, kernel=5, same=True), dense(2)),
)
PROGRAM = """
#include "{name}.h"
#ifdef __cplusplus
extern "C"
#endif
void run(const uint8_t *pixels, int32_t *logits, int *classes, int count);
void run(const uint8_t *pixels, int32_t *logits, int *classes, int count)
{{
    for (int i = 0; i < count; i++) {{
        {name}_logits(pixels, logits);
        *classes++ = {name}_classify(pixels);
        pixels += {upper}_IMAGE_BYTES;
        logits += {upper}_CLASSES;
    }}
}}
"""


def compiled(model: Model, folder: Path, compiler: tuple[str, ...]) -> ctypes.CDLL:
    if shutil.which(compiler[0]) is None:
        pytest.skip(f"no C compiler ({compiler[0]})")
    (folder / "digits.h").write_text(c_header(model, name="digits"))
    (folder / "main.c").write_text(PROGRAM.format(name="digits", upper="DIGITS"))
    library = folder / "main.so"
    flags = (*WARNINGS, *SANITIZE, "-O1", "-fPIC", "-shared")
    subprocess.run([*compiler, *flags, "-o", library, folder / "main.c"], check=True)
    return ctypes.CDLL(str(library))


@pytest.mark.parametrize(
    ("architecture", "compiler"),
    [
        (BINARY_4K, C99),
        (UINT8_4K, C99),
        (WIDE, C99),
        (WIDE, CPP11),
        *((random_architecture(seed), C99) for seed in (0, 2)),
    ],
)
def test_header_gives_the_law(
    architecture: Architecture, compiler: tuple[str, ...], tmp_path: Path
) -> None:
    model = random_model(architecture, 5)
    images = random_images(architecture, 6, 5)
    expected = ReferenceBackend().logits(model, images)
    logits = np.empty_like(expected)
    classes = np.empty(len(images), np.intc)
    compiled(model, tmp_path, compiler).run(
        ctypes.c_void_p(images.ctypes.data),
        ctypes.c_void_p(logits.ctypes.data),
        ctypes.c_void_p(classes.ctypes.data),
        len(images),
    )
    assert np.array_equal(logits, expected)
    assert classes.tolist() == [bnn.classify(row) for row in expected.tolist()]


def test_header_names_its_model_and_its_memory() -> None:
    model = random_model(BINARY_4K, 1)
    text = c_header(model, name="digits")
    assert f'#define DIGITS_HASH "{model.model_hash().hex()}"' in text
    # The greatest map is the image: 28 x 28 places of one word, and there are two maps.
    assert f"#define DIGITS_STACK_BYTES {2 * 28 * 28 * 4}" in text
    assert "model_" not in text.replace("digits_model", "")


@pytest.mark.parametrize("name", ["", "1st", "Upper", "two words", "a" * 41, "x;", "é"])
def test_names_that_c_does_not_take_are_refused(name: str) -> None:
    with pytest.raises(HeaderNameInvalid, match="choose a name"):
        c_header(random_model(BINARY_4K, 1), name=name)
