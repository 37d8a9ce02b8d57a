#!/usr/bin/env python3
"""What a service pulls in with memscope: crates counted and building time measured, in CPU seconds of the dev profile.

The number of crates is judged (it is exact); the time is printed, for it depends on the machine.
"""

import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
# features, the most third-party crates, CPU seconds aimed at
CASES = [("default features", True, 40, 30), ("no default features", False, 15, 10)]


def crates(default):
    command = ["cargo", "tree", "-p", "memscope", "-e", "normal,build", "--prefix", "none", "--locked"]
    command += [] if default else ["--no-default-features"]
    lines = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    names = {line.split()[0] for line in lines if line.strip()}
    return sorted(name for name in names if not name.startswith("memscope"))


def build_seconds(default):
    target = tempfile.mkdtemp(prefix="memscope-budget-")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = ["cargo", "build", "-q", "-p", "memscope", "--locked", "--target-dir", target]
    command += [] if default else ["--no-default-features"]
    subprocess.run(command, cwd=ROOT, check=True, env=dict(os.environ, CARGO_INCREMENTAL="0"))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    shutil.rmtree(target, ignore_errors=True)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    over = 0
    for name, default, most, aim in CASES:
        found = crates(default)
        seconds = build_seconds(default)
        verdict = "ok" if len(found) <= most else "OVER"
        print(f"{name}: {len(found)} crates of others (at most {most}: {verdict}), {seconds:.1f} CPU s to build (aim: {aim})")
        print("  " + " ".join(found))
        over += len(found) > most
    sys.exit(1 if over else 0)


if __name__ == "__main__":
    main()
