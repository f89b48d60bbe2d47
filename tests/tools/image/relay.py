# SPDX-License-Identifier: Apache-2.0
"""Standard input and output as a connection to a port of this machine's loopback: relay.py PORT.

QEMU starts one for each connection of a guest, so a broker that drops one is connected to again.
"""

import os
import socket
import sys
import threading

PIECE_BYTES = 65_536


def main() -> None:
    connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])))

    def upwards() -> None:
        while data := os.read(0, PIECE_BYTES):
            connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)

    threading.Thread(target=upwards, daemon=True).start()
    while data := connection.recv(PIECE_BYTES):
        while data:
            data = data[os.write(1, data) :]


if __name__ == "__main__":
    main()
