#!/bin/sh
# What a card runs once when it first boots, and you again for another wheel:
#
#     sudo edge-node-first-boot [WHEEL]
#
# installs edge-node into /opt/edge-node, starts its service, and takes what is secret off the first
# partition. WHEEL is a file or an https:// address; without one it is what the card was made with,
# or the newest of its kind on that partition. Written by `edge-node make-user-data`.
set -eu

boot=/boot/firmware
made_with=@WHEEL@

case $made_with in
    https://*) wheel=${1:-$made_with} ;;
    *-any.whl) wheel=${1:-$(printf '%s\n' "$boot"/edge_node-*-any.whl | sort -V | tail -n 1)} ;;
    *) wheel=${1:-$(printf '%s\n' "$boot"/edge_node-*_"${made_with##*_}" | sort -V | tail -n 1)} ;;
esac
case $wheel in
    https://*) with_serial="edge-node[serial] @ $wheel" ;;
    *)
        with_serial="${wheel}[serial]"
        if [ ! -f "$wheel" ]; then
            echo "edge-node: there is no wheel $wheel; name one, a file or an https:// address" >&2
            exit 1
        fi
        ;;
esac

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
/opt/edge-node/bin/pip install --no-cache-dir --upgrade "$with_serial"
# pip takes another build of the version that is installed for the same one.
/opt/edge-node/bin/pip install --no-cache-dir --force-reinstall --no-deps "$wheel"
mkdir -p /usr/local/share/man/man1
ln -sf /opt/edge-node/bin/edge-node /usr/local/bin/edge-node
ln -sf /opt/edge-node/share/man/man1/edge-node.1 /usr/local/share/man/man1/edge-node.1
/opt/edge-node/bin/edge-node install-service

# Join line and key are where the node looks for them, and every computer reads this partition. Only
# what was carried out goes: files for another start may lie there already. The instance's name in
# meta-data stays, by which cloud-init knows that nothing is left to do.
if cmp -s "$boot/user-data" /var/lib/cloud/instance/user-data.txt; then
    exec 3<>"$boot/user-data"
    {
        echo "#cloud-config"
        echo "# Carried out, and taken off this card: \`edge-node make-user-data\` writes another."
        echo "{}"
    } >"$boot/user-data.new"
    sync # all: what goes here must be safe there
    mv -f "$boot/user-data.new" "$boot/user-data"
    sync "$boot"
    # What the old file takes is still its own while it is open.
    dd if=/dev/zero of=/dev/fd/3 bs=16k count=1 conv=notrunc,fsync 2>/dev/null
    exec 3>&-
fi
