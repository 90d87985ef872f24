#!/usr/bin/env bash
# Builds the nginx template on a Proxmox host: a Debian 12 container with nginx, cloudflared and the two
# scripts, turned into a template. A build that broke off is taken up again; a container that is not this
# script's own is never touched.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: build-nginx-template.sh [--dry-run] [VMID]     as root on the Proxmox host; VMID is 8011 by default

  --dry-run       print what would be done
  STORAGE         where its disk goes (vm-storage)
  BASE_STORAGE    where Debian's own template is kept (local)
  BASE_TEMPLATE   a container template to start from (the newest debian-12-standard)
  BRIDGE          network bridge (vmbr0)
  FILESERVER_IP   address that the name "fileserver" gets inside; leave it out if your DNS knows the name
TEXT
}

vmid=8011
run=()
while [ $# -gt 0 ]; do
  case "$1" in
    --help) usage; exit 0 ;;
    --dry-run) run=(echo "would run:"); shift ;;
    *[!0-9]* | '') usage >&2; exit 2 ;;
    *) vmid="$1"; shift ;;
  esac
done
storage="${STORAGE:-vm-storage}"
base_storage="${BASE_STORAGE:-local}"
bridge="${BRIDGE:-vmbr0}"
here="$(cd "$(dirname "$0")" && pwd)"
mark="tamesuke-nginx-template"

for program in pct pveam; do
  command -v "$program" >/dev/null || { echo "$program is missing: run this on the Proxmox host" >&2; exit 2; }
done

newest() { awk '{print $NF}' | grep -E '^debian-12-standard_' | sort --version-sort | tail -n 1; }

base_template() {
  if [ -n "${BASE_TEMPLATE:-}" ]; then
    echo "$BASE_TEMPLATE"
    return
  fi
  local name
  name="$(pveam list "$base_storage" | awk 'NR > 1 {sub(".*/", "", $1); print $1}' | newest || true)"
  if [ -z "$name" ]; then
    pveam update >/dev/null
    name="$(pveam available --section system | newest || true)"
    [ -n "$name" ] || { echo "pveam offers no debian-12-standard; set BASE_TEMPLATE" >&2; return 1; }
    "${run[@]}" pveam download "$base_storage" "$name" >&2
  fi
  echo "$base_storage:vztmpl/$name"
}

if config="$(pct config "$vmid" 2>/dev/null)"; then
  if ! grep -qx "hostname: $mark" <<<"$config"; then
    echo "container $vmid exists and is not this script's; nothing was changed" >&2
    exit 1
  fi
  if grep -qx 'template: 1' <<<"$config"; then
    echo "template $vmid is there already; to build it anew: pct destroy $vmid"
    exit 0
  fi
  echo "container $vmid is left from a build that broke off; going on with it"
else
  base="$(base_template)"
  "${run[@]}" pct create "$vmid" "$base" --hostname "$mark" --storage "$storage" --rootfs "$storage:8" \
    --memory 512 --cores 1 --unprivileged 1 --features nesting=1 --net0 "name=eth0,bridge=$bridge,ip=dhcp"
fi

if [ "$(pct status "$vmid" 2>/dev/null)" != "status: running" ]; then
  "${run[@]}" pct start "$vmid"
fi
"${run[@]}" pct exec "$vmid" -- mkdir -p /opt/tamesuke/bin /opt/tamesuke/etc /var/www/html
push() { "${run[@]}" pct push "$vmid" "$here/$1" "$2" --perms "$3"; }
push tamesuke-init.sh /opt/tamesuke/bin/tamesuke-init.sh 0755
push tamesuke-configure.sh /opt/tamesuke/bin/tamesuke-configure.sh 0755
push tamesuke-init.service /etc/systemd/system/tamesuke-init.service 0644
push README.md /opt/tamesuke/README.md 0644
push nginx/index.html /var/www/html/index.html 0644
push nginx/setup.sh /root/setup.sh 0755
"${run[@]}" pct exec "$vmid" -- bash /root/setup.sh "${FILESERVER_IP:-}"
"${run[@]}" pct exec "$vmid" -- rm -f /root/setup.sh
"${run[@]}" pct shutdown "$vmid" --timeout 60 --forceStop 1
"${run[@]}" pct template "$vmid"
echo "template $vmid is ready"
