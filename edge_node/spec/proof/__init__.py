# SPDX-License-Identifier: Apache-2.0
"""Proof rules: what makes a block worth adding. The genesis names the one that a network runs.

Law of the package: one module per rule, each behind the `ProofRule` of rule.py; validation.py
knows none of them by name.
Read next: rule.py, evolution.py.
"""
