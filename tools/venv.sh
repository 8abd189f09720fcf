#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes build/venv with the packages of requirements-test.txt, once for each content of that file.
#
#   tools/venv.sh DIRECTORY
set -eu

venv=$1
requirements=$(dirname "$0")/requirements-test.txt

# The system's own Python first: its venv module is what tools/deps.sh installs.
python=''
for candidate in /usr/bin/python3 /usr/bin/python3.11 python3; do
    command -v "$candidate" >/dev/null || continue
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    echo "venv: Python 3.11 or newer is needed: run 'make deps'" >&2
    exit 1
fi

stamp="$("$python" --version) $(sha256sum <"$requirements")"
[ -f "$venv/stamp" ] && [ "$(cat "$venv/stamp")" = "$stamp" ] && exit 0

echo "venv: installing into $venv: $(sed -n 's/^\([a-z].*\)/\1/p' "$requirements" | tr '\n' ' ')"
rm -rf "$venv"
"$python" -m venv "$venv"
"$venv/bin/python" -m pip install -q --disable-pip-version-check --no-input -r "$requirements"
printf '%s\n' "$stamp" >"$venv/stamp"
