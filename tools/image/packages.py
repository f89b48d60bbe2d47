# SPDX-License-Identifier: Apache-2.0
"""What goes onto the card: packages, modules of the kernel, and what of the packages is left out.

Law of the file: lists only.
Read next: root.py, initrd.py.
"""

PACKAGES = (
    # The boards.
    "linux-image-arm64",
    "raspi-firmware",
    "firmware-brcm80211",
    "wireless-regdb",
    # The system.
    "base-files",
    "base-passwd",
    "bash",
    "coreutils",
    "dash",
    "dbus",
    "e2fsprogs",
    "fdisk",
    "findutils",
    "grep",
    "gzip",
    "hostname",
    "kmod",
    "less",
    "login",
    "mount",
    "nano-tiny",
    "netbase",
    "passwd",
    "procps",
    "sed",
    "systemd-resolved",
    "systemd-sysv",
    "systemd-timesyncd",
    "tar",
    "tzdata",
    "udev",
    "util-linux",
    # The network.
    "avahi-daemon",
    "ca-certificates",
    "iproute2",
    "libnss-mdns",
    "libnss-systemd",  # names the account of the service
    "openssh-server",
    "wpasupplicant",
    # The node.
    "libsodium23",
    "python3",
    "python3-numpy",
    # The first program that runs; leaves the card when the initrd is made.
    "busybox-static",
)

ROOT_MODULES = (
    "bcm2835",
    "crc32c_generic",
    "ext4",
    "sdhci_iproc",
    "virtio_blk",
    "virtio_mmio",
    "virtio_pci",
)
"""What finds the card and reads it, on the boards and in an emulator; in the initrd."""

MODULES = (
    *ROOT_MODULES,
    # Network: cable of the 4, of the 3 and its plus, of an emulated USB port; Wi-Fi.
    "genet",
    "broadcom",
    "smsc95xx",
    "lan78xx",
    "microchip",
    "cdc_ether",
    "rndis_host",
    "brcmfmac",
    "virtio_net",
    # USB.
    "dwc2",
    "phy_generic",
    "xhci_pci",
    "reset_raspberrypi",
    # Microcontrollers and adapters on it.
    "cdc_acm",
    "ch341",
    "cp210x",
    "ftdi_sio",
    "pl2303",
    # The board.
    "bcm2711_thermal",
    "bcm2835_rng",
    "bcm2835_thermal",
    "bcm2835_wdt",
    "iproc_rng200",
    "leds_gpio",
    "raspberrypi_cpufreq",
    "virtio_rng",
    # Sensors on its pins.
    "i2c_bcm2835",
    "i2c_dev",
    "spi_bcm2835",
    # The boot partition.
    "nls_ascii",
    "nls_cp437",
    "vfat",
)
"""All of the kernel's modules that stay; what they need stays with them."""

LEFT_OUT = (
    "boot/System.map-*",
    "boot/config-*",
    "etc/initramfs",
    "etc/kernel",
    "usr/bin/perl*",
    "usr/lib/*-linux-gnu/libperl.so.*",
    "usr/lib/*-linux-gnu/perl*",
    "usr/lib/linux-image-*",
    "usr/lib/python3*/*/tests",
    "usr/lib/python3*/config-*",
    "usr/lib/python3*/ensurepip",
    "usr/lib/python3*/idlelib",
    "usr/lib/python3*/lib2to3",
    "usr/lib/python3*/pydoc_data",
    "usr/lib/python3*/test",
    "usr/lib/python3/dist-packages/numpy/*/tests",
    "usr/lib/raspi-firmware",
    "usr/share/bash-completion",
    "usr/share/bug",
    "usr/share/doc/*/*.gz",
    "usr/share/doc/*/NEWS*",
    "usr/share/doc/*/README*",
    "usr/share/doc/*/changelog*",
    "usr/share/doc/*/examples",
    "usr/share/doc-base",
    "usr/share/info",
    "usr/share/lintian",
    "usr/share/locale",
    "usr/share/man",
    "usr/share/perl*",
    "usr/share/zsh",
    "var/lib/dpkg/info/*.md5sums",
)
"""Patterns of paths. Copyright files stay."""
