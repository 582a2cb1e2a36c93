#!/bin/sh
# After the files are removed, on Debian (remove, purge, upgrade) and RPM systems (0: removed, 1: upgraded). Only a purge, which
# RPM systems do not have, removes what the collector has stored. The user stays, as its number could own other files.
set -e

case "$1" in
    remove | 0)
        if [ -d /run/systemd/system ]; then
            systemctl daemon-reload || true
        fi
        ;;
    purge)
        rm -rf /var/lib/arancini /var/lib/private/arancini
        rm -rf /etc/systemd/system/arancini.service.d
        rmdir /etc/arancini 2>/dev/null || true
        ;;
esac
exit 0
