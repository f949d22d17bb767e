#!/usr/bin/env bash
# Put clueplus without any extra into a virtual environment: what an ordinary user gets from `pip install clueplus`.
#
#   tools/install_core.sh VENV_DIR
set -euo pipefail

venv=${1:?usage: tools/install_core.sh VENV_DIR}
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
python="$venv/bin/python"
[ -x "$python" ] || "${PYTHON:-python3}" -m venv "$venv"
[ -x "$venv/bin/uv" ] || "$python" -m pip install -qq --disable-pip-version-check uv
"$venv/bin/uv" pip install --quiet --python "$python" --editable "$root"

# What every start of the command imports: compiled now, so that it starts quickly even where Python may not write
# compiled modules (PYTHONDONTWRITEBYTECODE). Compiling all packages would take minutes.
python="$(cd "$venv/bin" && pwd)/python"
libraries="$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
(cd "$libraries" && "$python" -m compileall -q "$root/clueplus" typer pydantic pydantic_core yaml annotated_types \
  typing_inspection typing_extensions.py rich annotated_doc shellingham) >/dev/null || true
