#!/usr/bin/env bash
# container_check.sh [docker|podman]: build the image, run it as hardened as it is meant to be run, ask it for a summary,
# stop it. Fails when any of it does. Needs a container engine and the base image.
set -euo pipefail
cd "$(dirname "$0")/.."

engine=${1:-$(command -v docker podman | head -n 1)}
[ -n "$engine" ] || { echo "no container engine is installed" >&2; exit 1; }
port=${PORT:-8080}
name=precis-check-$$
"$engine" build -q -t precis . > /dev/null
trap '"$engine" rm -f "$name" > /dev/null 2>&1 || true' EXIT
"$engine" run -d --name "$name" -p "127.0.0.1:$port:8080" --read-only --tmpfs /tmp:rw,noexec,nosuid,nodev,size=64m \
  --cap-drop ALL --security-opt no-new-privileges --memory "${MEM:-512m}" --pids-limit 256 precis > /dev/null

for _ in $(seq 120); do
  if curl -fsS "http://127.0.0.1:$port/v1/models" > /dev/null 2>&1; then ready=1; break; fi
  sleep 0.5
done
[ -n "${ready:-}" ] || { "$engine" logs "$name" 2>&1 | tail -n 30 >&2; echo "not ready within 60 s" >&2; exit 1; }
curl -fsS "http://127.0.0.1:$port/v1/summarize" -H 'Content-Type: application/json' \
  -d '{"text": "The bridge opened on Monday. It had been closed since March.", "translate_to": ["es"]}' | grep -q '"status":"ok"'
"$engine" exec "$name" id -u | grep -qx 10001
"$engine" stop -t 30 "$name" > /dev/null
status=$("$engine" inspect "$name" --format '{{.State.ExitCode}}')
echo "exit status after SIGTERM: $status"
[ "$status" = 0 ]
