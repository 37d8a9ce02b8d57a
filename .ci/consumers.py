#!/usr/bin/env python3
"""Each export, read by the program that it is for; what that program says is compared with the report's totals.

usage: consumers.py MEMSCOPE_REPORT TRACE

The command is to be built with the feature `parquet`. Programs that are missing are installed where that is possible (apt-get as
root, npm, pip); a consumer that cannot be had is skipped with a word why. A consumer that is there and reads something else than
the report says is a failure.
"""
import csv
import html
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

INSTALL_SECONDS = 150
RUN_SECONDS = 120
CHROMIUM = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--virtual-time-budget=20000", "--dump-dom",
]
ALLOCATED, COUNT, LIVE, PEAK = "allocated_bytes", "allocations", "live_bytes", "peak_bytes"


class Skipped(Exception):
    """A consumer that cannot be had here."""


def run(*command, seconds=RUN_SECONDS, **options):
    done = subprocess.run(command, timeout=seconds, text=True, capture_output=True, **options)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))[:200]}: exit {done.returncode}\n{done.stderr[-2000:]}")
    return done.stdout


def program(name, package):
    """The program's path; its Debian package is installed if it is missing and that is possible."""
    found = shutil.which(name)
    if found is None:
        install_package(package)
        found = shutil.which(name)
    if found is None:
        raise Skipped(f"no {name}")
    return found


def install_package(package):
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise Skipped(f"Debian's {package} is missing and cannot be installed (no root, or no apt-get)")
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    try:
        subprocess.run(["apt-get", "update", "-qq"], timeout=INSTALL_SECONDS, capture_output=True, env=environment)
        run("apt-get", "install", "-y", "-qq", "--no-install-recommends", package, seconds=INSTALL_SECONDS, env=environment)
    except (AssertionError, subprocess.TimeoutExpired) as error:
        raise Skipped(f"Debian's {package} cannot be installed: {str(error).strip().splitlines()[-1][:120]}") from None


def close(found, expected, what, slack=1.0):
    assert abs(found - expected) <= slack + expected * 1e-9, f"{what}: {found}, where the report says {expected}"


class Consumers:
    def __init__(self, report, trace, folder):
        self.report, self.trace, self.folder = report, trace, folder
        self.analysis = json.loads(self.text("json"))
        self.totals = {
            name: sum(site[name]["value"] for site in self.analysis["sites"])
            for name in (ALLOCATED, COUNT, LIVE, PEAK, "temporary_bytes", "copied_bytes")
        }

    def text(self, format, *options):
        return run(self.report, "export", "--format", format, *options, self.trace, "-o", "-")

    def file(self, format, name):
        path = os.path.join(self.folder, name)
        run(self.report, "export", "--format", format, self.trace, "-o", path)
        return path

    def python_json(self):
        """python's json"""
        totals = self.analysis["totals"]
        assert all(isinstance(value, int) for value in totals.values()), totals
        for site in self.analysis["sites"]:
            estimate = site[ALLOCATED]
            assert estimate["low"] <= estimate["value"] <= estimate["high"], estimate
        return f"{len(self.analysis['sites'])} call sites, {totals[ALLOCATED]} exact bytes"

    def python_csv(self):
        """python's csv"""
        folder = self.file("csv", "tables")
        tables = {}
        for name in sorted(os.listdir(folder)):
            with open(os.path.join(folder, name), newline="", encoding="utf-8") as file:
                rows = list(csv.DictReader(file, strict=True))
            assert all(None not in row and None not in row.values() for row in rows), name
            tables[name] = rows
        for name in (ALLOCATED, COUNT, LIVE, PEAK):
            close(sum(float(row[name]) for row in tables["sites.csv"]), self.totals[name], f"csv {name}")
        close(int(tables["session.csv"][0][ALLOCATED]), self.analysis["totals"][ALLOCATED], "csv session")
        return ", ".join(f"{name} {len(rows)}" for name, rows in tables.items())

    def folded(self):
        """a line per stack (the crate's tests have inferno draw them)"""
        for measure, name in [("allocated-bytes", ALLOCATED), ("allocations", COUNT), ("peak-bytes", PEAK)]:
            lines = self.text("folded", "--measure", measure).splitlines()
            close(sum(int(line.rsplit(" ", 1)[1]) for line in lines), self.totals[name], f"folded {measure}")
        return f"{len(lines)} stacks"

    def pprof(self):
        """go tool pprof"""
        go = program("go", "golang-go")
        path = self.file("pprof", "heap.pb.gz")
        home = dict(os.environ, HOME=self.folder, PPROF_TMPDIR=self.folder)
        raw = run(go, "tool", "pprof", "-raw", path, env=home)
        head, _, rest = raw.partition("Samples:\n")
        names, _, rest = rest.partition("\n")
        body = rest.partition("Locations\n")[0]
        names = [name.split("/")[0] for name in names.replace("[dflt]", "").split()]
        rows = [row.group(1).split() for row in re.finditer(r"^ *([\d ]+): ", body, re.M)]
        sums = dict(zip(names, (sum(int(row[at]) for row in rows) for at in range(len(names)))))
        expected = {"alloc_objects": COUNT, "alloc_space": ALLOCATED, "inuse_space": LIVE}
        for kind, name in expected.items():
            close(sums[kind], self.totals[name], f"pprof {kind}")
        tops = {}
        for kind in ("alloc_objects", "alloc_space", "inuse_objects", "inuse_space"):
            top = run(go, "tool", "pprof", "-top", "-nodecount=3", f"-sample_index={kind}", path, env=home)
            assert f"Type: {kind}" in top and "flat%" in top, top
            tops[kind] = top.splitlines()
        tags = run(go, "tool", "pprof", "-tags", "-sample_index=alloc_space", path, env=home)
        assert "thread:" in tags, tags
        busiest = max(self.analysis["threads"], key=lambda thread: thread[ALLOCATED])["name"]
        assert busiest in tags, f"no {busiest!r} in\n{tags}"
        if self.analysis["scopes"]:
            assert "scope:" in tags, tags
        assert "[FN]" in raw and re.search(r"[0-9a-f]{40} \[FN\]", raw), "a mapping with its build id"
        assert not re.search(r"M=\d+ ::", raw), "pprof cut the names of Rust's impl blocks"
        first = next(line for line in tops["alloc_space"] if "%" in line and "Showing" not in line and "Dropped" not in line and "flat%" not in line)
        return f"{len(rows)} samples, {sums['alloc_space']} bytes; -top: {' '.join(first.split())[:90]}"

    def chromium(self, url):
        browser = program("chromium", "chromium")
        with tempfile.TemporaryDirectory(dir=self.folder) as profile:
            dom = run(browser, *CHROMIUM, f"--user-data-dir={profile}", url)
        dom = re.sub(r"<(script|style).*?</\1>", "", dom, flags=re.S)
        return html.unescape(re.sub(r"<[^>]*>", "\n", dom))

    def speedscope(self):
        """speedscope in chromium"""
        npm = program("npm", "npm")
        folder = os.path.join(self.folder, "npm")
        os.makedirs(folder, exist_ok=True)
        package = os.path.join(folder, "node_modules", "speedscope", "dist", "release")
        try:
            run(npm, "install", "--silent", "--ignore-scripts", "--prefix", folder, "speedscope@1", seconds=INSTALL_SECONDS)
        except (AssertionError, subprocess.TimeoutExpired):
            raise Skipped("npm cannot install speedscope (no network?)") from None
        profile = json.loads(self.text("speedscope"))
        self.check_schema(os.path.join(package, "file-format-schema.json"), profile)
        import base64
        encoded = base64.b64encode(json.dumps(profile).encode()).decode()
        loader = os.path.join(self.folder, "profile.js")
        with open(loader, "w", encoding="utf-8") as file:
            file.write(f'speedscope.loadFileFromBase64("trace.speedscope.json", "{encoded}")')
        text = self.chromium(f"file://{package}/index.html#localProfilePath={loader}")
        shown = " ".join(text.split())
        assert "Something went wrong" not in shown, shown[:500]
        # The list of profiles shows each with its total.
        match = re.search(r"allocations ([\d,]+) ", shown)
        assert match, f"no total in what speedscope shows: {shown[:500]}"
        close(int(match.group(1).replace(",", "")), self.totals[COUNT], "speedscope")
        return f"{len(profile['profiles'])} profiles, shows {match.group(1)} allocations"

    def check_schema(self, schema, profile):
        """What speedscope's published schema asks for, as far as this format uses it."""
        with open(schema, encoding="utf-8") as file:
            definitions = json.load(file)["definitions"]
        for name, value in [("SampledProfile", profile["profiles"][0]), ("Frame", profile["shared"]["frames"][0])]:
            shape = definitions[name] if name in definitions else definitions[f"FileFormat.{name}"]
            missing = set(shape["required"]) - set(value)
            unknown = set(value) - set(shape["properties"])
            assert not missing and not unknown, f"{name}: {missing} missing, {unknown} unknown"

    def dhat(self):
        """valgrind's dh_view in chromium"""
        viewer = "/usr/libexec/valgrind/dh_view.js"
        if not os.path.exists(viewer):
            install_package("valgrind")
        if not os.path.exists(viewer):
            raise Skipped("Debian's valgrind has no dh_view.js here")
        # The viewer's own functions, with the file handed to them as its button would.
        page = os.path.join(self.folder, "dhat.html")
        data = json.dumps(json.loads(self.text("dhat"))).replace("</", "<\\/")
        with open(page, "w", encoding="utf-8") as file:
            file.write(
                f'<!DOCTYPE html><meta charset="UTF-8"><script src="file://{viewer}"></script><body><script>'
                f"onLoad(); gInput = {{files: [new File([JSON.stringify({data})], 'trace.json')]}}; loadFile();</script>"
            )
        text = self.chromium(f"file://{page}")
        shown = " ".join(text.split())
        lines = dict(re.findall(r"(Total|At t-gmax|At t-end): +([\d,]+) bytes", shown)[::-1])
        for name, total in [("Total", ALLOCATED), ("At t-gmax", PEAK), ("At t-end", LIVE)]:
            assert name in lines, f"no {name} in what the viewer shows: {shown[:500]}"
            close(int(lines[name].replace(",", "")), self.totals[total], f"dhat {name}")
        return f"root: {lines['Total']} bytes in all, {lines['At t-gmax']} at t-gmax, {lines['At t-end']} at t-end"

    def firefox(self):
        """the processed format's invariants (the profiler itself is not in a package registry)"""
        profile = json.loads(self.text("firefox"))
        shared = profile["shared"]

        def columns(table, length=None):
            for name, column in table.items():
                if isinstance(column, list):
                    assert len(column) == table["length"], name

        for name in ("stackTable", "frameTable", "funcTable", "sources", "resourceTable", "nativeSymbols"):
            columns(shared[name])
        stacks = shared["stackTable"]
        assert all(prefix is None or prefix < row for row, prefix in enumerate(stacks["prefix"]))
        assert all(frame < shared["frameTable"]["length"] for frame in stacks["frame"])
        assert all(name < len(shared["stringArray"]) for name in shared["funcTable"]["name"])
        total = 0
        for thread in profile["threads"]:
            for table in filter(None, (thread["samples"], thread.get("nativeAllocations"))):
                columns(table)
                assert table["time"] == sorted(table["time"])
                assert all(stack is None or stack < stacks["length"] for stack in table["stack"])
            total += sum(thread["samples"]["weight"])
        close(total, self.totals[ALLOCATED], "firefox")
        live = sum(profile["counters"][0]["samples"]["count"])
        close(live, self.analysis["totals"][LIVE], "firefox counter")
        return f"{len(profile['threads'])} threads, {total} bytes"

    def parquet(self):
        """DuckDB"""
        folder = self.file("parquet", "parquet")
        modules = os.path.join(self.folder, "python")
        try:
            import duckdb
        except ImportError:
            try:
                run(sys.executable, "-m", "pip", "install", "-q", "--target", modules, "duckdb", seconds=INSTALL_SECONDS)
            except (AssertionError, subprocess.TimeoutExpired):
                raise Skipped("pip cannot install duckdb (no pip, or no network)") from None
            sys.path.insert(0, modules)
            import duckdb
        docs = os.path.join(os.path.dirname(__file__), "..", "memscope-report", "docs", "parquet.md")
        with open(docs, encoding="utf-8") as file:
            queries = re.findall(r"```sql\n(.*?)```", file.read(), re.S)
        database = duckdb.connect()
        here = os.getcwd()
        os.chdir(folder)
        try:
            peak, leaked, functions, freed, tenths = (database.execute(query).fetchall() for query in queries[:5])
            live = database.execute("SELECT coalesce(sum(bytes), 0) FROM 'samples.parquet' WHERE freed_us IS NULL").fetchone()[0]
            exact = database.execute("SELECT allocated_bytes FROM 'session.parquet'").fetchone()[0]
            allocations = database.execute("SELECT sum(allocations) FROM 'samples.parquet'").fetchone()[0]
        finally:
            os.chdir(here)
        close(sum(row[3] for row in peak), self.totals[PEAK], "query 1")
        assert sum(row[2] for row in leaked) <= live + 1, "query 2"
        assert functions[0][1] <= self.totals[ALLOCATED] + 1 and len(functions) > 1, "query 3"
        close(sum(row[2] for row in freed), self.totals[ALLOCATED], "query 4")
        close(sum(row[1] for row in tenths), self.totals[ALLOCATED], "query 5")
        close(sum(row[2] or 0 for row in tenths), self.totals["temporary_bytes"], "query 5, temporary")
        close(live, self.totals[LIVE], "live bytes")
        close(allocations, self.totals[COUNT], "allocations")
        assert exact == self.analysis["totals"][ALLOCATED], "session.parquet"
        return f"five queries; most at the peak: {peak[0][0] if peak else 'nothing'}"


def main():
    report, trace = map(os.path.abspath, sys.argv[1:3])
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        consumers = Consumers(report, trace, folder)
        for name in ("python_json", "python_csv", "folded", "pprof", "speedscope", "dhat", "firefox", "parquet"):
            check = getattr(consumers, name)
            try:
                print(f"{name}: {check.__doc__}: {check()}", flush=True)
            except Skipped as reason:
                print(f"SKIPPED {name}: {check.__doc__}: {reason}", flush=True)
            except (AssertionError, subprocess.TimeoutExpired) as error:
                failed = True
                print(f"FAILED {name}: {check.__doc__}: {error}", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
