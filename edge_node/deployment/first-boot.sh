#!/bin/sh
# What a card runs once when it first boots, and you again to upgrade: installs edge-node into
# /opt/edge-node and starts its service. Written by `edge-node make-user-data`.
set -eu

# Certificates are judged by the time, and a Raspberry Pi has no clock that goes on.
tries=300
until [ "$(timedatectl show --property=NTPSynchronized --value)" = yes ]; do
    tries=$((tries - 1))
    if [ "$tries" -le 0 ]; then
        echo "edge-node: no time from the network; see that there is one, then run $0 again" >&2
        exit 1
    fi
    sleep 2
done

if ! python3 -c "import ensurepip" 2>/dev/null; then
    apt-get update
    apt-get install --yes python3-venv
fi
python3 -m venv /opt/edge-node
/opt/edge-node/bin/pip install --no-cache-dir --upgrade @WHEEL@
mkdir -p /usr/local/share/man/man1
ln -sf /opt/edge-node/bin/edge-node /usr/local/bin/edge-node
ln -sf /opt/edge-node/share/man/man1/edge-node.1 /usr/local/share/man/man1/edge-node.1
/opt/edge-node/bin/edge-node install-service
