#!/usr/bin/env bash
# Runs inside the container that becomes the nginx template: packages, services, and nothing of this
# container's own left to be cloned. Can be run again. build-nginx-template.sh calls it.
set -euo pipefail

fileserver_ip="${1:-}"
export DEBIAN_FRONTEND=noninteractive

# The container's network comes up a few seconds after its start.
for ((try = 1; try <= 30; try++)); do
  getent hosts deb.debian.org >/dev/null && break
  [ "$try" -lt 30 ] || { echo "no name resolution inside the container after 30 s" >&2; exit 1; }
  sleep 1
done

apt-get update -qq
apt-get install -y -qq --no-install-recommends nginx curl jq ca-certificates
curl --fail --silent --show-error --location -o /usr/share/keyrings/cloudflare-main.gpg \
  https://pkg.cloudflare.com/cloudflare-main.gpg
echo "deb [signed-by=/usr/share/keyrings/cloudflare-main.gpg] https://pkg.cloudflare.com/cloudflared any main" \
  >/etc/apt/sources.list.d/cloudflared.list
apt-get update -qq
apt-get install -y -qq --no-install-recommends cloudflared

if [ -n "$fileserver_ip" ]; then
  sed -i '/[[:space:]]fileserver$/d' /etc/hosts
  echo "$fileserver_ip fileserver" >>/etc/hosts
fi
rm -f /var/www/html/index.nginx-debian.html
systemctl enable nginx.service tamesuke-init.service

# What each clone must make for itself.
apt-get clean
rm -rf /var/lib/apt/lists/* /etc/ssh/ssh_host_* /opt/tamesuke/etc/metadata.json
: >/etc/machine-id
