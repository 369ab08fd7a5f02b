#!/bin/sh
# Debian calls it with "configure" and the version that was there before, RPM
# with how many versions are installed now.
set -e

case "$1" in
configure | 1 | 2) ;;
*) exit 0 ;;
esac

if ! getent passwd prefetch_exporter >/dev/null; then
    # Debian's useradd makes the group; so does Fedora's.
    useradd --system --user-group --home-dir /var/lib/prefetch_exporter --no-create-home \
        --shell /usr/sbin/nologin prefetch_exporter
fi
# Somebody may write a secret into it.
chgrp prefetch_exporter /etc/prefetch_exporter/config.yml
chmod 0640 /etc/prefetch_exporter/config.yml

if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    # It is not started by its installation: without an account there is nothing
    # to ask. After an upgrade it is restarted if it ran; the ledger of calls is
    # kept, so that this costs no quota.
    systemctl try-restart prefetch_exporter.service
fi
