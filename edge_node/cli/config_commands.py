# SPDX-License-Identifier: Apache-2.0
"""`edge-node config show`: what is set, and by whom.

Law of the file: answers only, nothing is changed.
Read next: edge_node/node/configuration.py.
"""

from dataclasses import asdict

import click

from edge_node.cli.output import console, emit, json_option, table
from edge_node.cli.session import Session


@click.group()
def config() -> None:
    """Show the configuration."""


@config.command("show")
@json_option
@click.pass_obj
def show_config(session: Session, /, *, as_json: bool) -> None:
    """Show every setting and where it comes from."""
    origins = session.loaded.origins
    emit(
        {"settings": [asdict(origin) for origin in origins]},
        as_json=as_json,
        show=lambda: console.print(
            table(
                "settings (flag > environment > file > adopted overlay > board > default)",
                ("!setting", "value", "from"),
                [(f"{o.section}.{o.key}", as_typed(o.value), o.source) for o in origins],
            )
        ),
    )


def as_typed(value: object) -> str:
    """Return a setting as `--set` takes it."""
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
