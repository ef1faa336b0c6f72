#!/usr/bin/env bash
# inputs.sh FOLDER [LETTER...]: makes the films that the benches use, those that are not there yet; a to e without a letter, 2.2 GiB.
#
#   a  1.06 GiB, 14 min of 720p H.264 and AAC at 10 Mbit/s, 2 s GOPs, B-frames, moov in front
#   b  637 MiB, 3 h of 360p at 0.5 Mbit/s, one sample a chunk, 776,000 samples, moov behind
#   c  121 MiB of 720p HEVC and AAC, moov in front
#   d  294 MiB, 4 min of a in fragments of 2 s
#   e  29 MiB, 24 s of a, moov behind: what starting up costs
#   f  31 MiB, 2 min of 720p H.264 at 2 Mbit/s and AAC at 128 kbit/s, 2 s GOPs, B-frames: what players are measured with
#   g  47 MiB, f with 240p at 0.3 and 480p at 0.8 Mbit/s beside it
#   h  152 MiB, 10 min of f
set -euo pipefail
folder=$1
shift
letters=("${@:-a}")
[ $# != 0 ] || letters=(a b c d e)
mkdir -p "$folder"

ff() { ffmpeg -hide_banner -loglevel error -nostdin -y "$@"; }
noisy() { echo "testsrc2=s=$1:r=25,noise=alls=$2:allf=t"; }
tone=(-f lavfi -i "sine=f=440:r=48000")
gops=(-bf 2 -g 50 -keyint_min 50 -sc_threshold 0 -pix_fmt yuv420p)
# Every film is made under another name first: one that is there is whole.
done_as() { mv "$folder/part.mp4" "$folder/$1.mp4"; }
has() { [ -s "$folder/$1.mp4" ]; }

clip() {
  has e || {
    ff -f lavfi -i "$(noisy 1280x720 20)" "${tone[@]}" -t 24 -c:v libx264 -preset veryfast "${gops[@]}" -b:v 10M -minrate 10M -maxrate 10M -bufsize 10M \
      -nal-hrd cbr -c:a aac -b:a 128k -ac 2 "$folder/part.mp4"
    done_as e
  }
}
long() {
  has a || {
    clip
    ff -stream_loop 35 -i "$folder/e.mp4" -c copy -movflags +faststart "$folder/part.mp4"
    done_as a
  }
}
ladder() {
  has g || {
    local streams=() rates=(300 800 2000) i
    for i in 0 1 2; do
      streams+=(-map "[v$i]" "-b:v:$i" "${rates[i]}k" "-maxrate:v:$i" "$((rates[i] * 11 / 10))k" "-bufsize:v:$i" "$((rates[i] * 2))k")
    done
    ff -filter_complex "$(noisy 1280x720 14),split=3[a][b][v2];[a]scale=426:240[v0];[b]scale=854:480[v1]" "${tone[@]}" -t 24 \
      "${streams[@]}" -map 0:a -c:v libx264 -preset veryfast "${gops[@]}" -c:a aac -b:a 128k -ac 2 "$folder/short.mp4"
    ff -stream_loop 4 -i "$folder/short.mp4" -map 0 -c copy -movflags +faststart "$folder/part.mp4"
    rm "$folder/short.mp4"
    done_as g
  }
}
one_size() {
  has f || {
    ladder
    ff -i "$folder/g.mp4" -map 0:2 -map 0:a -c copy -movflags +faststart "$folder/part.mp4"
    done_as f
  }
}

for letter in "${letters[@]}"; do
  has "$letter" || echo "making film $letter in $folder" >&2
  case $letter in
    a) long ;;
    b)
      has b || {
        ff -f lavfi -i "$(noisy 640x360 6)" "${tone[@]}" -t 60 -c:v libx264 -preset veryfast "${gops[@]}" -b:v 420k -maxrate 420k -bufsize 840k \
          -c:a aac -b:a 64k -ac 2 "$folder/minute.mp4"
        ff -stream_loop 179 -i "$folder/minute.mp4" -t 10800 -c copy "$folder/part.mp4"
        rm "$folder/minute.mp4"
        done_as b
      }
      ;;
    c)
      has c || {
        ff -f lavfi -i "$(noisy 1280x720 20)" "${tone[@]}" -t 12 -c:v libx265 -preset ultrafast -pix_fmt yuv420p -tag:v hvc1 -b:v 8M \
          -x265-params "log-level=error:keyint=50:min-keyint=50:scenecut=0:bframes=2:open-gop=0" -c:a aac -b:a 128k -ac 2 "$folder/short.mp4"
        ff -stream_loop 8 -i "$folder/short.mp4" -c copy -movflags +faststart "$folder/part.mp4"
        rm "$folder/short.mp4"
        done_as c
      }
      ;;
    d)
      has d || {
        long
        ff -i "$folder/a.mp4" -t 240 -c copy -movflags +frag_keyframe+empty_moov+default_base_moof "$folder/part.mp4"
        done_as d
      }
      ;;
    e) clip ;;
    f) one_size ;;
    g) ladder ;;
    h)
      has h || {
        one_size
        ff -stream_loop 4 -i "$folder/f.mp4" -c copy -movflags +faststart "$folder/part.mp4"
        done_as h
      }
      ;;
    *) echo "error: no film called $letter" >&2; exit 2 ;;
  esac
done
