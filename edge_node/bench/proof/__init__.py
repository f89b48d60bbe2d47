# SPDX-License-Identifier: Apache-2.0
"""Paper B and the rule `recipe` measured here: acceptance, learning, checking, fairness, Figure 1.

What the design promises of the lottery rules stands beside what came, and beside the paper's own
figures where it has any.
Law of the folder: the product's own functions are measured; what is simulated is called simulated.
Read next: run.py, then learning.py, verification.py, simulation.py, published.py.
"""
