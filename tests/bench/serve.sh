#!/usr/bin/env bash
# serve.sh: segments rendered on demand by `segue serve`, beside nginx that sends the files of `segue segment`.
#
# nginx-vod-module, which renders on demand too, is in no package registry; nginx with plain files is the harder mark. Both serve the
# same bytes to `wrk` over the loopback, one after the other, ROUNDS times (3) for SPAN seconds (5); medians are printed. SEGUE_BIN names the
# program, BENCH the folder of films.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bench=${BENCH:-/dev/shm/segue-bench}
rounds=${ROUNDS:-3} span=${SPAN:-5}
"$here/inputs.sh" "$bench" e b

work=$(mktemp -d)
pids=()
stop() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  rm -rf "$work"
}
trap stop EXIT

mkdir "$work/films" "$work/www"
ln "$bench/e.mp4" "$work/films/clip.mp4" 2>/dev/null || cp "$bench/e.mp4" "$work/films/clip.mp4"
ln "$bench/b.mp4" "$work/films/long.mp4" 2>/dev/null || cp "$bench/b.mp4" "$work/films/long.mp4"
for film in clip long; do "$SEGUE_BIN" segment "$work/films/$film.mp4" --out "$work/www/$film" 2>/dev/null; done

mkfifo "$work/said"
"$SEGUE_BIN" serve "$work/films" --listen 127.0.0.1:0 --data "$work/data" >"$work/said" 2>"$work/segue.log" &
pids+=($!)
read -r said <"$work/said"
segue=${said#listening on }

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
nginx -p "$work" -c "$work/nginx.conf" 2>"$work/nginx.log" &
pids+=($!)

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
load() { wrk -t1 -c16 -d"${span}s" -s "$1" "$2" | awk '/Requests\/sec/ { r = $2 } /Transfer\/sec/ { t = $2 } END { print r, t }'; }

for film in clip long; do
  id=$clip
  [ $film = clip ] || id=$long
  paths $film 400 | lua "/v1/media/$id" >"$work/segue.lua"
  paths $film 400 | lua "/$film" >"$work/nginx.lua"
  : >"$work/figures"
  for _ in $(seq "$rounds"); do
    echo "segue $(load "$work/segue.lua" "$segue")" >>"$work/figures"
    echo "nginx $(load "$work/nginx.lua" "http://127.0.0.1:$port")" >>"$work/figures"
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
printf 'first byte of a segment in the middle of 3 h, never asked for before: '
curl -s -o /dev/null -w '%{time_starttransfer} s\n' "$segue/v1/media/$long/v1/1371.m4s"
