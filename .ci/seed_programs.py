#!/usr/bin/env python3
"""Builds and runs programs written against `memscope_rs::lockfree`, unchanged, three ways, and compares.

    seed_programs.py FOLDER

Each FOLDER/*.rs is built as a program of its own, and must build without a warning of memscope's making:

* real:   against memscope under the alias `memscope_rs`, as a user would;
* oracle: against memscope under a counting allocator that prints the truth; once more, optimised, for the time that the
  session's end takes;
* plain:  against the same names with nothing behind them.

In the oracle's build, what the trace says must equal what the allocator counted: allocations, bytes, frees and threads
exactly, the peak within 1% or 64 KiB per thread. Times are printed, not judged.
"""

import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
WORK = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "seed-programs"
ORACLE = ROOT / "memscope/oracle-tests"
WAYS = {
    "real": f'{{ package = "memscope", path = "{ROOT}/memscope" }}',
    "oracle": f'{{ package = "memscope-oracle-shim", path = "{ORACLE}/shims/oracle" }}',
    "timed": f'{{ package = "memscope-oracle-shim", path = "{ORACLE}/shims/oracle" }}',
    "plain": f'{{ package = "memscope-plain-shim", path = "{ORACLE}/shims/plain" }}',
}


def build(way, programs):
    """One package a way, one binary a program; returns the warnings."""
    package = WORK / way
    package.mkdir(parents=True, exist_ok=True)
    bins = "".join(f'[[bin]]\nname = "{p.stem}"\npath = "{p}"\n' for p in programs)
    (package / "Cargo.toml").write_text(
        f'[package]\nname = "seed-{way}"\nversion = "0.0.0"\nedition = "2021"\n[workspace]\n'
        f"[dependencies]\nmemscope_rs = {WAYS[way]}\n{bins}"
    )
    # The oracle's without optimisation, which would take away allocations that nobody looks at.
    profile = "dev" if way == "oracle" else "release"
    command = ["cargo", "build", "--profile", profile, "--manifest-path", str(package / "Cargo.toml")]
    env = dict(os.environ, CARGO_TARGET_DIR=str(WORK / "target"))
    done = subprocess.run(command, env=env, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"{way}: does not build:\n{done.stderr}")
    # The next build has binaries of the same names.
    kept = package / "bin"
    kept.mkdir(exist_ok=True)
    for program in programs:
        built = WORK / "target" / ("debug" if profile == "dev" else "release")
        shutil.copy2(built / program.stem, kept / program.stem)
    return set(re.findall(r"^warning: .*\n +--> .*", done.stderr, re.M))


def run(way, program):
    """Runs in an empty folder; returns (wall, cpu, stdout, stderr, folder)."""
    folder = WORK / "run" / way / program.stem
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    done = subprocess.run([WORK / way / "bin" / program.stem], cwd=folder, capture_output=True, text=True, timeout=300)
    wall = time.monotonic() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    if done.returncode:
        sys.exit(f"{way} {program.stem}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return wall, cpu, done.stdout, done.stderr, folder


def words(text):
    return {key: int(value) for key, value in re.findall(r"(\w+)=(-?\d+)", text)}


def compare(program, stdout, stderr, folder):
    """What the trace says against what the allocator counted; the failures as a list."""
    truth = words(next(line for line in stderr.splitlines() if line.startswith("oracle:")))
    traces = list(folder.glob("*/trace.bin"))
    if len(traces) != 1:
        return [f"expected one trace, found {traces}"]
    totals = WORK / "target/release/trace_totals"
    told = words(subprocess.run([totals, traces[0]], capture_output=True, text=True, check=True).stdout)
    failures = [
        f"{key}: told {told[key]}, true {truth[key]}"
        for key in ("allocations", "allocated_bytes", "frees", "freed_bytes", "threads")
        if told[key] != truth[key]
    ]
    tolerance = max(truth["peak_bytes"] / 100, 65536 * truth["threads"])
    if abs(told["peak_bytes"] - truth["peak_bytes"]) > tolerance:
        failures.append(f"peak: told {told['peak_bytes']}, true {truth['peak_bytes']} +- {tolerance:.0f}")
    for word, key in (("total allocations", "allocations"), ("threads analysed", "threads")):
        printed = re.search(rf"{word}: (\d+)", stdout)
        if printed and int(printed[1]) != truth[key]:
            failures.append(f"printed {word} {printed[1]}, true {truth[key]}")
    size = traces[0].stat().st_size
    print(
        f"  allocations {told['allocations']} = {truth['allocations']}, threads {told['threads']} = {truth['threads']}, "
        f"peak {told['peak_bytes'] / 2**20:.2f} against {truth['peak_bytes'] / 2**20:.2f} MiB "
        f"(+- {tolerance / 2**20:.2f}), samples {told['samples']}, lost {told['lost']}, trace {size / 1000:.1f} kB"
    )
    return failures


def main():
    if len(sys.argv) != 2 or not pathlib.Path(sys.argv[1]).is_dir():
        sys.exit("usage: seed_programs.py FOLDER: expected a folder with programs (*.rs)")
    programs = sorted(pathlib.Path(sys.argv[1]).resolve().glob("*.rs"))
    if not programs:
        sys.exit(f"expected programs (*.rs) in {sys.argv[1]}, found none")
    # A program's own unused variables warn whatever it is built against.
    of_its_own = build("plain", programs)
    for way in ("real", "oracle", "timed"):
        ours = build(way, programs) - of_its_own
        if ours:
            sys.exit(f"{way}: memscope makes these programs warn:\n" + "\n".join(sorted(ours)))
    env = dict(os.environ, CARGO_TARGET_DIR=str(WORK / "target"))
    totals = ["cargo", "build", "--release", "-q", "--bin", "trace_totals", "--manifest-path", str(ORACLE / "Cargo.toml")]
    subprocess.run(totals, env=env, check=True)
    failed = 0
    for program in programs:
        print(program.stem)
        real, plain, oracle = run("real", program), run("plain", program), run("oracle", program)
        print(f"  wall {real[0]:.2f} s, plain {plain[0]:.2f} s; CPU {real[1]:.2f} s, plain {plain[1]:.2f} s")
        ends = re.findall(r"^timed: (\w+)_us=(\d+)", run("timed", program)[3], re.M)
        if ends:
            print("  " + ", ".join(f"{what} {int(us) / 1000:.1f} ms" for what, us in ends))
        failures = []
        if program.stem == "resources":
            print("  " + " | ".join(line.strip(" -") for line in real[2].splitlines()[1:]))
        else:
            failures = compare(program, oracle[2], oracle[3], oracle[4])
        for failure in failures:
            print(f"  FAILED {failure}")
        failed += bool(failures)
    print(f"seed programs: {len(programs) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
