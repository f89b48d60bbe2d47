# SPDX-License-Identifier: Apache-2.0
"""Figures of others say whose they are."""

from edge_node_fpga.report.anchors import ANCHORS, XC7Z020


def test_every_row_is_whole_and_has_a_source() -> None:
    for anchor in ANCHORS:
        assert all(getattr(anchor, name) for name in type(anchor).__slots__)


def test_papers_that_were_not_read_again_say_so() -> None:
    for anchor in ANCHORS:
        assert anchor.source.startswith("BNN-PYNQ") or "recalled" in anchor.source


def test_others_keep_within_the_chip_where_it_is_ours() -> None:
    for anchor in ANCHORS:
        if "xc7z020" in anchor.device or "PYNQ-Z" in anchor.device:
            for said, most in ((anchor.luts, XC7Z020.luts), (anchor.bram36, XC7Z020.bram36)):
                assert said == "none" or int(said.replace(",", "")) <= most
