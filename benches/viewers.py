#!/usr/bin/env python3
"""Recording and viewing the same work with memscope and its peers: size of the file, time and peak memory of the viewer.

    cargo build --release --manifest-path benches/peers/Cargo.toml -p programs --bin memscope --bin system
    cargo build --release --manifest-path benches/peers/Cargo.toml -p jemalloc-profiling
    cargo build --release -p memscope-report
    python3 benches/viewers.py PROGRAMS REPORT [WORKLOAD SIZE]

PROGRAMS is the folder with the first three programs, REPORT the command memscope-report. Peers are heaptrack (heaptrack, heaptrack_print), jemalloc's
profiler (jeprof, or the google-pprof of gperftools) and memray (`pip install memray`; MEMRAY in the environment names the command), which records a
Python program of its own that does the like. A peer that is not installed is left out, and that is said. Every figure of a viewer is the median of
three runs; processor time and memory are the kernel's (wait4), with those of processes that the viewer starts.
"""

import glob
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

RUNS = 3
LIMIT_S = 300

# Threads that replace buffers of 16 bytes to 8 KiB at random places of a ring, as the workload `mixed` does.
PYTHON_PROGRAM = """
import random, sys, threading

def work(seed, rounds):
    numbers = random.Random(seed)
    ring = [None] * 1000
    for _ in range(rounds):
        ring[numbers.randrange(1000)] = bytearray(16 << numbers.randrange(10))

threads = [threading.Thread(target=work, args=(seed, int(sys.argv[1]))) for seed in range(30)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


def run(command, environment=None, folder=None):
    """Clock and processor time in seconds and peak memory in MiB of a command that must succeed."""
    start = time.monotonic()
    limited = ["timeout", str(LIMIT_S), *command]
    with tempfile.TemporaryFile() as errors:
        child = subprocess.Popen(
            limited, env={**os.environ, **(environment or {})}, cwd=folder, stdout=subprocess.DEVNULL, stderr=errors
        )
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        clock_s = time.monotonic() - start
        if child.returncode != 0:
            errors.seek(0)
            text = errors.read().decode(errors="replace")[-500:]
            raise SystemExit(f"{' '.join(command)}: exit code {child.returncode}: {text}")
    return clock_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def row(what, path, command, recorded_s, **options):
    """One row of the table: the viewer `command` of the file at `path`."""
    figures = [run(command, **options) for _ in range(RUNS)]
    clock_s, processor_s, peak_mib = (statistics.median(column) for column in zip(*figures))
    size = os.path.getsize(path) / 1e6
    print(f"| {what} | {recorded_s:.1f} | {size:.2f} | {clock_s:.2f} | {processor_s:.2f} | {peak_mib:.0f} |", flush=True)


def memscope(programs, report, work, folder):
    for session in ["default", "high_precision"]:
        output = os.path.join(folder, session)
        recorded_s, *_ = run([f"{programs}/memscope", *work], {"MEMSCOPE_OUTPUT": output, "SESSION": session})
        trace = os.path.join(output, "trace.bin")
        pages = os.path.join(output, "pages")
        cache = {"XDG_CACHE_HOME": os.path.join(folder, "cache")}
        row(f"memscope, `{session}`: `summary --no-cache`", trace, [report, "summary", "--no-cache", trace], recorded_s)
        row(f"memscope, `{session}`: `report --no-cache`", trace, [report, "report", "-q", "--no-cache", trace, "-o", pages], recorded_s)
        run([report, "summary", trace], cache)
        row(f"memscope, `{session}`: `report`, names kept", trace, [report, "report", "-q", trace, "-o", pages], recorded_s, environment=cache)


def heaptrack(programs, work, folder):
    if not (shutil.which("heaptrack") and shutil.which("heaptrack_print")):
        return "heaptrack"
    recorded_s, *_ = run(["heaptrack", "-o", os.path.join(folder, "heaptrack"), f"{programs}/system", *work])
    (path,) = glob.glob(os.path.join(folder, "heaptrack.*"))
    row("heaptrack: `heaptrack_print`", path, ["heaptrack_print", path], recorded_s)
    return None


def jemalloc(programs, work, folder):
    viewer = shutil.which("jeprof") or shutil.which("google-pprof")
    if viewer is None:
        return "jeprof"
    program = f"{programs}/jemalloc_profiling"
    prefix = os.path.join(folder, "jemalloc")
    settings = f"prof:true,prof_active:true,prof_accum:true,lg_prof_sample:19,prof_final:true,prof_prefix:{prefix}"
    recorded_s, *_ = run([program, *work], {"_RJEM_MALLOC_CONF": settings})
    paths = glob.glob(f"{prefix}.*.heap")
    if not paths:
        raise SystemExit("jemalloc wrote no profile")
    command = [viewer, "--text", "--lines", "--alloc_space", program, paths[0]]
    row(f"jemalloc: `{os.path.basename(viewer)} --text --lines`", paths[0], command, recorded_s)
    return None


def memray(folder):
    command = os.environ.get("MEMRAY") or shutil.which("memray")
    if not command:
        return "memray"
    program, path = os.path.join(folder, "mixed.py"), os.path.join(folder, "memray.bin")
    with open(program, "w", encoding="utf-8") as file:
        file.write(PYTHON_PROGRAM)
    recorded_s, *_ = run([command, "run", "-q", "-o", path, program, "20000"])
    row("memray, a Python program: `summary`", path, [command, "summary", path], recorded_s)
    html = os.path.join(folder, "memray.html")
    row("memray, a Python program: `flamegraph`", path, [command, "flamegraph", "-f", "-o", html, path], recorded_s)
    return None


def main():
    if len(sys.argv) not in (3, 5):
        raise SystemExit(__doc__)
    programs, report = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    work = sys.argv[3:5] or ["mixed", "100000"]
    print(f"`{' '.join(work)}`\n")
    print("| what | recorded in, s | file, MB | view, clock s | view, processor s | view, peak MiB |")
    print("| --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        memscope(programs, report, work, folder)
        absent = [heaptrack(programs, work, folder), jemalloc(programs, work, folder), memray(folder)]
    for name in filter(None, absent):
        print(f"\n{name} is not installed, and left out.")


if __name__ == "__main__":
    main()
