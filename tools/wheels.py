# SPDX-License-Identifier: Apache-2.0
"""Wheels for other machines, by the pip of this Python.

pip asks again where it gets no answer, but not for a file whose connection breaks half-way: then it
is started anew here. What it has whole is in its cache.
Law of the file: what pip says goes to who runs the tool; nothing is read out of it.
Read next: arm_test.py, image/root.py.
"""

import subprocess
import sys
import time
from pathlib import Path

PAUSES_S = (5, 20)
"""After which pip is started anew."""


def run_pip(*words: str | Path) -> None:
    """Run a command of pip's that fetches.

    Parameters
    ----------
    words : str or Path
        Its command line.

    Raises
    ------
    subprocess.CalledProcessError
        It failed each time.
    """
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *words]
    for pause_s in PAUSES_S:
        if subprocess.run(command, check=False).returncode == 0:
            return
        print(f"pip failed, see above; once more in {pause_s} s", file=sys.stderr, flush=True)
        time.sleep(pause_s)
    subprocess.run(command, check=True)
