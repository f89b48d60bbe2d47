# SPDX-License-Identifier: Apache-2.0
"""Write tools/constraints: `python3 tools/lock.py python3.10 python3.11 python3.12 python3.13`.

For each interpreter, pip resolves and installs edge-node[develop,fpga-sim] into an empty
environment, and what came out is written down. The files hold names and versions only: which index
they come from is the user's affair. Packages that only other platforms need are not in them, and
stay free there.
Law of the file: standard library only; nothing is pinned by hand except in `PINNED`.
Read next: setup_environment.sh, which installs with these files.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "tools/constraints"

PINNED = {
    # What PYNQ's image has; and the last pyparsing that does not warn of the matplotlib for it.
    "3.10": ["numpy==1.21.6", "pyparsing==3.2.5"],
    "3.11": ["numpy==1.26.4"],  # the last that LCE and tflite-runtime work with
}
"""Python version -> requirements that are decisions, not results."""

OURSELVES = {"edge-node", "pip"}


def lock(interpreter: str) -> Path:
    """Resolve with one interpreter and return the file that was written."""
    version = _output(interpreter, "-c", "import sys; print('%d.%d' % sys.version_info[:2])")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([interpreter, "-m", "venv", folder], check=True)
        python = f"{folder}/bin/python"
        requirements = ["setuptools>=77", f"{ROOT}[develop,fpga-sim]", *PINNED.get(version, [])]
        subprocess.run([python, "-m", "pip", "install", "--quiet", *requirements], check=True)
        installed = _output(python, "-m", "pip", "list", "--format=freeze").splitlines()
    lines = [line for line in installed if line.partition("==")[0] not in OURSELVES]
    path = FOLDER / f"python{version}.txt"
    head = f"# Made by tools/lock.py with Python {version} on x86_64; do not edit.\n"
    path.write_text(head + "\n".join(sorted(lines, key=str.lower)) + "\n")
    return path


def _output(*command: str) -> str:
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.strip()


def main() -> None:
    """Lock for every interpreter named on the command line."""
    if not sys.argv[1:]:
        sys.exit("name the interpreters: python3 tools/lock.py python3.10 python3.11 ...")
    for interpreter in sys.argv[1:]:
        print(lock(interpreter).relative_to(ROOT))


if __name__ == "__main__":
    main()
