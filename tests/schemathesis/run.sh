#!/usr/bin/env bash
# Runs schemathesis against a gateway of its own: what the description says must be what is served.
#
# run.sh SCHEMATHESIS FILM: the command, and a film to serve. SEGUE_BIN is the program.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
command=$1 film=$2
place=$(mktemp -d)
mkdir "$place/films"
cp "$film" "$place/films/"
SEGUE_HTTP_WAIT=100ms "$SEGUE_BIN" serve "$place/films" --listen 127.0.0.1:0 --data "$place/data" >"$place/out" 2>"$place/log" &
gateway=$!
trap 'kill "$gateway" 2>/dev/null || true; wait "$gateway" 2>/dev/null || true; rm -rf "$place"' EXIT
for _ in $(seq 100); do
  grep -q listening "$place/out" && break
  sleep 0.1
done
address=$(sed -n 's/^listening on //p' "$place/out")
[ -n "$address" ] || { cat "$place/log" >&2; exit 1; }
# Streams never end, a socket is no answer, and a source whose bytes nobody sends breaks off: those are tested where they are.
# It keeps what it learns where it runs.
cd "$place"
SCHEMATHESIS_HOOKS=hooks PYTHONPATH="$here" PYTHONDONTWRITEBYTECODE=1 "$command" --config-file "$here/schemathesis.toml" run "$address/openapi.json" \
  --exclude-path-regex '(/events|/wants|/requests|/socket|/original)$' --max-examples "${EXAMPLES:-15}" --seed "${SEED:-1}" \
  --workers 2 --request-timeout 10 --continue-on-failure --no-color --max-time "${SECONDS_AT_MOST:-75}" ||
  { tail -20 "$place/log" >&2; exit 1; }
