#!/usr/bin/env bash
# Writes the tunnel's service from the fetched metadata and starts it. Can be run again at any time.
# The token goes into a file that root alone can read, never onto a command line, into a unit or a log.
set -euo pipefail

root="${TAMESUKE_ROOT:-}"
metadata="$root/opt/tamesuke/etc/metadata.json"
units="$root/etc/systemd/system"
own="$root/etc/tamesuke"

token="$(jq --raw-output '.tunnel_token | strings' "$metadata")"
application="$(jq --raw-output '.oss_type | strings' "$metadata")"
case "$token" in
  '' | null) echo "the metadata has no tunnel_token" >&2; exit 1 ;;
  *[!A-Za-z0-9+/=_-]*) echo "the metadata's tunnel_token is malformed" >&2; exit 1 ;;
esac

mkdir -p "$own" "$units"
chmod 0700 "$own"
(umask 077; printf 'TUNNEL_TOKEN=%s\n' "$token" >"$own/tunnel.env.new")
mv "$own/tunnel.env.new" "$own/tunnel.env"
cat >"$units/cloudflared.service.new" <<'UNIT'
[Unit]
Description=Cloudflare Tunnel of this trial
After=network-online.target
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
Type=notify
TimeoutStartSec=60
EnvironmentFile=/etc/tamesuke/tunnel.env
ExecStart=/usr/bin/cloudflared --no-autoupdate --protocol http2 tunnel run
Restart=on-failure
RestartSec=5

[Install]
WantedBy=multi-user.target
UNIT
mv "$units/cloudflared.service.new" "$units/cloudflared.service"
systemctl daemon-reload
systemctl enable cloudflared.service
# Not waited for: the service tries again by itself until the tunnel stands.
systemctl restart --no-block cloudflared.service
echo "the tunnel of this ${application:-unnamed} trial is configured"
