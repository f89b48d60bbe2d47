#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Make the virtual environment: setup_environment.sh demo|develop|fpga
#
# Used by the Makefile, and quick when nothing changed. PYTHON chooses the interpreter, VENV the
# folder, APT=no keeps it from installing Debian packages when root runs it.
# Law of the file: whatever it installs, it names first; what it can not install, it names with the
# command that would.
set -eu

cd "$(dirname "$0")/.."
purpose=$1
venv=${VENV:-.venv}

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { say "$@"; exit 1; }
missing() { ! PATH="$PATH:/usr/sbin:/sbin" command -v "$1" >/dev/null 2>&1; }

# The newest Python 3 that has what is wanted; of the overlay's tools, pynq wants an old numpy.
newest=13
[ "$purpose" != fpga ] || newest=12

# usable PYTHON [MODULE]: is it one of the Pythons we support, and does it have the module?
usable() {
    "$1" -c "import sys, ${2:-sys}; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, $newest))" \
        2>/dev/null
}

cc=${CC:-gcc}
compiler=${cc%% *}

# What the purpose is in pyproject.toml; the FPGA's tests want the others' tools too.
extras=$purpose
[ "$purpose" != fpga ] || extras=develop,fpga-sim

find_python() {
    for module in ensurepip sys; do
        for name in python3.11 python3 python3.12 python3.13 python3.10; do
            if usable "$name" "$module"; then echo "$name"; return; fi
        done
    done
}

# `apt install --no-install-recommends gcc` gives a compiler without the C library's headers.
lacks_headers() {
    # shellcheck disable=SC2086 # CC may hold several words
    ! missing "$compiler" &&
        ! printf '#include <string.h>\n' | $cc -fsyntax-only -x c - 2>/dev/null
}

install_debian_packages() {
    [ "$(id -u)" = 0 ] && [ "${APT:-}" != no ] && ! missing apt-get || return 0
    wanted=
    if missing "$compiler" || lacks_headers; then wanted="gcc libc6-dev"; fi
    if missing mosquitto; then wanted="$wanted mosquitto"; fi
    if [ "$purpose" = fpga ]; then
        for program in ${CXX:-g++} make perl; do
            if missing "$program"; then wanted="$wanted $program"; fi
        done
    fi
    if ! usable "${PYTHON:-$(find_python)}" ensurepip; then wanted="$wanted python3-venv"; fi
    [ -n "$wanted" ] || return 0
    say "installing Debian packages: $wanted (APT=no prevents it)"
    export DEBIAN_FRONTEND=noninteractive
    apt-get -qq -o Acquire::Retries=3 update || say "apt-get update failed; trying all the same"
    # shellcheck disable=SC2086 # a list of words
    apt-get -qq -o Acquire::Retries=3 install --no-install-recommends -y $wanted >/dev/null ||
        say "apt-get could not install them; going on without"
}

tell_what_is_missing() {
    # A missing compiler is told by the build of the kernels.
    if missing mosquitto; then
        say "no mosquitto here: edge-node will start its own broker (amqtt), which is slower." \
            "\`sudo apt install mosquitto\` cures it."
    fi
    [ "$purpose" = fpga ] || return 0
    for program in ${CXX:-g++} make perl; do
        if missing "$program"; then
            say "no $program here, without which no RTL is simulated:" \
                "\`sudo apt install g++ make perl\` cures it."
        fi
    done
}

make_venv() {
    usable "$python" ensurepip || fail "$python lacks ensurepip: \`sudo apt install" \
        "python3-venv\` (or python$version-venv), then try again."
    if [ -d "$venv" ]; then
        say "$venv is of another Python or incomplete: making it anew with $python ($version)"
    else
        say "making $venv with $python ($version)"
    fi
    "$python" -m venv --clear "$venv"
}

install_python_packages() {
    say "installing into $venv: edge-node[$extras] and what it needs, as locked in $constraints"
    # pip asks again where it gets no answer, but not for a file whose connection breaks half-way;
    # what it has whole is in its cache.
    attempt=1
    until pip_installs; do
        [ "$attempt" -lt 3 ] ||
            fail "pip could not install, see above; the first set-up needs a network."
        say "pip could not install, see above; trying again in $((attempt * 5)) s"
        sleep $((attempt * 5))
        attempt=$((attempt + 1))
    done
}

pip_installs() {
    pip="$venv/bin/python -m pip --disable-pip-version-check --timeout 60"
    # shellcheck disable=SC2086 # a list of words
    $pip install --quiet --constraint "$constraints" setuptools &&
        $pip install --quiet --constraint "$constraints" --no-build-isolation \
            --editable ".[$extras]"
}

build_kernels() {
    if lacks_headers; then
        say "$cc finds no headers of the C library: edge-node will use its numpy kernels," \
            "many times slower. \`sudo apt install libc6-dev\` cures it."
    else
        "$venv/bin/python" -m edge_node.kernels.build
    fi
}

install_debian_packages
python=${PYTHON:-}
if [ -z "$python" ] && usable "$venv/bin/python" pip; then python="$venv/bin/python"; fi
[ -n "$python" ] || python=$(find_python)
[ -n "$python" ] || fail "no Python 3.10 to 3.$newest found: \`sudo apt install python3" \
    "python3-venv\`, or name one with PYTHON=..."
usable "$python" || fail "$python is not a Python 3.10 to 3.$newest"
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
constraints=tools/constraints/python$version.txt

# Whatever can change the environment is in the stamp, its place too (scripts in it hold the whole
# path); `develop` holds all that `demo` needs, `fpga` all that both do. Without pip, its making was
# interrupted.
stamp="$venv/.edge-node-$purpose"
state=$({ pwd; cat pyproject.toml "$constraints" tools/setup_environment.sh; } | sha256sum)
if ! "$venv/bin/python" -c \
    "import pip, sys; sys.exit('%d.%d' % sys.version_info[:2] != '$version')" 2>/dev/null; then
    make_venv
fi
case $purpose in
    demo) holders="demo develop fpga" ;;
    develop) holders="develop fpga" ;;
    *) holders=$purpose ;;
esac
installed=
for holder in $holders; do
    if [ "$state" = "$(cat "$venv/.edge-node-$holder" 2>/dev/null)" ]; then installed=yes; fi
done
if [ -z "$installed" ]; then
    install_python_packages
    tell_what_is_missing
    printf '%s\n' "$state" >"$stamp"
fi
build_kernels
