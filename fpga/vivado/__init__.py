# SPDX-License-Identifier: Apache-2.0
"""The block design around the engine: build.tcl for Vivado, and its facts for Python.

What build.tcl says in Tcl, design.py says as data; a test runs the one and compares it with the
other. No part of this was ever run in Vivado: README.md.
Law of the file: declares a package.
Read next: design.py.
"""
