# SPDX-License-Identifier: Apache-2.0
"""What the engine takes and what it does: counted by yosys, clocked by simulation, on one page.

`make fpga-report` writes REPORT.md and report.json beside this file.
Law of the folder: a figure says how it was got; no board was at hand and no tool gave a frequency.
Read next: __main__.py, figures.py, goals.py.
"""
