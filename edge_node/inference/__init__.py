# SPDX-License-Identifier: Apache-2.0
"""Floor 3: the back ends that evaluate a model, behind one Protocol, equal in every bit.

Third-party interpreters run in a child process: their crash costs a restart, not the node.
Law of the floor: no back end is trusted before its known-answer test; only select.py chooses.
Read next: backend.py, reference.py, select.py.
"""
