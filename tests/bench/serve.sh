#!/usr/bin/env bash
# serve.sh: `segue serve` beside nginx that sends the files of `segue segment`.
#
# First with its memory for segments as it is, over the loopback to `wrk`: segments and bytes a second. Then with none of it, so that every
# request is rendered from the film: bytes for each second of CPU time of the server on one core, with 64 connections and the load on
# another. (`wrk` reads 8 KiB at a time, so it is the limit of what goes through; what a byte costs the server it does not change.) Then how
# long a player waits for the first byte of a segment of three hours.
#
# nginx-vod-module, which renders on demand too, is in no package registry: measured elsewhere on such a machine it gives 0.9 to 1.3 GB
# for a second of CPU, and the mark is three times that. All is done ROUNDS times (3) for SPAN seconds (5); medians are printed. SEGUE_BIN
# names the program, BENCH the folder of films.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bench=${BENCH:-/dev/shm/segue-bench}
rounds=${ROUNDS:-3} span=${SPAN:-5}
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
  "$SEGUE_BIN" segment "$path" --out "$work/www/${film%:*}" 2>/dev/null
done

# On a core of its own where there are two. Called in a process of its own, which it becomes.
pin() { if [ "$(nproc)" -gt 1 ]; then exec taskset -c "$@"; else exec "${@:2}"; fi; }

# serve DATA HOT: starts a gateway with so much memory for segments; `segue` is its address, `server` its process.
serve() {
  mkfifo "$work/said-$1"
  SEGUE_CACHE_HOT=$2 pin 0 "$SEGUE_BIN" serve "$work/films" --listen 127.0.0.1:0 --data "$work/$1" >"$work/said-$1" 2>"$work/$1.log" &
  server=$!
  pids+=("$server")
  read -r said <"$work/said-$1"
  segue=${said#listening on }
}
serve kept 512MiB

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >"$work/nginx.conf" <<CONF
daemon off; pid $work/nginx.pid; error_log $work/nginx.log; worker_processes 1;
events { worker_connections 1024; }
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
clip=$(id_of clip) long=$(id_of long)

paths() { (cd "$work/www/$1" && find . -name '*.m4s' | sort -V | sed -n "1,$2s#^\./##p"); }
lua() { # every path in turn
  printf 'local paths = {\n'
  sed "s#.*#\"$1/&\",#"
  printf '}\nlocal at = 0\nrequest = function() at = at %% #paths + 1; return wrk.format("GET", paths[at]) end\n'
}
load() { pin 1 wrk -t1 "-c$3" -d"${span}s" -s "$1" "$2" | awk '/Requests\/sec/ { r = $2 } /Transfer\/sec/ { t = $2 } END { print r, t }'; }

for film in clip long; do
  id=$clip
  [ $film = clip ] || id=$long
  paths $film 400 | lua "/v1/media/$id" >"$work/segue.lua"
  paths $film 400 | lua "/$film" >"$work/nginx.lua"
  : >"$work/figures"
  for _ in $(seq "$rounds"); do
    echo "segue $(load "$work/segue.lua" "$segue" 16)" >>"$work/figures"
    echo "nginx $(load "$work/nginx.lua" "http://127.0.0.1:$port" 16)" >>"$work/figures"
  done
  python3 - "$film" "$work/figures" <<'PY'
import statistics, sys
UNITS = {"KB": 1 / 1024, "MB": 1, "GB": 1024}
rows = [line.split() for line in open(sys.argv[2])]
middle = {}
for name in ("segue", "nginx"):
    mine = [row for row in rows if row[0] == name]
    middle[name] = (statistics.median(float(row[1]) for row in mine), statistics.median(float(row[2][:-2]) * UNITS[row[2][-2:]] for row in mine))
    print(f"{sys.argv[1]}: {name:6} {middle[name][0]:9.0f} segments/s {middle[name][1]:8.0f} MiB/s")
print(f"{sys.argv[1]}: segue / nginx {middle['segue'][1] / middle['nginx'][1]:.2f}")
PY
done

# Seconds of CPU time that processes have used.
cpu() { for pid in "$@"; do cut -d' ' -f14,15 "/proc/$pid/stat"; done | awk -v hz="$(getconf CLK_TCK)" '{ t += $1 + $2 } END { print t / hz }'; }
# costs NAME LUA ADDRESS PROCESS...: a line with bytes and seconds of CPU.
costs() {
  local name=$1 lua=$2 address=$3 before
  shift 3
  before=$(cpu "$@")
  echo "$name $(load "$lua" "$address" 64) $before $(cpu "$@")" >>"$work/figures"
}

serve passing 0B
mapfile -t workers < <(pgrep -P "$nginx")
echo
for film in large small long; do
  id=$(id_of $film)
  paths $film 400 | lua "/v1/media/$id" >"$work/segue.lua"
  paths $film 400 | lua "/$film" >"$work/nginx.lua"
  : >"$work/figures"
  for _ in $(seq "$rounds"); do
    costs segue "$work/segue.lua" "$segue" "$server"
    costs nginx "$work/nginx.lua" "http://127.0.0.1:$port" "${workers[@]}"
  done
  python3 - $film "$work/figures" "$span" <<'PY'
import statistics, sys
WORDS = {"large": "large chunks", "small": "one sample a chunk, 10 Mbit/s", "long": "one sample a chunk, 0.5 Mbit/s"}
UNITS = {"KB": 2**10, "MB": 2**20, "GB": 2**30}
rows = [line.split() for line in open(sys.argv[2])]
cost = lambda row: float(row[2][:-2]) * UNITS[row[2][-2:]] * float(sys.argv[3]) / 1e9 / max(float(row[4]) - float(row[3]), 0.01)
found = {name: statistics.median(cost(row) for row in rows if row[0] == name) for name in ("segue", "nginx")}
print(f"rendering on demand, cache off, {WORDS[sys.argv[1]]}: {found['segue']:.2f} GB for a second of CPU; nginx, the files: {found['nginx']:.2f}")
PY
done
echo "nginx-vod-module, rendering on demand, measured elsewhere: 0.9 to 1.3; three times that is 2.7 to 3.9"

# The gateway knows of the film, and has nothing of it in memory.
serve fresh 512MiB
id=$(id_of long)
first() { curl -s -o /dev/null -w '%{time_starttransfer}\n' "$segue/v1/media/$id/v1/$1.m4s"; }
echo
echo "first byte of a segment of 3 h, the film not opened yet: $(first 1371) s (aim 0.050)"
printf 'first byte of a segment of 3 h, the film open, never asked for before: '
for number in $(seq 100 100 2600); do first "$number"; done | sort -n | awk '{ t[NR] = $1 } END { print t[int((NR + 1) / 2)], "s, at most", t[NR], "s (aim 0.005)" }'
