#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes a virtual environment with the packages of requirements-SET.txt (test, the default, or oracles),
# once for each content of these files. With `test` come those of requirements-models.txt, without what
# they themselves depend on.
#
#   tools/venv.sh DIRECTORY [SET]
set -eu

venv=$1
set=${2:-test}
requirements=$(dirname "$0")/requirements-$set.txt
models=/dev/null
[ "$set" != test ] || models=$(dirname "$0")/requirements-models.txt

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

stamp="$("$python" --version) $(cat "$requirements" "$models" | sha256sum)"
[ -f "$venv/stamp" ] && [ "$(cat "$venv/stamp")" = "$stamp" ] && exit 0

echo "venv: installing into $venv: $(sed -n 's/^\([a-z].*\)/\1/p' "$requirements" "$models" | tr '\n' ' ')"
rm -rf "$venv"
"$python" -m venv "$venv"
"$venv/bin/python" -m pip install -q --disable-pip-version-check --no-input -r "$requirements"
[ "$models" = /dev/null ] ||
    "$venv/bin/python" -m pip install -q --disable-pip-version-check --no-input --no-deps -r "$models"
printf '%s\n' "$stamp" >"$venv/stamp"
