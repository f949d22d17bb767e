#!/usr/bin/env bash
# Put what the tests of pages need where it is missing: a Chromium, by Debian's packages, and axe-core beside the environment.
#
#   tools/install_browser.sh VENV_DIR
#
# axe-core (MPL-2.0) checks accessibility. It is a tool of the tests, no part of clueplus.
set -euo pipefail

AXE="axe-core@4.11.0"

[ $# -eq 1 ] || { echo "usage: tools/install_browser.sh VENV_DIR" >&2; exit 2; }
folder=$1

if ! command -v chromium >/dev/null && ! command -v chromium-browser >/dev/null && ! command -v google-chrome >/dev/null; then
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || { echo "no Chromium: install the package chromium" >&2; exit 1; }
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null
fi

if [ ! -f "$folder/node_modules/axe-core/axe.min.js" ]; then
  mkdir -p "$folder"
  npm install --silent --no-audit --no-fund --ignore-scripts --no-save --prefix "$folder" "$AXE"
fi
echo "a browser and axe-core are here"
