#!/bin/sh
# After the files are unpacked, on Debian (configure [OLD-VERSION]) and RPM systems (1: installed, 2: upgraded).
set -e

case "$1" in
    configure) [ -n "$2" ] && upgraded=yes || upgraded=no ;;
    1) upgraded=no ;;
    2) upgraded=yes ;;
    *) exit 0 ;;
esac

if ! getent passwd arancini >/dev/null; then
    if command -v systemd-sysusers >/dev/null; then
        systemd-sysusers arancini.conf
    else
        useradd --system --user-group --home-dir /var/lib/arancini --shell /usr/sbin/nologin \
            --comment "Arancini BMP collector" arancini
    fi
fi

# Only the service may read the configuration, because it can hold secrets. An administrator's own choice is kept.
if [ "$upgraded" = no ] && [ -e /etc/arancini/arancini.toml ]; then
    chown root:arancini /etc/arancini/arancini.toml
    chmod 640 /etc/arancini/arancini.toml
fi

if [ -d /run/systemd/system ]; then
    systemctl daemon-reload || true
    if [ "$upgraded" = yes ]; then
        # Does not wait: a start can last until the NATS server answers.
        systemctl --no-block try-restart arancini.service || true
    fi
fi

if [ "$upgraded" = no ]; then
    echo "Arancini is installed and not started. Settings: /etc/arancini/arancini.toml. Start: systemctl enable --now arancini"
fi
exit 0
