#!/bin/sh
# Debian calls it with "remove" or "upgrade", RPM with how many versions remain.
set -e

case "$1" in
remove | 0) ;;
*) exit 0 ;;
esac

if [ -d /run/systemd/system ]; then
    systemctl disable --now prefetch_exporter.service prefetch_exporter.socket
fi
