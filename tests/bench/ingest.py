#!/usr/bin/env python3
"""Bytes on their way in, over lo: how soon what is sent can be watched, how fast it is taken, and what that costs in memory.

1. A film of 1.1 GiB with its `moov` behind, sent by `segue upload` over a link of 20 Mbit/s: how long from the upload's first byte to the
   first segment, and from asking for a place that has not been sent to having its segment.
2. As fast as it goes: `segue upload`, and one PATCH by curl, beside the same bytes through a socket into a file that is synced at the
   end, in turns on the same disk.
3. Memory of the gateway's own for one upload, and for a hundred at once.
4. How long answers take from memory while a medium of ten thousand chunks is taken away, beside when nothing is.

ingest.py FILMS: the folder that inputs.sh fills; SEGUE_BIN names the program, DISK the folder that is written to, ROUNDS how often the
second is done (3).
"""
import http.client
import json
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

SEGUE = os.environ["SEGUE_BIN"]
ROUNDS = int(os.environ.get("ROUNDS", "3"))
# Bytes a second of a link of 20 Mbit/s.
LINK = 20_000_000 // 8
MEBI = 1 << 20


class Gateway:
    """A gateway with no films, over a data folder of its own."""

    def __init__(self, place, name, settings=""):
        self.folder = pathlib.Path(place) / name
        (self.folder / "films").mkdir(parents=True)
        command = [SEGUE, "serve", str(self.folder / "films"), "--listen", "127.0.0.1:0", "--data", str(self.folder / "data")]
        config = self.folder / "segue.toml"
        config.write_text('[store]\nquota = "64GiB"\nshare = "64GiB"\n' + settings)
        self.log = open(self.folder / "log", "w")
        self.process = subprocess.Popen([*command, "--config", str(config)], stdout=subprocess.PIPE, stderr=self.log, text=True)
        self.address = self.process.stdout.readline().split()[-1]
        self.port = int(self.address.rsplit(":", 1)[1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder)

    def json(self, path):
        with urllib.request.urlopen(self.address + path) as reply:
            return json.load(reply)

    def own(self):
        """Bytes of memory that are the process's own."""
        lines = pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) * 1024

    def only(self):
        """The only medium, once there is one."""
        return until(lambda: next(iter(self.json("/v1/media")["items"]), None), 60)

    def segment(self, medium, number):
        """Asks until a segment of the picture is there; how long that took, and its bytes."""
        begin = time.perf_counter()
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", self.port)
            connection.request("GET", f"/v1/media/{medium}/v1/{number}.m4s")
            reply = connection.getresponse()
            size = len(reply.read())
            connection.close()
            if reply.status == 200:
                return time.perf_counter() - begin, size
            if time.perf_counter() - begin > 60:
                sys.exit(f"error: segment {number} does not come: {reply.status}")
            time.sleep(0.005)


class Link:
    """Leads to a gateway, and lets through so many bytes a second towards it, all connections together."""

    def __init__(self, port, rate):
        self.target, self.rate, self.lock = port, rate, threading.Lock()
        self.first = self.free = None
        self.sent = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        # What waits on the way is short: a window is settled as a connection begins.
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 << 10)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            server = socket.create_connection(("127.0.0.1", self.target))
            for one in (client, server):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.forth, args=(client, server), daemon=True).start()
            threading.Thread(target=self.back, args=(server, client), daemon=True).start()

    def forth(self, client, server):
        try:
            while piece := client.recv(8 << 10):
                with self.lock:
                    now = time.perf_counter()
                    self.first = self.first or now
                    self.free = max(self.free or now, now) + len(piece) / self.rate
                    self.sent += len(piece)
                    wait = self.free - now
                time.sleep(max(wait, 0))
                server.sendall(piece)
            server.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    @staticmethod
    def back(server, client):
        try:
            while piece := server.recv(64 << 10):
                client.sendall(piece)
            client.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def until(ask, patience):
    end = time.perf_counter() + patience
    while time.perf_counter() < end:
        if (answer := ask()) is not None:
            return answer
        time.sleep(0.002)
    sys.exit("error: waited in vain")


def told(what, value):
    print(f"{what:<66} {value}", flush=True)


def timeline(film):
    """Bytes of the `moov`."""
    with open(film, "rb") as file:
        while head := file.read(16):
            size, kind = int.from_bytes(head[:4], "big"), head[4:8]
            size = int.from_bytes(head[8:], "big") if size == 1 else size
            if kind == b"moov":
                return size
            file.seek(size - len(head), os.SEEK_CUR)
    sys.exit("error: no moov")


def over_a_link(place, film):
    with Gateway(place, "link") as gateway:
        link = Link(gateway.port, LINK)
        sending = subprocess.Popen(
            [SEGUE, "upload", str(film), "--to", f"http://127.0.0.1:{link.port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        medium = gateway.only()["id"]
        _, size = gateway.segment(medium, 1)
        first, alone = time.perf_counter() - link.first, (timeline(film) + size) / LINK
        told("first byte of an upload to the first segment, moov behind", f"{first:.2f} s, of which the link takes {alone:.2f} s for moov and segment")
        count = len(gateway.json(f"/v1/media/{medium}/manifest.json")["renditions"][0]["segments"].get("durations", [])) or 200
        for part in (0.9, 0.3, 0.6):
            seek, size = gateway.segment(medium, int(count * part))
            told(f"seek to {part:.0%} of a film of which {link.sent / film.stat().st_size:.1%} is sent", f"{seek:.2f} s, of which the link takes {size / LINK:.2f} s")
        told("all of the film would take over this link", f"{film.stat().st_size / LINK:.0f} s")
        sending.kill()
        sending.wait()


def piped(film, out):
    """The same bytes through a socket into a file that is synced: what a gateway can't do faster."""
    listener = socket.create_server(("127.0.0.1", 0))
    begin = time.perf_counter()
    sender = subprocess.Popen(
        [sys.executable, "-c", "import socket, sys\ns = socket.create_connection(('127.0.0.1', int(sys.argv[1])))\ns.sendfile(open(sys.argv[2], 'rb'))",
         str(listener.getsockname()[1]), str(film)]
    )
    connection, _ = listener.accept()
    buffer = memoryview(bytearray(MEBI))
    with open(out, "wb", buffering=0) as file:
        while size := connection.recv_into(buffer):
            file.write(buffer[:size])
        os.fsync(file.fileno())
    sender.wait()
    return time.perf_counter() - begin


def by_command(gateway, film):
    begin = time.perf_counter()
    subprocess.run([SEGUE, "upload", str(film), "--to", gateway.address], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - begin


def create(gateway, length):
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port)
    connection.request("POST", "/v1/uploads", headers={"tus-resumable": "1.0.0", "upload-length": str(length)})
    reply = connection.getresponse()
    reply.read()
    connection.close()
    return reply.headers["location"]


def by_curl(gateway, film):
    begin = time.perf_counter()
    path = create(gateway, film.stat().st_size)
    url = path if path.startswith("http") else gateway.address + path
    headers = ["tus-resumable: 1.0.0", "content-type: application/offset+octet-stream", "upload-offset: 0", "expect:"]
    command = ["curl", "-sS", "--fail", "-X", "PATCH", "-T", str(film), *[word for header in headers for word in ("-H", header)], url]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


def as_fast_as_it_goes(place, film):
    times = {"socket into a synced file": [], "segue upload": [], "one PATCH by curl": []}
    most = 0
    for _ in range(ROUNDS):
        out = pathlib.Path(place) / "piped"
        times["socket into a synced file"].append(piped(film, out))
        out.unlink()
        for name, send in (("segue upload", by_command), ("one PATCH by curl", by_curl)):
            with Gateway(place, "fast") as gateway:
                before = gateway.own()
                watching = Watching(gateway)
                times[name].append(send(gateway, film))
                most = max(most, watching.end() - before)
    size = film.stat().st_size / 1e6
    base = statistics.median(times["socket into a synced file"])
    for name, runs in times.items():
        told(f"{name}, {size:.0f} MB", f"{size / statistics.median(runs):5.0f} MB/s, {base / statistics.median(runs):.2f} of the first")
    told("memory for one upload", f"{most / MEBI:.0f} MiB at most")


class Watching:
    """Watches how much memory a gateway takes, from another thread."""

    def __init__(self, gateway):
        self.gateway, self.most, self.over = gateway, 0, threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.over.wait(0.01):
            self.most = max(self.most, self.gateway.own())

    def end(self):
        self.over.set()
        self.thread.join()
        return self.most


def many(place, film, count):
    with Gateway(place, "many") as gateway:
        before = gateway.own()
        watching = Watching(gateway)
        clients = [threading.Thread(target=slowly, args=(gateway, film)) for _ in range(count)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        most = watching.end() - before
        told(f"memory for {count} uploads at once", f"{most / MEBI:.0f} MiB at most, {most / MEBI / count:.2f} MiB each")


def slowly(gateway, film):
    """Sends a film by one request, some of it at a time."""
    size = film.stat().st_size
    path = create(gateway, size)
    connection = socket.create_connection(("127.0.0.1", gateway.port))
    path = path[path.index("/v1"):]
    head = f"PATCH {path} HTTP/1.1\r\nhost: lo\r\ntus-resumable: 1.0.0\r\nupload-offset: 0\r\ncontent-type: application/offset+octet-stream\r\n"
    connection.sendall(f"{head}content-length: {size}\r\n\r\n".encode())
    with open(film, "rb") as file:
        while piece := file.read(256 << 10):
            connection.sendall(piece)
            time.sleep(0.02)
    reply = connection.recv(4096)
    if b" 204 " not in reply:
        sys.exit(f"error: {reply.decode(errors='replace')}")
    connection.close()


def while_evicting(place, watched, evicted):
    """The 99th percentile of hot reads, in milliseconds, with and without an eviction under way."""
    with Gateway(place, "evict", 'chunk = "64KiB"\nsync = "process"\n[retention]\nmovie = "2s"\n') as gateway:
        by_command(gateway, watched)
        address = f"{gateway.address}/v1/media/{gateway.only()['id']}/v1/init.mp4"
        urllib.request.urlopen(address).close()
        send = [SEGUE, "upload", str(evicted), "--to", gateway.address, "--type", "movie"]
        subprocess.run(send, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        path = next(item["id"] for item in gateway.json("/v1/media")["items"] if item["type"] == "movie")
        state = lambda: gateway.json(f"/v1/media/{path}")["state"]
        if state() == "expired":
            sys.exit("error: it went before it was looked at")
        busy = tail(address, 15)
        if state() != "expired":
            sys.exit("error: it did not go")
        quiet = tail(address, 15)
        chunks = -(-evicted.stat().st_size // (64 << 10))
        told(f"99 % of hot reads while {chunks} chunks are evicted", f"{busy:.2f} ms; {quiet:.2f} ms with nothing else to do")


def tail(address, seconds):
    out = subprocess.run(["wrk", "-t1", "-c16", f"-d{seconds}s", "--latency", address], check=True, capture_output=True, text=True).stdout
    word = next(line.split()[1] for line in out.splitlines() if line.split()[:1] == ["99%"])
    units = {"us": 0.001, "ms": 1, "s": 1000}
    unit = next(unit for unit in units if word.endswith(unit))
    return float(word.removesuffix(unit)) * units[unit]


def main():
    films = pathlib.Path(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="segue-ingest-", dir=os.environ.get("DISK")) as place:
        behind = pathlib.Path(place) / "behind.mp4"
        subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-i", films / "a.mp4", "-c", "copy", behind], check=True)
        over_a_link(place, behind)
        as_fast_as_it_goes(place, behind)
        behind.unlink()
        many(place, films / "e.mp4", 100)
        while_evicting(place, films / "e.mp4", films / "b.mp4")


if __name__ == "__main__":
    main()
