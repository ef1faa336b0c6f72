#!/usr/bin/env bash
# ingest.sh: what ingest.py measures, with the films of inputs.sh made first. BENCH is their folder, SEGUE_BIN the program, and DISK the
# folder that uploads are written to: on a disk, for memory is no disk.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bench=${BENCH:-/dev/shm/segue-bench}
"$here/inputs.sh" "$bench" a b e
exec "$here/ingest.py" "$bench"
