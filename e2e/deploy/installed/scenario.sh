#!/bin/bash
# What an administrator does with a package, inside a clean system with systemd:
# install the older version, configure, start, reload, upgrade, hand the port to
# the socket, remove.
#
#   scenario.sh deb|rpm
#
# /packages has the packages, old/ and new/.
set -euo pipefail

kind=$1
exporter=http://127.0.0.1:10186
unit=prefetch_exporter.service

step() { echo "== $*"; }

fail() {
    echo "FAILED: $*"
    systemctl --no-pager status $unit || true
    journalctl --no-pager -u $unit | tail -30
    exit 1
}

install_package() {
    case $kind in
    deb) dpkg --install /packages/"$1"/*.deb ;;
    rpm) rpm --upgrade --nodeps /packages/"$1"/*.rpm ;;
    esac
}

# Without the folders of other packages and what every start of a system writes.
files() { find / -xdev \( -path /proc -o -path /sys -o -path /run -o -path /tmp -o -path /dev -o -path /packages \
    -o -path /var/log -o -path /var/cache -o -path /var/lib/dpkg -o -path /var/lib/rpm -o -path /root \
    -o -path /var/lib/systemd -o -path /etc/.pwd.lock -o -path /var/lib/private \) -prune -o -print | sort; }

# wait_for COMMAND... until it succeeds, at most 20 s.
wait_for() {
    for _ in $(seq 100); do
        if "$@" >/dev/null 2>&1; then return 0; fi
        sleep 0.2
    done
    fail "in vain: $*"
}

value() { curl -sSf $exporter/metrics | grep "^$1" || fail "no $1 on /metrics"; }

files >/tmp/before

step "the older version is installed, and not started"
install_package old
! systemctl is-active --quiet $unit || fail "it runs without a configuration"
! systemctl is-enabled --quiet $unit || fail "it is enabled without a configuration"
[ "$(stat -c '%a %U %G' /etc/prefetch_exporter/config.yml)" = "640 root prefetch_exporter" ] || fail "others may read config.yml"
[ "$(stat -c '%a %U' /etc/prefetch_exporter/secrets)" = "700 root" ] || fail "others may read the secrets"

step "without an account it says what is wrong"
! systemctl start $unit || sleep 1
journalctl --sync
journalctl -u $unit | grep -q 'accounts: must list at least one account' || fail "no word about accounts"
systemctl stop $unit

step "configured and started, with a credential that only root can read"
printf 'the-api-key' >/etc/prefetch_exporter/secrets/cdnetworks_key
chmod 600 /etc/prefetch_exporter/secrets/cdnetworks_key
# As the comment in it says.
sed -i -e '/^# accounts:/,/^# *- id/s/^# //' -e '/^accounts: \[\]/d' /etc/prefetch_exporter/config.yml
systemctl enable --now $unit
wait_for prefetchtool --exporter.url=$exporter healthy
value 'prefetch_account_up{account="edge"'
value 'prefetch_exporter_build_info.*version="0.0.9"'

step "it runs as its own user and may do nothing else"
pid=$(systemctl show -P MainPID $unit)
[ "$(stat -c %U "/proc/$pid")" = prefetch_exporter ] || fail "runs as $(stat -c %U "/proc/$pid")"
grep -q '^NoNewPrivs:.*1$' "/proc/$pid/status" || fail "may gain privileges"
grep -q '^Seccomp:.*2$' "/proc/$pid/status" || fail "has no filter of system calls"
grep -q '^CapBnd:.*0000000000000000$' "/proc/$pid/status" || fail "has capabilities"
[ "$(cat "/proc/$pid/root/run/credentials/$unit/secrets_cdnetworks_key")" = the-api-key ] || fail "no credential"
! su -s /bin/sh nobody -c "cat /run/credentials/$unit/secrets_cdnetworks_key" 2>/dev/null || fail "nobody reads the credential"
! nsenter --target "$pid" --mount touch /etc/x /usr/x 2>/dev/null || fail "may write into the system"
! su -s /bin/sh nobody -c 'ls /var/lib/prefetch_exporter' 2>/dev/null || fail "nobody reads the state"

step "a changed configuration is read, a broken one is not"
sed -i 's/name: edge/name: other/' /etc/prefetch_exporter/config.yml
systemctl reload $unit
wait_for sh -c "curl -sS $exporter/metrics | grep -q 'account=\"other\"'"
sed -i 's/name: other/nam: other/' /etc/prefetch_exporter/config.yml
systemctl reload $unit
wait_for sh -c "curl -sS $exporter/metrics | grep -q '^prefetch_exporter_config_last_reload_successful 0'"
value 'prefetch_account_up{account="other"'
sed -i 's/nam: other/name: other/' /etc/prefetch_exporter/config.yml

step "the newer version replaces the running one, and keeps configuration and state"
state=$(find /var/lib/prefetch_exporter -type f | sort)
[ -n "$state" ] || fail "no state"
install_package new
wait_for prefetchtool --exporter.url=$exporter healthy
wait_for sh -c "curl -sS $exporter/metrics | grep -q '^prefetch_exporter_build_info.*version=\"0.1.0\"'"
value 'prefetch_account_up{account="other"'
[ "$(systemctl show -P MainPID $unit)" != "$pid" ] || fail "the old one still runs"
[ "$(find /var/lib/prefetch_exporter -type f | sort)" = "$state" ] || fail "the state changed"

step "systemd holds the port, also while the exporter restarts"
systemctl stop $unit
sed -i 's/^ARGS=.*/ARGS="--web.systemd-socket"/' /etc/default/prefetch_exporter
systemctl enable --now prefetch_exporter.socket
! systemctl is-active --quiet $unit || fail "it runs before anybody asked"
value 'prefetch_exporter_build_info'
for _ in 1 2 3; do
    systemctl restart --no-block $unit
    value 'prefetch_exporter_build_info' >/dev/null
done

step "removed: the service is gone, the configuration and the state are there"
case $kind in
deb) dpkg --remove prefetch-exporter ;;
rpm) rpm --erase --nodeps prefetch-exporter ;;
esac
! systemctl is-active --quiet $unit || fail "it still runs"
! curl -sS $exporter/metrics >/dev/null 2>&1 || fail "the port is still open"
[ -n "$(find /var/lib/prefetch_exporter -type f)" ] || fail "the state is gone"
! command -v prefetch_exporter || fail "the program is still there"

step "what is left of it"
case $kind in
deb) dpkg --purge prefetch-exporter ;;
rpm) find /etc -name '*prefetch_exporter*' -o -path '*/prefetch_exporter/*' ;;
esac
files >/tmp/after
diff /tmp/before /tmp/after | grep '^[<>]' >/tmp/left || true
cat /tmp/left
wanted='^> /var/lib/prefetch_exporter(/|$)'
# RPM has no purge, and the folders of fish are not ours.
if [ "$kind" = rpm ]; then wanted="$wanted|^> /etc/(default/)?prefetch_exporter|^> /usr/share/(fish|zsh)(/[a-z_.-]*)?$"; fi
! grep -Ev "$wanted|^> /etc/(passwd|group|shadow|gshadow|subuid|subgid)-$" /tmp/left || fail "more is left"
echo "== all passed"
