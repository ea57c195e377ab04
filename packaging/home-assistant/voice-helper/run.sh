#!/usr/bin/env bash
# Starts the service with the options that were set in Home Assistant.
set -euo pipefail

options=${OPTIONS_FILE:-/data/options.json}

option() {
    jq --raw-output --arg name "$1" '.[$name] // empty' "$options"
}

arguments=(--host 0.0.0.0 --port 10500 --voice "$(option voice)" --rate "$(option rate)" --most "$(option most)")
if [ -n "$(option number)" ]; then
    arguments+=(--number "$(option number)")
fi
if [ "$(option keep_sessions)" = true ]; then
    arguments+=(--keep-sessions /data/sessions.json)
fi
exec voice-helper serve wyoming "${arguments[@]}"
