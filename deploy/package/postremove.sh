#!/bin/sh
# The state in /var/lib/prefetch_exporter stays, and its owner: without the
# ledger, an exporter that is installed again would spend the quota twice.
set -e

if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
fi
# Debian's purge: the configuration goes, and the credentials with it.
if [ "$1" = purge ]; then
    rm -rf /etc/prefetch_exporter
fi
