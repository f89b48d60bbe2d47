# SPDX-License-Identifier: Apache-2.0
# Everything that a person runs. Each target makes what it needs, .venv first, and says so.
#
# PYTHON=python3.12  which interpreter (3.10 to 3.13)     VENV=.venv-3.12  which folder for it
# JOBS=2             how many tests at once               APT=no           root installs no packages

VENV ?= .venv
JOBS ?= 2
export PYTHON VENV APT
# Hundreds of processes of the tests import what was compiled once, wherever this may be set.
unexport PYTHONDONTWRITEBYTECODE

BIN := $(VENV)/bin
SETUP := tools/setup_environment.sh
PYTEST := $(BIN)/python -m pytest --numprocesses $(JOBS) --dist worksteal --durations=25
FAST := not slow and not acceptance and not board and not fpga and not firmware and not image
BUILD := $(BIN)/python -m edge_node.kernels.build
C_FILES = $(wildcard edge_node/kernels/csrc/*.[ch] edge_node/kernels/csrc/test/*.[ch] \
    firmware_bridge/firmware/*.[ch] firmware_bridge/firmware/ports/*/*.[ch]) \
    fpga/sim/simulation.cpp fpga/sim/popcount.h
# numpy's types: the newest are not written for Python 3.10, our floor, and PYNQ's 1.21 has few.
MYPY = $(if $(wildcard $(VENV)/lib/python3.10),\
    @echo "mypy is left out: numpy 1.21 has too few types; Python 3.11 or newer runs it",\
    $(BIN)/mypy $(if $(wildcard $(VENV)/lib/python3.13),--python-version 3.13))
# What a target wants of Debian: programs, and the packages that have them.
NEED = @for program in $($(1)_PROGRAMS); do \
    PATH="$$PATH:/usr/sbin:/sbin" command -v $$program >/dev/null || { \
    echo "no $$program here: \`sudo apt install $($(1)_PACKAGES)\` cures it" >&2; exit 1; }; done
ARM_PROGRAMS := aarch64-linux-gnu-gcc arm-linux-gnueabihf-gcc qemu-aarch64-static qemu-arm-static
ARM_PACKAGES := gcc-aarch64-linux-gnu libc6-dev-arm64-cross \
    gcc-arm-linux-gnueabihf libc6-dev-armhf-cross qemu-user-static debian-archive-keyring
FIRMWARE_PROGRAMS := qemu-system-arm clang node npm
FIRMWARE_PACKAGES := gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm clang nodejs npm
RP2040JS := rp2040js@1.4.1
# It asks again where it gets no answer, but not for a file whose connection breaks half-way.
NPM_INSTALL := npm install --loglevel=error --no-save --ignore-scripts --fetch-timeout=60000
IMAGE_PROGRAMS := aarch64-linux-gnu-gcc depmod mcopy mkfs.vfat sfdisk e2fsck debugfs zstd xz \
    python3.11 dpkg-deb systemctl systemd-sysusers
IMAGE_PACKAGES := gcc-aarch64-linux-gnu libc6-dev-arm64-cross kmod mtools dosfstools fdisk \
    e2fsprogs zstd xz-utils python3.11 systemd debian-archive-keyring
BOOT_PROGRAMS := qemu-system-aarch64 mosquitto ssh
BOOT_PACKAGES := qemu-system-arm mosquitto openssh-client
IMAGE := build/image/edge-node.img
CI_STAGES := setup lint c-sanitize arm-kernels simulate fpga-test firmware-test arm-test image-boot \
    test
SEEDS ?= 200
RELEASE ?= bookworm

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo setup kernels check test ci lint c-sanitize arm-kernels simulate bench clean
.PHONY: fpga-setup fpga-test fpga-report arm-test firmware firmware-test
.PHONY: dist man image image-test image-boot

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile
	@echo "With PYTHON=python3.12 VENV=.venv-3.12 another interpreter, JOBS=4 more tests at once."

demo: ## Run three nodes that learn MNIST, and show what they did (demo-output/)
	@$(SETUP) demo
	$(BIN)/edge-node demo --output demo-output

setup: ## Make .venv with all that is needed, and the C kernels
	@$(SETUP) develop

kernels: setup ## Compile the C kernels (also part of setup)

check: lint ## Lint, types, import contracts and the fast tests: under 2 minutes
	$(PYTEST) -m '$(FAST)'

test: setup ## All tests that need no board, no FPGA tools, no emulated one
	$(PYTEST) -m 'not board and not fpga and not firmware and not image'

ci: ## What CI runs: lint, the kernels on other machines, all tests
	@took= failed=; \
	for stage in $(CI_STAGES); do \
	    echo "ci: stage $$stage"; \
	    began=$$(date +%s); \
	    $(MAKE) --no-print-directory $$stage || failed=1; \
	    took="$$took $$stage $$(($$(date +%s) - began)) s,"; \
	    if [ -n "$$failed" ]; then echo "ci: FAILED in $$stage:$${took%,}"; exit 1; fi; \
	done; \
	echo "ci: all stages passed:$${took%,}"

lint: setup ## Lint and types only
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(MYPY)
	$(BIN)/lint-imports --no-logo
	$(BIN)/clang-format --dry-run --Werror $(C_FILES)
	$(BUILD) --werror

c-sanitize: setup ## The C kernels under the address and undefined-behaviour sanitizers
	$(BUILD) --test --sanitize --output build/kernels-sanitize
	build/kernels-sanitize

arm-kernels: setup ## The C kernels for 64-bit and 32-bit ARM, under an emulator
	$(call NEED,ARM)
	$(BUILD) --test --cross aarch64-linux-gnu-gcc --output build/kernels-arm64
	qemu-aarch64-static build/kernels-arm64
	$(BUILD) --test --cross arm-linux-gnueabihf-gcc --output build/kernels-armhf
	qemu-arm-static build/kernels-armhf

arm-test: setup ## The tests marked `arm` on emulated 64-bit and 32-bit ARM (RELEASE=trixie)
	$(call NEED,ARM)
	$(BIN)/python -m tools.arm_test --release $(RELEASE) --jobs $(JOBS)

image: setup ## A card image for Raspberry Pi Zero 2 W, 3 and 4: build/image/edge-node.img.xz
	$(call NEED,IMAGE)
	rm -rf build/image/wheel
	$(BIN)/python -m tools.dist --machine aarch64 --output build/image/wheel
	$(BIN)/python -m tools.image build --wheel build/image/wheel/*.whl
	xz --threads=2 --force --keep -2 $(IMAGE)
	sha256sum $(IMAGE).xz

image-test: image ## Boot the image in emulators: it joins, validates and gossips
	$(call NEED,BOOT)
	$(BIN)/python -m pytest -m image --durations=10 -s

image-boot: image ## One of these boots, which CI runs
	$(call NEED,BOOT)
	$(BIN)/python -m pytest -m image -k virtual_machine -s

simulate: setup ## Play SEEDS=200 seeds of networks in which everything goes wrong
	$(BIN)/python -m tools.simulate --seeds $(SEEDS) --jobs $(JOBS)

firmware: setup ## Build the microcontrollers' firmware: build/firmware/*.elf, .hex, .uf2
	$(BIN)/python -m edge_node_bridge.firmware.build --all --output build/firmware

firmware-test: firmware ## Test it: fuzzers under sanitizers, and every board in its emulator
	$(call NEED,FIRMWARE)
	@npm ls --prefix build/rp2040js $(RP2040JS) >/dev/null 2>&1 || { \
	    for pause in 5 20 no; do \
	        $(NPM_INSTALL) --prefix build/rp2040js $(RP2040JS) >/dev/null && exit; \
	        [ $$pause = no ] || echo "npm failed, see above; once more in $$pause s" >&2; \
	        [ $$pause = no ] || sleep $$pause; \
	    done; exit 1; }
	$(PYTEST) -m firmware

fpga-setup:
	@$(SETUP) fpga

fpga-test: fpga-setup ## The FPGA overlay: its RTL, its driver and the real pynq, simulated
	$(PYTEST) -m fpga

fpga-report: fpga-setup ## Compare its logits, count its clocks and tables: fpga/report/REPORT.md
	mkdir -p build
	$(BIN)/python -m tools.fpga_exactness --size 32x64 --families --architectures 500 --seed 1 \
	    --json > build/fpga-exactness-32x64.json
	$(BIN)/python -m tools.fpga_exactness --size 64x64 --architectures 150 --seed 1 \
	    --json > build/fpga-exactness-64x64.json
	$(BIN)/python -m edge_node_fpga.report --output fpga/report \
	    --exactness build/fpga-exactness-32x64.json \
	    --exactness build/fpga-exactness-64x64.json

dist: setup ## The sdist and a wheel for x86_64, aarch64 and armv7l (dist/), always the same bytes
	$(BIN)/python -m tools.dist

man: setup ## Write the man page from the command line: edge_node/data/edge-node.1
	$(BIN)/python -m tools.man_page

bench: setup ## Measure the speeds of the table in the README
	$(BIN)/edge-node bench

clean: ## Remove what was built here, but not .venv
	rm -rf build dist demo-output *.egg-info edge_node/kernels/*.so edge_node/kernels/.build
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
