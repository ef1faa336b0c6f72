#!/usr/bin/env bash
# serve.sh: `segue serve` beside nginx that sends the files of `segue segment`, both on one core and the load on another, in turns.
#
# What is in memory: a manifest, one segment of 2.5 MB over and over, and the segments of a film as often as a Zipf law has them. Then a
# thousand connections that do nothing, and a thousand that read 16 kB a second: memory of the process (what is its own), and of the
# kernel for sockets. Then segments that are kept ready on disk and not in memory. Then with no memory for segments, so that every request
# is rendered from the film. Then how long a player waits for the first byte of a segment of three hours.
#
# Segments are asked for by `drain`, which copies nothing: `wrk` reads 8 KiB at a time and would be what is measured. Only figures of one run
# compare, and best the CPU time of the server for each answer, which other work on the machine hardly changes.
#
# nginx-vod-module, which renders on demand too, is in no package registry: measured elsewhere on such a machine it gives 336 to 508
# segments a second, 0.9 to 1.3 GB for a second of CPU. All is done ROUNDS times (3) for SPAN seconds (5), each with CONNECTIONS (64);
# medians are printed. SEGUE_BIN names the program, BENCH the folder of films.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bench=${BENCH:-/dev/shm/segue-bench}
rounds=${ROUNDS:-3} span=${SPAN:-5} connections=${CONNECTIONS:-64}
"$here/inputs.sh" "$bench" e b d a

# Beside the films, which are linked and not copied where that can be.
work=$(mktemp -d -p "$bench")
pids=()
stop() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  rm -rf "$work"
}
trap stop EXIT

mkdir "$work/films" "$work/www"
films=(clip:e long:b large:d small:a)
for film in "${films[@]}"; do
  path=$work/films/${film%:*}.mp4
  ln "$bench/${film#*:}.mp4" "$path" 2>/dev/null || cp "$bench/${film#*:}.mp4" "$path"
  # Two seconds of 10 Mbit/s are the 2.5 MB that a segment of 5 Mbit/s has.
  target=4s
  [ "${film%:*}" != clip ] || target=2s
  "$SEGUE_BIN" segment "$path" --out "$work/www/${film%:*}" --target $target 2>/dev/null
done
cc -O2 -o "$work/drain" "$here/drain.c"
ulimit -n "$(ulimit -Hn)"

# On a core of its own where there are two. Called in a process of its own, which it becomes.
pin() { if [ "$(nproc)" -gt 1 ]; then exec taskset -c "$@"; else exec "${@:2}"; fi; }

# serve DATA HOT [TARGET]: starts a gateway with so much memory for segments; `segue` is its address, `server` its process.
serve() {
  mkfifo "$work/said-$1"
  SEGUE_CACHE_HOT=$2 SEGUE_TARGET=${3:-4s} pin 0 "$SEGUE_BIN" serve "$work/films" --listen 127.0.0.1:0 --data "$work/$1" >"$work/said-$1" 2>"$work/$1.log" &
  server=$!
  pids+=("$server")
  read -r said <"$work/said-$1"
  segue=${said#listening on }
}
serve kept 512MiB 2s

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >"$work/nginx.conf" <<CONF
daemon off; pid $work/nginx.pid; error_log $work/nginx.log; worker_processes 1;
worker_rlimit_nofile 20000; events { worker_connections 8192; }
http {
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000; open_file_cache max=20000 inactive=60s;
  client_body_temp_path $work/b; proxy_temp_path $work/p; fastcgi_temp_path $work/f; uwsgi_temp_path $work/u; scgi_temp_path $work/s;
  server { listen 127.0.0.1:$port; root $work/www; }
}
CONF
[ "$(id -u)" != 0 ] || sed -i '1i user root;' "$work/nginx.conf"
pin 0 nginx -p "$work" -c "$work/nginx.conf" 2>"$work/nginx.log" &
nginx=$!
pids+=("$nginx")

# Addresses of the films at segue, by title; it lists a film once it knows its timeline.
id_of() {
  python3 - "$segue" "$1" <<'PY'
import json, sys, time, urllib.request
end = time.time() + 60
while time.time() < end:
    with urllib.request.urlopen(sys.argv[1] + "/v1/media") as reply:
        for item in json.load(reply)["items"]:
            if item["title"] == sys.argv[2] and item["state"] == "ready":
                print(item["id"])
                sys.exit()
    time.sleep(0.05)
sys.exit("error: segue does not list " + sys.argv[2])
PY
}
clip=/v1/media/$(id_of clip)
mapfile -t workers < <(pgrep -P "$nginx")

# Segments of a film, N at most, each below PREFIX, and how often each is asked for: `even`, or as Zipf has it.
paths() {
  (cd "$work/www/$2" && find . -path './v1/*.m4s' | sort -V | sed -n "1,${3}p") |
    awk -v prefix="$1" -v law="${4:-even}" '{ print (law == "zipf" ? 1 / NR : 1), prefix substr($1, 2) }'
}
# Seconds of CPU time that processes have used, and KiB of memory of their own.
cpu() { for pid in "$@"; do cut -d' ' -f14,15 "/proc/$pid/stat"; done | awk -v hz="$(getconf CLK_TCK)" '{ t += $1 + $2 } END { print t / hz }'; }
own() { for pid in "$@"; do grep RssAnon "/proc/$pid/status"; done | awk '{ t += $2 } END { print t }'; }
sockets() { awk '/^TCP:/ { print $NF * 4 }' /proc/net/sockstat; }

# drained NAME LIST PORT PROCESS...: a line of figures, with the CPU time of the server.
drained() {
  local name=$1 list=$2 port=$3 before
  shift 3
  before=$(cpu "$@")
  echo "$name $(pin 1 "$work/drain" load "$port" "$list" "$connections" "$span") $before $(cpu "$@")" >>"$work/figures"
}
# asked NAME URL PROCESS...: the same by wrk, for what is small.
asked() {
  local name=$1 url=$2 before
  shift 2
  before=$(cpu "$@")
  echo "$name $(pin 1 wrk -t1 "-c$connections" -d"${span}s" --latency "$url" |
    awk -v span="$span" '$1 == "50%" || $1 == "99%" { at[$1] = $2 ~ /us$/ ? $2 / 1000 : $2 + 0 } /requests in/ { n = $1 } /Non-2xx|Socket errors/ { bad = 1 }
      END { print n, 0, span, at["50%"], at["99%"], bad + 0 }') $before $(cpu "$@")" >>"$work/figures"
}
# A line for each server, of medians.
report() {
  python3 - "$1" "$work/figures" <<'PY'
import statistics, sys
rows, told = [line.split() for line in open(sys.argv[2])], {}
for name in ("segue", "nginx"):
    mine = [[float(cell) for cell in row[1:]] for row in rows if row[0] == name]
    middle = lambda what: statistics.median(what(*row) for row in mine)
    told[name] = middle(lambda n, size, time, half, most, bad, before, after: (after - before) / max(n, 1) * 1e6)
    rate, half, most = middle(lambda n, size, time, *_: n / time), middle(lambda *row: row[3]), middle(lambda *row: row[4])
    gigabytes = middle(lambda n, size, time, half, most, bad, before, after: size / 1e9 / max(after - before, 0.01))
    print(f"{sys.argv[1]:12} {name} {rate:8.0f}/s  {half:7.2f} ms, 99 % {most:7.2f}  {told[name]:7.1f} us of CPU each"
          + (f", {gigabytes:.2f} GB a second of it" if gigabytes else "") + ("  FAULTS" if any(row[5] for row in mine) else ""))
print(f"{sys.argv[1]:12} segue / nginx by CPU time: {told['nginx'] / told['segue']:.2f}\n")
PY
}
# both LABEL FILM N LAW: segments of a film at both.
both() {
  paths "/v1/media/$(id_of "$2")" "$2" "$3" "$4" >"$work/segue.list"
  paths "/$2" "$2" "$3" "$4" >"$work/nginx.list"
  : >"$work/figures"
  for _ in $(seq "$rounds"); do
    drained segue "$work/segue.list" "${segue##*:}" "$server"
    drained nginx "$work/nginx.list" "$port" "${workers[@]}"
  done
  report "$1"
}

: >"$work/figures"
for _ in $(seq "$rounds"); do
  asked segue "$segue$clip/v1/playlist.m3u8" "$server"
  asked nginx "http://127.0.0.1:$port/clip/v1/playlist.m3u8" "${workers[@]}"
done
report manifest
both segment clip 1 even
both mix clip 400 zipf

# memory LABEL MODE LIST PORT PROCESS...: what a thousand connections add.
memory() {
  local label=$1 mode=$2 list=$3 port=$4 own before most=0 queued=0 now
  shift 4
  own=$(own "$@") before=$(sockets)
  pin 1 "$work/drain" "$mode" "$port" "$list" 1000 8 16384 >/dev/null &
  local client=$!
  while kill -0 $client 2>/dev/null; do
    now=$(($(own "$@") - own)) && [ "$now" -le $most ] || most=$now
    now=$(($(sockets) - before)) && [ "$now" -le $queued ] || queued=$now
    sleep 0.5
  done
  wait $client
  echo "$label: $((most / 1024)) MiB of its own, $((most * 1024 / 1000)) bytes each; $((queued / 1024)) MiB queued in the kernel"
}
for name in segue nginx; do
  prefix=/clip at=$port processes=("${workers[@]}")
  [ $name = nginx ] || prefix=$clip at=${segue##*:} processes=("$server")
  echo "1 $prefix/v1/playlist.m3u8" >"$work/manifest.list"
  paths "$prefix" clip 1 >"$work/segment.list"
  memory "1000 idle connections, $name" hold "$work/manifest.list" "$at" "${processes[@]}"
  memory "1000 slow readers, $name" slow "$work/segment.list" "$at" "${processes[@]}"
done

# Segments as long as those of the files.
serve long 512MiB
echo
both "mix, small" long 400 zipf

# Sent, and kept as segments: each request takes its file from the disk's cache, as nginx does.
SEGUE_STORE_FORM=segments serve sealed 0B 2s
"$SEGUE_BIN" upload "$work/films/clip.mp4" --title sent --to "$segue" >/dev/null 2>&1
ln -s clip "$work/www/sent"
until [ -n "$(find "$work/sealed/segments" -name places 2>/dev/null)" ] && [ -z "$(find "$work/sealed/chunks" -type f 2>/dev/null)" ]; do sleep 0.1; done
both "on disk" sent 400 even

serve passing 0B
echo "rendered on demand, nothing kept, beside the same as files:"
both "large chunks" large 400 even
both "10 Mbit/s" small 400 even
both "0.5 Mbit/s" long 400 even
echo "nginx-vod-module, rendering on demand, measured elsewhere: 0.9 to 1.3 GB a second of CPU; three times that is 2.7 to 3.9"

# The gateway knows of the film, and has nothing of it in memory.
serve fresh 512MiB
id=$(id_of long)
first() { curl -s -o /dev/null -w '%{time_starttransfer}\n' "$segue/v1/media/$id/v1/$1.m4s"; }
echo
echo "first byte of a segment of 3 h, the film not opened yet: $(first 1371) s (aim 0.050)"
printf 'first byte of a segment of 3 h, the film open, never asked for before: '
for number in $(seq 100 100 2600); do first "$number"; done | sort -n | awk '{ t[NR] = $1 } END { print t[int((NR + 1) / 2)], "s, at most", t[NR], "s (aim 0.005)" }'
