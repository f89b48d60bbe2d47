# SPDX-License-Identifier: Apache-2.0
"""`edge-node make-user-data`: files for the first partition of a card with Raspberry Pi OS.

Law of the file: from options to edge_node/deployment/user_data.py; a password is asked for or comes
from the environment, and is never shown.
Read next: edge_node/deployment/user_data.py.
"""

import os
import secrets
from pathlib import Path

import click

from edge_node.cli.output import emit, json_option
from edge_node.cli.session import Session
from edge_node.deployment.errors import CardRefused
from edge_node.deployment.user_data import Card, Wifi, card_files, check_wheel_name
from edge_node.gossip.join_line import parse_join_line
from edge_node.kernels.libsodium import load_ed25519
from edge_node.node.configuration import ConfigRequest, load_config
from edge_node.node.control import JsonObject
from edge_node.node.whole_file import OWNER, write_whole
from edge_node.spec.signature import SEED_BYTES

WIFI_VARIABLE = "WIFI_PASSWORD"
_DEFAULT_KEYS = ("id_ed25519.pub", "id_ecdsa.pub", "id_rsa.pub")


@click.command("make-user-data")
@click.option("--hostname", default="edge-node", show_default=True, help="Name in the LAN.")
@click.option("--user", default="edge", show_default=True, help="Your account on it.")
@click.option(
    "--ssh-key",
    "ssh_key",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Public key by which you come in.  [default: ~/.ssh/id_*.pub]",
)
@click.option(
    "--wheel",
    required=True,
    metavar="FILE_OR_URL",
    help="What to install: a wheel of `make dist`, or its https:// address.",
)
@click.option("--join", "line", metavar="LINE", help="The network that it joins.")
@click.option(
    "--settings",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="The node's config.toml.",
)
@click.option(
    "--with-key",
    is_flag=True,
    help="Make its key here, and print the public one for the founder's `init --member`.",
)
@click.option("--wifi", "ssid", metavar="NAME", help="Name of a Wi-Fi; its password is asked for.")
@click.option("--wifi-country", metavar="CC", help="Where the Wi-Fi is, such as DE.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIRECTORY",
    help="Write the files there: the card's first partition.",
)
@json_option
@click.pass_obj
def make_user_data(  # noqa: PLR0913 - one per option
    session: Session,
    /,
    *,
    hostname: str,
    user: str,
    ssh_key: Path | None,
    wheel: str,
    line: str | None,
    settings: Path | None,
    with_key: bool,
    ssid: str | None,
    wifi_country: str | None,
    output: Path | None,
    as_json: bool,
) -> None:
    """Make a node of a card with stock Raspberry Pi OS.

    For Trixie: flash it with Raspberry Pi Imager 2.0 or newer, without its customisation, then run
    this with --output on the card's first partition. Without --output it prints user-data alone.
    The password of the Wi-Fi may stand in the variable WIFI_PASSWORD.
    """
    if (ssid is None) != (wifi_country is None):
        raise click.UsageError("--wifi and --wifi-country go together")
    if output is None and (ssid or with_key):
        raise click.UsageError("--wifi and --with-key make private files; add --output")
    if line is not None:
        parse_join_line(line, tls=session.config.network.tls)
    file = None if wheel.startswith("https://") else Path(wheel)
    if file is not None:
        check_wheel_name(file.name)
        if not file.is_file():
            raise CardRefused(what="the wheel", expected="a file", actual=f"{wheel!r}, not there")
    seed = secrets.token_bytes(SEED_BYTES) if with_key else b""
    card = Card(
        hostname=hostname,
        user=user,
        ssh_keys=_ssh_keys(ssh_key),
        wheel=wheel if file is None else file.name,
        settings="" if settings is None else _settings(settings),
        join_line=(line or "").strip(),
        seed=seed,
        wifi=None if ssid is None else _wifi(ssid, wifi_country or ""),
    )
    texts = card_files(card)
    if output is None and not as_json:
        click.echo(texts["user-data"], nl=False)
        return
    written = [] if output is None else _write(output, texts, file)
    public = load_ed25519().public_key(seed).hex() if seed else None
    answer: JsonObject = {"files": list(map(str, written)), "public_key": public}
    if output is None:
        answer["user_data"] = texts["user-data"]
    emit(answer, as_json=as_json, show=lambda: _tell(written, public, wifi=ssid is not None))


def _tell(written: list[Path], public: str | None, *, wifi: bool) -> None:
    for path in written:
        click.echo(f"wrote {path}")
    if public is not None:
        click.echo(f"its public key: {public}")
    click.echo(
        "these files hold what they let in: until the first start has ended well and overwritten"
        " user-data, whoever has the card can read the join line and the key there"
    )
    if wifi:
        click.echo("network-config, which stays, holds the Wi-Fi's derived key")


def _ssh_keys(path: Path | None) -> tuple[str, ...]:
    folder = Path.home() / ".ssh"
    found = path or next((folder / n for n in _DEFAULT_KEYS if (folder / n).is_file()), None)
    if found is None:
        raise CardRefused(what="the SSH key", expected="a .pub file (--ssh-key)", actual="none")
    text = found.read_text(encoding="utf-8", errors="replace")
    return tuple(line for line in text.splitlines() if line and not line.startswith("#"))


def _settings(path: Path) -> str:
    """Return a configuration that a node can be started with.

    Raises
    ------
    ConfigurationError
    """
    load_config(ConfigRequest(environment={"HOME": "/"}, file=path))
    return path.read_text(encoding="utf-8")


def _wifi(ssid: str, country: str) -> Wifi:
    password = os.environ.get(WIFI_VARIABLE)
    if password is None:
        try:
            password = click.prompt(f"password of {ssid}", hide_input=True, err=True)
        except click.Abort:
            raise click.UsageError(
                f"nobody gave the password of the Wi-Fi; set {WIFI_VARIABLE}"
            ) from None
    return Wifi(ssid=ssid, password=password, country=country)


def _write(folder: Path, texts: dict[str, str], wheel: Path | None) -> list[Path]:
    """Write the files, each whole or not at all; the wheel first, for it needs the room."""
    written = []
    if wheel is not None:
        target = folder / wheel.name
        if not (target.exists() and target.samefile(wheel)):
            write_whole(target, wheel.read_bytes())
        written.append(target)
    for name, text in texts.items():
        # FAT keeps no modes; elsewhere it is for its owner alone.
        write_whole(folder / name, text.encode(), mode=OWNER)
        written.append(folder / name)
    return written
