# SPDX-License-Identifier: Apache-2.0
"""Floor 4: datasets on disk: fetched, imported, kept by content, served in chunks.

Rules R-17 and R-18 (spec/dataset.py) say what a dataset is; here is how one comes to this machine
and stays there whole. Sibling of chain, gossip and trainer; what it needs from them is nothing.
Law of the floor: bytes from outside are checked by hash before anything is built on them, and a
process killed at any instant finds what was whole, whole.
Read next: content.py, store.py, edition.py, importing.py.
"""
