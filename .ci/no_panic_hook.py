#!/usr/bin/env python3
"""Row 33 of the matrix: no panic can be reached from the hook.

A panic in an allocator aborts the process in release builds, and cannot be caught. So in the disassembly of an optimised program every function that is reachable by
direct calls and jumps from memscope's allocator is looked at: none may be a part of the panic machinery (bounds checks, unwraps, overflow checks, failed
allocations). Calls through pointers are not followed; the hook makes none but into the C library. The look itself is checked on a function that does panic.

    no_panic_hook.py PROGRAM
"""

import re
import subprocess
import sys
from collections import defaultdict, deque

ROOTS = re.compile(
    r"memscope::hook::(allocated|freed|refused|refused_realloc|reallocate)\b"
    r"|SamplingAllocator<.*>::(alloc|dealloc|realloc)\w*_(due|odd)"
    r"|memscope::scope::\w+::(enter|leave)"
)
# What the program's threads run through in memscope on every sample: the roots must lead there, else the look is at nothing.
MUST_BE_REACHED = [r"memscope::hook::sample::", r"memscope::unwind::", r"memscope::live::"]
PANICS = re.compile(
    r"^(core::panicking::|std::panicking::|core::option::(unwrap|expect)_failed|core::result::unwrap_failed"
    r"|core::slice::index::.*fail|core::str::slice_error|alloc::raw_vec::handle_error|alloc::alloc::handle_alloc_error"
    r"|core::cell::panic_|std::thread::local::panic_|__?rustc::rust_begin_unwind|_Unwind_RaiseException)"
)
# Not a panic but its passage: what is called when a destructor panics while another panic unwinds.
PASSAGE = re.compile(r"core::panicking::panic_in_cleanup")
# Parsers of `.eh_frame`, which check invariants of their own. What they panic at is told, and not memscope's to leave out.
PARSERS = re.compile(r"^<?(gimli|framehop)::")
# The inner allocator is not memscope's.
BEYOND = re.compile(r"^(__rust_|__rdl_|__rg_|std::sys::alloc|<std::alloc::System)")


def run(*command: str) -> list[str]:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


class Program:
    """Functions by their addresses, and which call or jump to which."""

    def __init__(self, path: str):
        self.names: dict[int, str] = {}
        self.calls: dict[int, set[int]] = defaultdict(set)
        # Functions of other crates are called through a table that the loader fills.
        table = {}
        for line in run("objdump", "-R", path):
            slot = re.match(r"^([0-9a-f]+) R_X86_64_RELATIVE\s+\*ABS\*\+0x([0-9a-f]+)", line)
            if slot:
                table[int(slot[1], 16)] = int(slot[2], 16)
        at = 0
        for line in run("objdump", "-d", "-C", "--no-show-raw-insn", "--section=.text", path):
            head = re.match(r"^([0-9a-f]+) <(.*)>:$", line)
            if head:
                at = int(head[1], 16)
                self.names[at] = head[2]
                continue
            direct = re.search(r"\t(?:call|j[a-z]+|lea)\s+(?:[^#]*#\s*)?([0-9a-f]+) <", line)
            through = re.search(r"\t(?:call|jmp|mov|push)\s+.*\(%rip\).*#\s+([0-9a-f]+) <", line)
            if through and int(through[1], 16) in table:
                self.calls[at].add(table[int(through[1], 16)])
            elif direct:
                self.calls[at].add(int(direct[1], 16))

    def find(self, pattern: re.Pattern) -> list[int]:
        return [at for at, name in self.names.items() if pattern.search(name)]

    def reachable(self, roots: list[int]) -> dict[int, int]:
        """Each function that can be reached, and from where."""
        came_from = {root: 0 for root in roots}
        waiting = deque(roots)
        while waiting:
            at = waiting.popleft()
            if BEYOND.search(self.names[at]) or PANICS.search(self.names[at]):
                continue
            for callee in self.calls.get(at, ()):
                # What is no function's beginning is a place within the caller.
                if callee not in came_from and callee in self.names:
                    came_from[callee] = at
                    waiting.append(callee)
        return came_from


def path(program: Program, came_from: dict[int, int], to: int) -> str:
    names = []
    while to:
        names.append(program.names[to])
        to = came_from[to]
    return "\n    <- ".join(names)


def panicking(program: Program, found: dict[int, int]) -> tuple[list[tuple[int, int]], list[str]]:
    """Which reachable functions call which panic; those of the parsers by name."""
    panics, parsers = [], set()
    for caller in found:
        if PANICS.search(program.names[caller]) or PASSAGE.search(program.names[caller]):
            continue
        for at in program.calls.get(caller, ()):
            name = program.names.get(at, "")
            if not PANICS.search(name) or PASSAGE.search(name):
                continue
            if PARSERS.search(program.names[caller]):
                parsers.add(program.names[caller])
            else:
                panics.append((caller, at))
    return panics, sorted(parsers)


def main() -> int:
    program = Program(sys.argv[1])
    roots = program.find(ROOTS)
    found = program.reachable(roots)
    names = [program.names[at] for at in found]
    for wanted in MUST_BE_REACHED:
        if not any(re.search(wanted, name) for name in names):
            print(f"nothing like {wanted} is reached from {len(roots)} entries: this looks at nothing")
            return 1
    # The control: what starts and ends a session may panic (in a bug), so from there the machinery must be seen.
    control = program.reachable(program.find(re.compile(r"memscope::(session|drain)::")))
    if not any(PANICS.search(program.names[at]) for at in control):
        print("no panic is seen where there are some: this sees nothing")
        return 1
    panics, parsers = panicking(program, found)
    for caller, at in panics:
        print(f"reached from the hook: {program.names[at]}\n    <- {path(program, found, caller)}")
    for name in parsers:
        print(f"in a parser: {name}")
    ours = sum("memscope" in name for name in names)
    print(
        f"{len(roots)} entries, {len(found)} functions reached ({ours} of memscope's): {len(panics)} panic, "
        f"beside {len(parsers)} of framehop's and gimli's"
    )
    return 1 if panics else 0


if __name__ == "__main__":
    sys.exit(main())
