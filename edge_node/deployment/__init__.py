# SPDX-License-Identifier: Apache-2.0
"""A node that its machine starts: the systemd units, and the files that make a fresh card a node.

Law of the folder: the same unit files for every way onto a board; what is to be done is decided
before anything is done, so that it can be shown.
Read first: edge-node.service, then unit.py, installation.py, user_data.py.
"""
