#!/bin/sh
# Before the files are removed, on Debian (remove, upgrade) and RPM systems (0: removed, 1: upgraded). An upgrade leaves the
# collector running; the new version restarts it.
set -e

case "$1" in
    remove | 0) ;;
    *) exit 0 ;;
esac

if [ -d /run/systemd/system ]; then
    systemctl --no-reload disable --now arancini.service || true
fi
exit 0
