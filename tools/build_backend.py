# SPDX-License-Identifier: Apache-2.0
"""Build backend: setuptools, plus the C kernels.

The kernels are one shared library for ctypes, so a wheel fits every Python of its platform: tag
py3-none-<platform>. Without a C compiler the wheel is py3-none-any, runs on numpy, and says so.
Law of the file: setuptools does the packing; here stands only what it can not know.
Read next: edge_node/kernels/build.py.
"""

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

from setuptools import build_meta
from setuptools.build_meta import (
    build_sdist,
    get_requires_for_build_editable,
    get_requires_for_build_sdist,
    get_requires_for_build_wheel,
    prepare_metadata_for_build_editable,
    prepare_metadata_for_build_wheel,
)
from setuptools.command.bdist_wheel import get_platform

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]

ConfigSettings = dict[str, str | list[str] | None]
"""What PEP 517 hands over from the front end's `--config-settings`."""


def build_wheel(
    wheel_directory: str,
    config_settings: ConfigSettings | None = None,
    metadata_directory: str | None = None,
) -> str:
    """Return the name of the wheel, whose tag says whether the kernels are in it (PEP 517)."""
    settings: ConfigSettings = dict(config_settings or {})
    if compile_kernels():
        # Whoever compiles for another machine says for which: dist.py.
        settings.setdefault("--build-option", [f"--plat-name={get_platform(None)}"])
    return build_meta.build_wheel(wheel_directory, settings, metadata_directory)


def build_editable(
    wheel_directory: str,
    config_settings: ConfigSettings | None = None,
    metadata_directory: str | None = None,
) -> str:
    """Compile the kernels in place, then let setuptools link to the checkout (PEP 660)."""
    compile_kernels()
    return build_meta.build_editable(wheel_directory, config_settings, metadata_directory)


def compile_kernels() -> bool:
    """Return whether there is a library to ship; a machine that can not make one gets none."""
    build = _load_kernels_build()
    try:
        build.build_library(build.find_compiler(os.environ))
    except (build.NoCompiler, build.CompilationFailed) as error:
        print(error, file=sys.stderr)
        build.LIBRARY.unlink(missing_ok=True)
        return False
    return True


def _load_kernels_build() -> ModuleType:
    """Load the module by its path: the package it belongs to is not installed yet."""
    path = Path(__file__).resolve().parent.parent / "edge_node/kernels/build.py"
    spec = importlib.util.spec_from_file_location("edge_kernels_build", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    return module
