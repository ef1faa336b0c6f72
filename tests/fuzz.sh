#!/usr/bin/env bash
# fuzz.sh [TARGET...]: runs each fuzz target of the segmenter and of the gateway for SECONDS_EACH seconds (600), all of them if none is
# named.
#
# Seeds are the fixtures and, where they are there, the real files of $SHARED/media, valid and broken, up to 64 KiB each; for `moov`
# and `moof` the bodies of those boxes; `wire` starts from nothing. What is found stays in fuzz/artifacts of the crate, and becomes a test
# of it.
set -euo pipefail
cd "$(dirname "$0")/.."
shared=${SHARED:-../shared}
seconds=${SECONDS_EACH:-600}
targets=("$@")
[ ${#targets[@]} != 0 ] || targets=(scan moov moof engine wire)

seeds=(fixtures/media/edge)
if [ -d "$shared/media" ]; then seeds+=("$shared/media/valid" "$shared/media/corrupt"); else echo "skipped: seeds from $shared/media, which is not there" >&2; fi
python3 - segmenter/fuzz/corpus "${seeds[@]}" <<'PY'
import hashlib, os, struct, sys

corpus, *folders = sys.argv[1:]
MOST = 64 << 10


def keep(target, data):
    folder = os.path.join(corpus, target)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, hashlib.sha1(data).hexdigest()), "wb") as file:
        file.write(data)


def bodies(data):
    at = 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        header = 8
        if size == 1 and at + 16 <= len(data):
            size, header = struct.unpack_from(">Q", data, at + 8)[0], 16
        if size < header:
            return
        yield kind, data[at + header : at + size]
        at += size


for folder in folders:
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), "rb") as file:
            data = file.read()
        if name.startswith("."):
            continue
        # A long file is a seed too: its start has the boxes, and samples that are cut off are one more case.
        keep("scan", data[:MOST])
        keep("engine", data[:MOST])
        fragments = 0
        for kind, body in bodies(data):
            if kind == b"moov" and len(body) <= MOST:
                keep("moov", body)
            if kind == b"moof" and len(body) <= MOST and fragments < 3:
                keep("moof", body)
                fragments += 1
PY

toolchain=()
if cargo +nightly --version >/dev/null 2>&1; then toolchain=(+nightly); else export RUSTC_BOOTSTRAP=1; fi
for target in "${targets[@]}"; do
  echo "fuzzing $target for $seconds s"
  crate=segmenter
  [ "$target" != wire ] || crate=gateway
  # The sanitizer makes everything some ten times slower: 30 s here are a few in the program.
  (cd $crate && cargo "${toolchain[@]}" fuzz run "$target" -- \
    -max_total_time="$seconds" -max_len=65536 -timeout=30 -rss_limit_mb=1024 -malloc_limit_mb=256 -print_final_stats=1 -verbosity=0)
done
