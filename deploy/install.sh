#!/usr/bin/env bash
# Puts Tamesuke onto a host beside the operator's provisioner.py. Can be run again: the program, its unit
# and its documents are replaced; what the operator may have changed (env, provisioner.env, catalog.toml,
# provisioner.py) is kept. Never starts or restarts the service by itself.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: install.sh [--binary FILE] [--root DIR] [--dry-run]

  --binary FILE  the tamesuke-server program (default target/release/tamesuke-server)
  --root DIR     install below DIR, without user, virtual environment and systemd, to look at the result
  --dry-run      print what would be done
TEXT
}

here="$(cd "$(dirname "$0")/.." && pwd)"
binary="$here/target/release/tamesuke-server"
root=""
run=()
while [ $# -gt 0 ]; do
  case "$1" in
    --binary) binary="${2:?--binary needs a file}"; shift 2 ;;
    --root) root="${2:?--root needs a folder}"; shift 2 ;;
    --dry-run) run=(echo "would run:"); shift ;;
    --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
done

opt="$root/opt/tamesuke"
etc="$root/etc/tamesuke"
units="$root/etc/systemd/system"

# --- what must be there, all of it told at once ---
missing=()
[ -f "$binary" ] || missing+=("$binary; build it: cargo build --release --package tamesuke-server")
for file in provisioner.py requirements.txt catalog.toml .env.example deploy/tamesuke.service; do
  [ -f "$here/$file" ] || missing+=("$here/$file; run this from a whole checkout")
done
if [ -z "$root" ]; then
  [ "$(id -u)" -eq 0 ] || [ "${#run[@]}" -gt 0 ] || missing+=("root's rights; run it with sudo, or look with --dry-run or --root DIR")
  command -v systemctl >/dev/null || missing+=("systemd")
  python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    missing+=("Python 3.11 with venv; apt-get install python3 python3-venv")
fi
if [ "${#missing[@]}" -gt 0 ]; then
  printf 'missing: %s\n' "${missing[@]}" >&2
  exit 1
fi

replace() { # MODE FROM TO: whole or not at all, so that a running program keeps its own file
  "${run[@]}" install -m "$1" "$2" "$3.new"
  "${run[@]}" mv "$3.new" "$3"
}
keep() { # MODE FROM TO: only where the operator has none
  if [ -e "$3" ]; then
    cmp -s "$2" "$3" || echo "kept as it is: $3 (this version's: $2)"
  else
    replace "$@"
  fi
}

"${run[@]}" mkdir -p "$opt/bin" "$opt/docs" "$etc" "$units"
"${run[@]}" chmod 0755 "$opt" "$opt/bin" "$opt/docs" "$etc"
replace 0755 "$binary" "$opt/bin/tamesuke-server"
replace 0644 "$here/requirements.txt" "$opt/requirements.txt"
for document in "$here"/docs/*.md "$here/readme_provisioner.md"; do
  [ ! -f "$document" ] || replace 0644 "$document" "$opt/docs/$(basename "$document")"
done
keep 0644 "$here/provisioner.py" "$opt/provisioner.py"
keep 0644 "$here/catalog.toml" "$opt/catalog.toml"
if [ ! -e "$etc/env" ]; then
  draft="$(mktemp)"
  trap 'rm -f "$draft"' EXIT
  # Whole paths: whoever calls the program by hand stands somewhere else than the unit does.
  sed -e 's|^PYTHON=.*|PYTHON=/opt/tamesuke/venv/bin/python|' \
    -e 's|^CATALOG_FILE=.*|CATALOG_FILE=/opt/tamesuke/catalog.toml|' \
    -e 's|^PROVISIONER=.*|PROVISIONER=/opt/tamesuke/provisioner.py|' "$here/.env.example" >"$draft"
  replace 0600 "$draft" "$etc/env"
fi
"${run[@]}" chmod 0600 "$etc/env"
replace 0644 "$here/deploy/tamesuke.service" "$units/tamesuke.service"

if [ -n "$root" ]; then
  echo "installed below $root"
  exit 0
fi
id tamesuke >/dev/null 2>&1 || "${run[@]}" useradd --system --home-dir /nonexistent --shell /usr/sbin/nologin tamesuke
"$opt/venv/bin/python" -m pip --version >/dev/null 2>&1 || "${run[@]}" python3 -m venv --clear "$opt/venv"
"${run[@]}" "$opt/venv/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$opt/requirements.txt"
"${run[@]}" systemctl daemon-reload
cat <<'TEXT'
Next: fill in /etc/tamesuke/env, then
  sudo /opt/tamesuke/bin/tamesuke-server --env-file /etc/tamesuke/env check
  sudo systemctl enable --now tamesuke        # or, after an update: sudo systemctl restart tamesuke
TEXT
