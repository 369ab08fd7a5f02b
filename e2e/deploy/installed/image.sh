#!/bin/bash
# Builds the image from the Dockerfile and starts it as Docker would: as its user,
# on a read-only root, with nothing but loopback; its health check must agree.
#
#   image.sh CONTEXT DEBIAN
#
# CONTEXT is a clone. No base image can be pulled here: a Debian with make, git and
# ca-certificates and this machine's Go, modules and build cache stands in for
# golang.
set -euo pipefail

context=$1 debian=$2
export BUILDAH_ISOLATION=chroot STORAGE_DRIVER=vfs
stand_in=localhost/prefetch_exporter-go
image=localhost/prefetch_exporter-test
work=$(mktemp -d)
containers=()
cleanup() {
    if [ ${#containers[@]} -gt 0 ]; then buildah rm "${containers[@]}" >/dev/null; fi
    buildah rmi --force "$image" "$stand_in" >/dev/null 2>&1 || true
    rm -rf "$work"
}
trap cleanup EXIT

fail() {
    echo "FAILED: $*"
    exit 1
}

step() { echo "== $*"; }

step "a stand-in for golang"
c=$(buildah from scratch)
containers+=("$c")
buildah add -q "$c" "$debian" / >/dev/null
buildah config --env PATH=/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    --env GOPATH=/go --env GOTOOLCHAIN=local "$c"
buildah commit -q "$c" "$stand_in" >/dev/null

step "the image is built"
buildah bud --quiet --format docker --build-arg GO_IMAGE="$stand_in" --tag "$image" \
    --volume "$(go env GOROOT):/usr/local/go:ro" --volume "$(go env GOMODCACHE):/go/pkg/mod" \
    --volume "$(go env GOCACHE):/root/.cache/go-build" "$context" >/dev/null
inspect() { buildah inspect --type image --format "{{$1}}" "$image"; }
[ "$(inspect .Docker.Config.User)" = 65532:65532 ] || fail "the user is $(inspect .Docker.Config.User)"
entrypoint=$(inspect 'index .Docker.Config.Entrypoint 0')
health=$(inspect 'range .Docker.Config.Healthcheck.Test}}{{.}} {{end')
environment=$(inspect 'range .Docker.Config.Env}}{{.}} {{end')
echo "entrypoint $entrypoint, health check $health, environment $environment"

step "nothing else is in it"
c=$(buildah from "$image")
containers+=("$c")
root=$(buildah mount "$c")
(cd "$root" && find . -type f | sort)
[ "$(cd "$root" && find . -type f | sort | tr '\n' ' ')" = \
    "./etc/ssl/certs/ca-certificates.crt ./prefetch_exporter ./prefetchtool " ] || fail "something else is in the image"
openssl crl2pkcs7 -nocrl -certfile "$root/etc/ssl/certs/ca-certificates.crt" | openssl pkcs7 -print_certs -noout |
    grep -c subject | sed 's/$/ roots of trust/'
du -shL --apparent-size "$root" | cut -f 1

step "its programs are those of a release of the same commit"
(cd "$context" && make --silent crossbuild CROSS="$work/cross" PLATFORMS="linux/$(go env GOARCH)")
for program in "$work"/cross/*/*; do
    cmp "$program" "$root/$(basename "$program")" || fail "$(basename "$program") differs"
done

step "it starts as Docker starts it"
cat >"$work/config.yml" <<'EOF'
accounts:
  - name: edge
    cdnetworks: {username: ops, api_key: the-api-key}
    tasks: [{id: 3ff59d129a2c40a39b9be8c9de9975d6}]
EOF
cat >"$work/start" <<EOF
set -euo pipefail
ip link set lo up
mkdir -p "$work/root"
mount --bind "$root" "$work/root"
mkdir -p "$work/root/etc/prefetch_exporter" "$work/root/proc"
cp "$work/config.yml" "$work/root/etc/prefetch_exporter/config.yml"
mount -t proc proc "$work/root/proc"
mount -t tmpfs -o uid=65532,gid=65532,mode=0700 tmpfs "$work/root/var/lib/prefetch_exporter"
mount -o remount,bind,ro "$work/root"
inside() { env -i $environment chroot --userspec=65532:65532 --groups= "$work/root" "\$@"; }
! inside /prefetchtool healthy 2>/dev/null || { echo "healthy before it runs"; exit 1; }
(exec chroot --userspec=65532:65532 --groups= "$work/root" $entrypoint --config.file=/etc/prefetch_exporter/config.yml \
    --storage.path=/var/lib/prefetch_exporter >"$work/log" 2>&1) &
for _ in \$(seq 100); do
    if inside ${health#*CMD } >/dev/null 2>&1; then break; fi
    sleep 0.1
done
inside ${health#*CMD }
curl -sS http://127.0.0.1:10186/metrics | grep '^prefetch_exporter_build_info'
kill %1
wait %1
EOF
unshare --mount --net --pid --fork bash "$work/start" || {
    cat "$work/log"
    fail "it does not start"
}
echo "== all passed"
