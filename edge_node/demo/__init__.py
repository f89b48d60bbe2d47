# SPDX-License-Identifier: Apache-2.0
"""The demonstration: a whole network on one machine, real parts on loopback, and its report.

Law of the package: it starts nodes as a user would and looks at them from outside.
Read next: network.py, report.py.
"""
