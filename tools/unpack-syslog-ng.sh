#!/usr/bin/env bash
# Unpacks Debian's syslog-ng with its libraries into a folder, for tests: its package cannot be installed
# beside rsyslog. Usage: tools/unpack-syslog-ng.sh FOLDER; then PICKET_SYSLOG_NG=FOLDER npx vitest run …
set -euo pipefail
folder=$(realpath -m "$1")
mkdir -p "$folder"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
packages=(syslog-ng-core libivykis0 libnet1 libwrap0 libjson-c5 libsystemd0 libpcre3)
apt-get download -qq "${packages[@]}" || { apt-get update -qq && apt-get download -qq "${packages[@]}"; }
for package in *.deb; do dpkg -x "$package" "$folder"; done
