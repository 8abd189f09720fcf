#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs with apt what a goal of the Makefile needs and this machine lacks, and says so first.
#
#   tools/deps.sh SET...      SET: build, wheel, test, servers, demo, bench, peers, check
#
# Does nothing, and needs no network, when everything is there. DEPS=skip turns it off.
set -eu

[ "${DEPS:-}" = skip ] && exit 0

build='gcc libc6-dev pkg-config meson ninja-build libjpeg-dev libspng-dev libwebp-dev libsqlite3-dev
       libjansson-dev libyaml-dev nettle-dev libseccomp-dev libcurl4-openssl-dev'
# what the modules that speak gRPC are built with; without it they are left out
grpc='libgrpc-dev libprotobuf-c-dev protobuf-c-compiler'
photos='mate-backgrounds plasma-workspace-wallpapers'
# The pinned Pillow needs Python 3.11; where the system's python3 is older, 3.11 stands beside it.
if [ -x /usr/bin/python3 ] && ! /usr/bin/python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    python='python3.11 python3.11-venv python3.11-dev python3-dev'
else
    python='python3 python3-venv python3-dev'
fi

# what builds and runs the kernels of 64-bit ARM elsewhere
arm=''
[ "$(uname -m)" = aarch64 ] || arm='gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user'

wanted=''
sets=''
for set in "$@"; do
    case $set in
    build) wanted="$wanted $build" ;;
    wheel) wanted="$wanted $build $grpc $python" ;;
    # servers: Triton's Python backend is linked with the libpython that comes with python3-dev
    test | servers) wanted="$wanted $build $grpc $python g++ libcmocka-dev nginx-light openssl $photos" ;;
    demo) wanted="$wanted $build $python $photos" ;;
    bench) wanted="$wanted $build $python $photos libjpeg-turbo-progs" ;;
    # peers: what Pillow-SIMD is compiled with; the FFmpeg that SPDL looks for, whichever version there is
    peers) wanted="$wanted $build $python $photos libjpeg-turbo-progs zlib1g-dev ffmpeg" ;;
    check) wanted="$wanted $build $grpc $python g++ libcmocka-dev nginx-light openssl clang clang-format clang-tidy $arm" ;;
    *)
        echo "deps: unknown set '$set' (build, wheel, test, servers, demo, bench, peers, check)" >&2
        exit 2
        ;;
    esac
    sets="$sets $set"
done

installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Sets `missing` to those of `wanted` that are not installed, each once.
find_missing() {
    missing=''
    for package in $wanted; do
        case " $missing " in *" $package "*) continue ;; esac
        installed "$package" || missing="$missing $package"
    done
    missing=${missing# }
}

# clang's sanitizer and fuzzer libraries: a package of their own from Debian 12 on.
clang_runtime_missing() {
    case " $sets " in *' check '*) ;; *) return 1 ;; esac
    command -v clang >/dev/null || return 1
    ! ls "$(clang -print-resource-dir)"/lib/*/libclang_rt.fuzzer* >/dev/null 2>&1
}

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    echo "deps: no apt here. Install what these Debian packages hold, then use DEPS=skip:$wanted" >&2
    exit 0
fi

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

# The one line for people without root and sudo.
need_root() {
    [ "$(id -u)" = 0 ] && return
    command -v sudo >/dev/null && return
    echo "deps: neither root nor sudo. Ask for this, then run the command again:" >&2
    echo "    apt-get install --no-install-recommends $missing" >&2
    exit 1
}

apt_install() {
    # RUNLEVEL=1: a server that only tests need (nginx) is not to be started by its installation
    as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -q --no-install-recommends "$@" </dev/null
}

# Installs $missing; the package lists are fetched only if they do not know a package or are stale.
install_missing() {
    need_root
    echo "deps: installing for$sets: $missing"
    updated=no
    for package in $missing; do
        apt-cache show "$package" >/dev/null 2>&1 && continue
        as_root apt-get update -q </dev/null
        updated=yes
        break
    done
    # shellcheck disable=SC2086 # one word a package
    if ! apt_install $missing; then
        [ "$updated" = yes ] && exit 1
        as_root apt-get update -q </dev/null
        apt_install $missing
    fi
}

find_missing
[ -z "$missing" ] || install_missing
if clang_runtime_missing; then
    version=$(clang -dumpversion)
    missing=libclang-rt-${version%%.*}-dev
    install_missing
fi
