# SPDX-License-Identifier: Apache-2.0
"""A private certificate authority for a broker cluster, made with the `openssl` program.

The program and not a Python package: it comes with Debian's ca-certificates, every OpenSSL from
1.1.1 on will do, nothing has to be compiled for 32-bit ARM, and it runs only when a cluster is
made. Keys are P-256, since mosquitto's TLS handshake is what a small board feels.
Law of the file: every key is written readable by its owner only; nothing made is ever overwritten.
Read next: broker_cluster.py.
"""

import ipaddress
import os
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path

from edge_node.gossip.errors import CertificateNotMade

AUTHORITY_NAME = "edge-node-authority"
DAYS = 3_650
"""A certificate's life: ten years, for nobody renews those of a box on a shelf."""
_SERIAL_BYTES = 16
_TIMEOUT_S = 30
_MAX_COMPLAINT = 400

_REQUEST = "[req]\ndistinguished_name = name\nprompt = no\n[name]\n"
_AUTHORITY = """
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
"""
_MEMBER = """
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""


class Authority:
    """Signs certificates with the key in a folder.

    Parameters
    ----------
    folder : Path
        Where `ca.pem` and `ca.key` lie, or will lie.
    """

    def __init__(self, folder: Path) -> None:
        self._key = folder / "ca.key"
        self.certificate = folder / "ca.pem"

    def create(self) -> None:
        """Make the authority itself.

        Raises
        ------
        CertificateNotMade
        """
        self.certificate.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._issue(AUTHORITY_NAME, _AUTHORITY, self._key, self.certificate, own=True)

    def issue_broker(self, name: str, host: str, key: Path, certificate: Path) -> None:
        """Make key and certificate of a broker, which is a client of the other brokers too.

        Parameters
        ----------
        name : str
            Its name in the cluster; other brokers know it as this user.
        host : str
            Name or address that clients connect to.
        key, certificate : Path
            Files to write.

        Raises
        ------
        CertificateNotMade
        """
        # The machine itself may be asked too, when its owner looks after it.
        own = "DNS:localhost, IP:127.0.0.1"
        extensions = f"{_MEMBER}extendedKeyUsage = serverAuth, clientAuth\n"
        extensions += f"subjectAltName = {_kind_of(host)}:{host}, {own}\n"
        self._issue(name, extensions, key, certificate)

    def issue_client(self, name: str, key: Path, certificate: Path) -> None:
        """Make key and certificate of a client; its name is its user name at the brokers.

        Raises
        ------
        CertificateNotMade
        """
        self._issue(name, f"{_MEMBER}extendedKeyUsage = clientAuth\n", key, certificate)

    def _issue(
        self, name: str, extensions: str, key: Path, certificate: Path, *, own: bool = False
    ) -> None:
        for path in (key, certificate):
            if path.exists():
                raise CertificateNotMade(expected=f"new: remove {path} first", actual="there")
        with tempfile.TemporaryDirectory() as scratch:
            request, wanted = Path(scratch, "request"), Path(scratch, "extensions")
            config = Path(scratch, "config")
            config.write_text(f"{_REQUEST}commonName = {name}\n", encoding="utf-8")
            wanted.write_text(extensions, encoding="utf-8")
            _openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(key))
            key.chmod(0o600)
            made = ("-new", "-config", str(config), "-key", str(key), "-out", str(request))
            _openssl("req", *made)
            signer = ["-signkey", str(key)]
            if not own:
                signer = ["-CA", str(self.certificate), "-CAkey", str(self._key)]
            serial = ("-set_serial", f"0x{secrets.token_hex(_SERIAL_BYTES)}", "-days", str(DAYS))
            files = ("-extfile", str(wanted), "-in", str(request), "-out", str(certificate))
            _openssl("x509", "-req", "-sha256", *serial, *signer, *files)


def _kind_of(host: str) -> str:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return "DNS"
    return "IP"


def _openssl(*words: str) -> None:
    program = shutil.which("openssl")
    if program is None:
        raise CertificateNotMade(
            expected="made by openssl", actual="not: the program is missing; install openssl"
        )
    # Without a configuration of this machine's, and no file that others may read meanwhile.
    environment = {**os.environ, "OPENSSL_CONF": os.devnull}
    done = subprocess.run(
        [program, *words],
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env=environment,
        timeout=_TIMEOUT_S,
        umask=0o077,
    )
    if done.returncode != 0:
        complaint = " ".join(done.stderr.split())[-_MAX_COMPLAINT:]
        raise CertificateNotMade(expected=f"made by openssl {words[0]}", actual=complaint)
