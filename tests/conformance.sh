#!/usr/bin/env bash
# conformance.sh MEDIA INDEX: every file of MEDIA through `segue segment`, read back through its playlist and compared with
# the source sample by sample, by a checker that shares no code with us. What is expected of a file stands in INDEX.
#
# The checker and the large set of real files are optional: without them one line says what was skipped, and tests/media
# still compares every fixture with what FFmpeg reads from the source.
set -euo pipefail
media=$1 index=$2
checker=${SHARED:-../shared}/tools/conformance.py
for path in "$checker" "$media" "$index"; do
  [ -e "$path" ] || { echo "skipped: conformance over $media, because $path is not there" >&2; exit 0; }
done
echo "conformance over $media" >&2
# A hostile size is refused, not allocated; no file of these sets needs more than a moment. A refusal is an error and perhaps a hint.
python3 "$checker" --media "$media" --index "$index" --ours "$SEGUE_BIN segment {in} --out {outdir}" \
  --jobs "$(nproc)" --timeout 10 --rss 256 --error-lines 2 --quiet
