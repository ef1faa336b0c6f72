#!/usr/bin/env python3
"""Times packagers on films, beside `cp` of the same film in the same round.

Wall time is of the whole program, CPU is user and system of it and its children, memory the highest resident size. Called by packagers.sh.
"""
import argparse
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import time

# What is aimed at, as multiples of cp on two cores with everything in memory: wall, CPU, and MiB where a figure is set.
GOALS = {"a": (1.2, 1.4, 16), "b": (1.5, 1.4, 40), "c": (1.2, 1.4, None), "d": (1.2, 1.4, None), "e": (1.5, 1.4, None)}


def programs(arguments):
    """Name and command of each; {film} and {out} are filled in. Segments of 4 s everywhere, picture and sound apart."""
    shaka_track = "'in={{film}},stream={0},init_segment={1}/init.mp4,segment_template={1}/$Number$.m4s,playlist_name={1}/main.m3u8'"
    found = {
        "cp": "cp {film} {out}/copy.mp4",
        "segue": f"{shlex.quote(arguments.segue)} segment {{film}} --out {{out}}/s",
        "ffmpeg hls": "ffmpeg -v error -nostdin -i {film} -map 0:v -map 0:a -c copy -f hls -hls_time 4 -hls_playlist_type vod"
        " -hls_segment_type fmp4 -var_stream_map 'v:0,agroup:a a:0,agroup:a' -master_pl_name master.m3u8"
        " -hls_segment_filename {out}/%v_%d.m4s -hls_fmp4_init_filename init_%v.mp4 {out}/%v.m3u8",
    }
    if arguments.shaka:
        # Its default read-ahead buffer is filled with zeros for every file it opens; without it, it is several times faster.
        tracks = " ".join(shaka_track.format(*pair) for pair in (("video", "v"), ("audio", "a")))
        found["shaka"] = (
            f"cd {{out}} && {shlex.quote(arguments.shaka)} {tracks} --segment_duration 4 --hls_master_playlist_output master.m3u8"
            " --mpd_output manifest.mpd --generate_static_live_mpd --io_cache_size=0 --quiet"
        )
    return found


def run(command, film, folder):
    out = os.path.join(folder, "out")
    shutil.rmtree(out, ignore_errors=True)
    os.mkdir(out)
    figures = os.path.join(folder, "figures")
    line = command.replace("{film}", shlex.quote(film)).replace("{out}", shlex.quote(out))
    # A child's own peak begins at the size of the process it was forked from: `time` is small, and this one is not.
    begin = time.perf_counter()
    process = subprocess.Popen(
        ["/usr/bin/time", "-q", "-o", figures, "-f", "%M", "sh", "-c", f"{line}"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    complaint = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"error: {line}\n{complaint.decode(errors='replace').strip()}")
    with open(figures) as file:
        memory = int(file.read().split()[-1]) / 1024
    files = sum(len(names) for _, _, names in os.walk(out))
    shutil.rmtree(out)
    return {"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "memory": memory, "files": files}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--segue", required=True)
    parser.add_argument("--shaka", default="")
    parser.add_argument("--folder", required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("films", nargs="+")
    arguments = parser.parse_args()
    commands = programs(arguments)
    for letter in arguments.films:
        film = os.path.join(arguments.folder, letter + ".mp4")
        taken = {name: [] for name in commands}
        for number in range(arguments.rounds + 1):
            for name, command in commands.items():
                figures = run(command, film, arguments.folder)
                if number > 0:  # the first round warms caches
                    taken[name].append(figures)
        size = os.path.getsize(film) / 2**20
        print(f"\n{letter}: {size:.0f} MiB, {arguments.rounds} rounds in {arguments.folder}")
        print(f"{'':12}{'wall s':>9}{'x cp':>8}{'cpu s':>9}{'x cp':>8}{'peak MiB':>10}{'files':>7}")
        for name, rounds in taken.items():
            middle = {key: statistics.median(figures[key] for figures in rounds) for key in rounds[0]}
            times = {
                key: statistics.median(figures[key] / max(copy[key], 1e-6) for figures, copy in zip(rounds, taken["cp"]))
                for key in ("wall", "cpu")
            }
            print(
                f"{name:12}{middle['wall']:9.3f}{times['wall']:8.2f}{middle['cpu']:9.3f}{times['cpu']:8.2f}"
                f"{middle['memory']:10.1f}{middle['files']:7.0f}"
            )
        wall, cpu, memory = GOALS[letter]
        print(f"{'aim':12}{'':9}{wall:8.2f}{'':9}{cpu:8.2f}" + (f"{memory:10.1f}" if memory else ""), flush=True)


if __name__ == "__main__":
    main()
