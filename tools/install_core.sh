#!/usr/bin/env bash
# Put clueplus without any extra into a virtual environment: what an ordinary user gets from `pip install clueplus`.
#
#   tools/install_core.sh VENV_DIR
set -euo pipefail

venv=${1:?usage: tools/install_core.sh VENV_DIR}
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
[ -x "$venv/bin/python" ] || "${PYTHON:-python3}" -m venv "$venv"
[ -x "$venv/bin/uv" ] || "$venv/bin/python" -m pip install -qq --disable-pip-version-check uv
"$venv/bin/uv" pip install --quiet --python "$venv/bin/python" --editable "$root"
