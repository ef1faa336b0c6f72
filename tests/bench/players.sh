#!/usr/bin/env bash
# players.sh: our player beside those of npm and the browser's own, in headless Chromium: start, ladder, seeks, faults, a link that
# drops, memory, size. SEGUE_BIN names the program that cuts the films; BENCH the folder for them, in memory where there is room,
# else on disk; RUNS how often what varies is measured (3); PLAYERS and MEASURES some of them, as "Segue,hls.js" and "start,seek".
# All of it takes half an hour.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
if [ -z "${BENCH:-}" ]; then
  room=$(df --output=avail -BG /dev/shm 2>/dev/null | tail -1 | tr -dc '0-9' || true)
  if [ "${room:-0}" -ge 6 ]; then BENCH=/dev/shm/segue-bench; else BENCH=${TMPDIR:-/tmp}/segue-bench; fi
fi
export BENCH
"$here/inputs.sh" "$BENCH" f g h
cd "$here/../../player"
exec node_modules/.bin/vite-node bench/run.ts
