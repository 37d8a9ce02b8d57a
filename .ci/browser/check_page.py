#!/usr/bin/env python3
"""The page in a real browser: headless Chromium, driven by the WebDriver protocol.

usage: check_page.py PAGE HOSTILE_PAGE SCREENSHOT_DIR [URL]

PAGE is the demo's index.html, HOSTILE_PAGE that of a trace whose names are markup, URL what `memscope-report view`
printed. Each check is a function `check_...`; what it expects and found is printed where it fails.
"""

import pathlib
import sys
import time

from webdriver import Browser

SCREENSHOTS = pathlib.Path(sys.argv[3])


def expect(fact, expected, found):
    if not fact:
        raise AssertionError(f"expected {expected}, found {found!r}")


def text(browser, selector):
    return browser.run("return document.querySelector(arguments[0])?.textContent ?? null", selector)


def rows(browser):
    """Names of the call sites in the table, in order."""
    return browser.run("return [...document.querySelectorAll('#sites button.site')].map((b) => b.textContent)")


def focused(browser):
    return browser.run("const e = document.activeElement; return e.id || e.dataset.site || e.className || e.tagName")


def choose(browser, label, place):
    """Chooses an entry of the filter that is labelled so; returns its text."""
    return browser.run("""
        const label = [...document.querySelectorAll('.fields label')].find((l) => l.textContent.startsWith(arguments[0]));
        const select = label.querySelector('select');
        select.selectedIndex = arguments[1];
        select.dispatchEvent(new Event('change'));
        return select.selectedOptions[0].textContent;
    """, label, place)


def check_it_opens(browser):
    expect(text(browser, "h1"), "a name of the session", text(browser, "h1"))
    cards = browser.run("return [...document.querySelectorAll('.card dt')].map((e) => e.textContent)")
    expect(cards[:2] == ["Peak live heap", "Live at the end"], "the verdict first", cards)
    findings = browser.run("return document.querySelectorAll('#findings>ol>li').length")
    expect(1 <= findings <= 5, "one to five findings", findings)
    figures = browser.run("return document.querySelectorAll('figure').length")
    expect(figures >= 8, "the charts", figures)
    before_charts = browser.run("return document.querySelector('#findings').compareDocumentPosition("
                                "document.querySelector('#charts')) & Node.DOCUMENT_POSITION_FOLLOWING")
    expect(before_charts, "findings before charts", before_charts)


def check_figures_are_those_of_the_analysis(browser):
    """What the script adds up from cells, against what Rust computed from the samples."""
    worst = browser.run("""
        const { data, slices } = globalThis.memscope;
        const merged = slices.bySite(slices.whole());
        const off = (a, b) => Math.abs(a - b) / Math.max(Math.abs(a), Math.abs(b), 1);
        let [worst, compared, gaps] = [0, 0, []];
        for (const index of slices.told) {
          if (index < 0) continue;
          const [mine, site] = [merged.get(index), data.sites[index]];
          compared += 1;
          for (const end of ['value', 'low', 'high']) worst = Math.max(worst, off(mine.allocated[end], site.allocated[end]));
          worst = Math.max(worst, off(mine.live.value, site.live.value));
          // The sites of which nothing is left: up to three pieces may be.
          if (mine.live.samples === 0) worst = Math.max(worst, off(mine.live.high, site.live.high));
          if (mine.samples !== site.samples) gaps.push(index);
        }
        const all = data.sites.reduce((sum, { allocated }) => sum + allocated.value, 0);
        worst = Math.max(worst, off(slices.total(slices.told, slices.whole()).allocated.value, all));
        return { worst, compared, gaps };
    """)
    expect(worst["compared"] > 20, "more than 20 call sites with cells", worst)
    expect(worst["worst"] < 1e-4, "values and both ends of the intervals to within 0.01%", worst)
    expect(not worst["gaps"], "all samples of a site in its cells", worst)


def check_search(browser):
    everything = rows(browser)
    browser.type("#search", "index::search")
    found = rows(browser)
    expect(0 < len(found) < len(everything), "fewer call sites than before", (len(found), len(everything)))
    told = text(browser, "output.told")
    expect(told.startswith(f"{len(found)} call site") and "allocated" in told, "a sum of what was found", told)
    browser.clear("#search")
    browser.type("#search", "no such function")
    expect(rows(browser) == [], "no call site", rows(browser))
    expect("Widen" in text(browser, "output.told"), "words where nothing is found", text(browser, "output.told"))
    browser.click(".fields button[type=reset]")
    expect(rows(browser) == everything, "all call sites again", len(rows(browser)))


def check_filters(browser):
    whole = text(browser, "output.told")
    for label in ["Module", "Thread", "Scope"]:
        chosen = choose(browser, label, 2)
        told = text(browser, "output.told")
        expect(told != whole and ("(" in told or "No call site" in told), f"other sums for {label} {chosen}", told)
        browser.click(".fields button[type=reset]")
        expect(text(browser, "output.told") == whole, "the sums of everything again", text(browser, "output.told"))
    sums = browser.run("""
        const { data, slices } = globalThis.memscope;
        const of = (filter) => slices.total(slices.told, { ...slices.whole(), ...filter }).allocated.value;
        const parts = data.threads.map((_, thread) => of({ thread })).reduce((sum, value) => sum + value, 0);
        const middle = Math.floor(slices.bins / 2);
        return [of({}), parts, of({ to: middle }) + of({ from: middle })];
    """)
    expect(max(sums) - min(sums) < 1e-6 * max(sums), "parts that add up to the whole", sums)


def check_time_window(browser):
    whole = text(browser, "output.told")
    browser.drag(".overview svg", 0.3, 0.6)
    window = browser.run("return [...document.querySelectorAll('.fields input[type=number]')].map((e) => Number(e.value))")
    end = browser.run("return globalThis.memscope.slices.edges.at(-1) / 1e6")
    expect(0 < window[0] < window[1] < end, "a window inside the session", window)
    told = text(browser, "output.told")
    expect(told != whole and "at the window's end" in told, "the sums of the window", told)
    expect(text(browser, "#sites th.c-live").startswith("Live at the window's end"), "a heading that says so",
           text(browser, "#sites th.c-live"))
    browser.run("""
        const [from, to] = document.querySelectorAll('.fields input[type=number]');
        [from.value, to.value] = ['0', String(arguments[0])];
        to.dispatchEvent(new Event('change'));
    """, end / 2)
    expect("at the window's end" in text(browser, "output.told"), "a window that was typed", text(browser, "output.told"))
    browser.click("#to-peak")
    expect(browser.run("return document.querySelectorAll('.overview .window').length") == 1, "a marked window", 0)
    browser.click(".fields button[type=reset]")


def check_sorting(browser):
    for column in ["c-live", "c-peak", "c-allocations"]:
        name = column.removeprefix("c-")
        browser.click(f"#sites th.{column} button")
        expected = browser.run("""
            const sites = globalThis.memscope.data.sites;
            const order = [...sites.keys()].sort((a, b) => sites[b][arguments[0]].value - sites[a][arguments[0]].value);
            return sites[order[0]][arguments[0]].value;
        """, name)
        first = browser.run("return globalThis.memscope.data.sites[document.querySelector('#sites button.site').dataset.site]"
                            "[arguments[0]].value", name)
        expect(first == expected, f"the greatest {name} first", (first, expected))
        order = browser.run("return document.querySelector(arguments[0]).getAttribute('aria-sort')", f"#sites th.{column}")
        expect(order == "descending", "aria-sort descending", order)
    browser.click("#sites th.c-allocated button")
    browser.click("#threads th:first-child button")
    names = browser.run("return [...document.querySelectorAll('#threads tbody tr td:first-child')].map("
                        "(e) => e.firstChild.textContent)")
    expect(names == sorted(names, key=str.lower), "threads by name", names[:5])


def check_a_site(browser):
    browser.click("#sites button.site")
    panel = "#sites tr.panel"
    headings = browser.run("return [...document.querySelectorAll(arguments[0] + ' h4')].map((e) => e.textContent)", panel)
    for heading in ["Stack, innermost first", "Allocated over time", "Live over time", "Threads", "Lifetimes"]:
        expect(heading in headings, heading, headings)
    frames = browser.run("return document.querySelectorAll(arguments[0] + ' .stack li').length", panel)
    expect(frames > 2, "a stack", frames)
    bars = browser.run("return document.querySelectorAll(arguments[0] + ' .plot .bar').length", panel)
    expect(bars > 2, "bars over time", bars)
    whiskers = browser.run("return document.querySelectorAll(arguments[0] + ' .plot .whisker').length", panel)
    expect(whiskers > 2, "intervals on the bars", whiskers)
    browser.run("document.querySelector(arguments[0] + ' .fold button')?.click()", panel)
    unfolded = browser.run("return document.querySelectorAll(arguments[0] + ' .stack li').length", panel)
    expect(unfolded > frames, "more frames once unfolded", (frames, unfolded))
    browser.click("#sites button.site")
    expect(browser.run("return document.querySelectorAll('#sites tr.panel').length") == 0, "a closed panel", 1)


def check_a_finding_leads_to_its_site(browser):
    link = browser.run("return document.querySelector('#findings a')?.getAttribute('href') ?? null")
    expect(link and link.startswith("#site-"), "a finding that links to its call site", link)
    browser.click("#findings a")
    opened = browser.run("return document.querySelector('#sites [aria-expanded=true]')?.dataset.site")
    expect(f"#site-{opened}" == link, f"the site of {link} opened", opened)
    browser.click(f"#sites [data-site='{opened}']")


def check_keyboard(browser):
    """Nothing but keys, from the top of the page to an open site and a zoomed flame graph."""
    browser.run("document.activeElement.blur(); scrollTo(0, 0); document.body.focus()")
    seen = []
    for _ in range(400):
        browser.press("tab")
        seen.append(focused(browser))
        if seen[-1] == "search":
            break
    expect(seen[-1] == "search", "the search box on the way of the Tab key", seen[-10:])
    visible = browser.run("const s = getComputedStyle(document.activeElement); return s.outlineStyle !== 'none' "
                          "&& parseFloat(s.outlineWidth) >= 2")
    expect(visible, "a focus that is seen", visible)
    while focused(browser) != "site":
        browser.press("tab")
        seen.append(focused(browser))
        expect(len(seen) < 500, "call sites on the way of the Tab key", seen[-10:])
        if browser.run("return document.activeElement.classList.contains('site')"):
            break
    browser.press("down")
    browser.press("enter")
    opened = browser.run("return document.activeElement.getAttribute('aria-expanded')")
    expect(opened == "true", "Enter opens the second site", opened)
    expect(browser.run("return document.activeElement.dataset.site") == browser.run(
        "return document.querySelectorAll('#sites button.site')[1].dataset.site"), "the second site", None)
    browser.press("escape")
    expect(browser.run("return document.querySelectorAll('#sites tr.panel').length") == 0, "Escape closes it", 1)
    browser.run("document.querySelector('[role=tab][aria-selected=true]').focus()")
    browser.press("end")
    browser.press("home")
    while text(browser, "[role=tab][aria-selected=true]") != "Flame graphs":
        browser.press("right")
    browser.run("document.querySelector('#chart-flame_graph .flame g[tabindex=\"0\"]').focus()")
    browser.press("up")
    browser.press("enter")
    zoomed = browser.run("return document.querySelectorAll('#chart-flame_graph .flame g:not([hidden])').length "
                         "<= document.querySelectorAll('#chart-flame_graph .flame g').length "
                         "&& document.activeElement.tagName === 'g'")
    expect(zoomed, "a frame that has the focus", zoomed)
    browser.press("escape")


def check_flame_graph(browser):
    browser.click("#tab-stacks")
    figure = "#chart-flame_graph"
    count = "return document.querySelectorAll(arguments[0] + ' .flame g:not([hidden])').length"
    whole = browser.run(count, figure)
    expect(whole > 10, "frames", whole)
    browser.type(f"{figure} input", "search")
    found = text(browser, f"{figure} output")
    expect("frame" in found and "%" in found and not found.startswith("0 "), "frames that match", found)
    browser.run("""
        const frames = [...document.querySelectorAll(arguments[0] + ' .flame g')];
        const width = (g) => Number(g.querySelector('rect').getAttribute('fg:w'));
        const widest = Math.max(...frames.map(width));
        frames.filter((g) => width(g) < widest / 2).sort((a, b) => width(b) - width(a))[0]
          .dispatchEvent(new MouseEvent('click', { bubbles: true }));
    """, figure)
    zoomed = browser.run(count, figure)
    expect(0 < zoomed < whole, "fewer frames once zoomed", (zoomed, whole))
    browser.click(f"{figure} .reset")
    expect(browser.run(count, figure) == whole, "all frames again", browser.run(count, figure))
    browser.click("#tab-icicles")
    time.sleep(0.2)
    icicle = browser.run("""
        const rows = (name) => [...document.querySelectorAll(`#chart-${name} .flame g`)].map((g) => [
          g.querySelector('title').textContent, Number(g.querySelector('rect').getAttribute('y'))]);
        const [flame, icicle] = [rows('flame_graph'), rows('icicle_allocated')];
        const all = (rows) => rows.find(([title]) => title.startsWith('all ('))[1];
        return [flame.length, icicle.length, all(flame) === Math.max(...flame.map(([, y]) => y)),
          all(icicle) === Math.min(...icicle.map(([, y]) => y))];
    """)
    expect(icicle == [whole, whole, True, True], "the same frames, everything at the bottom and at the top", icicle)
    browser.click("#tab-stacks")
    browser.clear(f"{figure} input")
    expect(text(browser, f"{figure} output") == "", "no search any more", text(browser, f"{figure} output"))
    browser.click("[role=tab]")


def check_widths(browser):
    for width in [800, 1024, 1280, 1600]:
        browser.size(width, 900)
        time.sleep(0.1)
        for tab in range(browser.run("return document.querySelectorAll('[role=tab]').length")):
            browser.run("document.querySelectorAll('[role=tab]')[arguments[0]].click()", tab)
            wide = browser.run("return document.documentElement.scrollWidth")
            expect(wide <= width, f"a page no wider than {width} px", wide)
    browser.run("document.querySelector('[role=tab]').click()")
    browser.size(1280, 900)


def check_print(browser):
    pdf = browser.pdf()
    expect(pdf.startswith(b"%PDF-") and len(pdf) > 50_000, "a PDF with content", len(pdf))
    (SCREENSHOTS / "page.pdf").write_bytes(pdf)
    browser.cdp("Emulation.setEmulatedMedia", media="print")
    hidden = browser.run("return getComputedStyle(document.querySelector('header')).display")
    shown = browser.run("return [...document.querySelectorAll('[role=tabpanel]')].every("
                        "(e) => getComputedStyle(e).display !== 'none')")
    browser.cdp("Emulation.setEmulatedMedia", media="")
    expect(hidden == "none" and shown, "no controls and every group of charts on paper", (hidden, shown))


def take_screenshots(browser):
    for scheme in ["light", "dark"]:
        browser.scheme(scheme)
        for width in [1280, 800]:
            browser.size(width, 900)
            for name, script in [
                ("top", "scrollTo(0, 0)"),
                ("charts", "document.querySelector('#charts').scrollIntoView()"),
                ("flame", "document.querySelector('#tab-stacks').click();"
                          "document.querySelector('#charts').scrollIntoView()"),
                ("icicle", "document.querySelector('#tab-icicles').click()"),
                ("sites", "document.querySelector('[role=tab]').click();"
                          "document.querySelector('#sites').scrollIntoView()"),
                ("site", "document.querySelector('#sites button.site').click();"
                         "document.querySelector('#sites tbody tr').scrollIntoView()"),
                ("threads", "document.querySelector('#sites button.site').click();"
                            "document.querySelector('#threads').scrollIntoView()"),
                ("ownership", "document.querySelector('#ownership').scrollIntoView()"),
            ]:
                browser.run(script)
                time.sleep(0.1)
                browser.screenshot(SCREENSHOTS / f"{name}-{scheme}-{width}.png")
    browser.scheme("light")
    browser.size(1280, 900)


def check_scopes(browser):
    """The tree of scopes, the scope's filter with intervals and flame graph, and the tasks, all with hostile names."""
    rows_of = "return [...document.querySelectorAll('#scopes tbody tr')].map((row) => [row.cells[0].querySelector('code').textContent,"
    rows_of += " Number(row.cells[0].querySelector('code').style.getPropertyValue('--depth'))])"
    tree = browser.run(rows_of)
    expect(len(tree) == 40 and tree[0] == ["<script>alert(1)</script>", 0], "the outermost scope first", tree[:2])
    expect(tree[1][1] == 1 and all(after[1] <= before[1] + 1 for before, after in zip(tree, tree[1:])),
           "no row more than a level below the one before it", tree)
    indents = "return [...document.querySelectorAll('#scopes td.name code')].map((e) => getComputedStyle(e).paddingLeft)"
    expect(len(set(browser.run(indents))) > 2, "levels that are indented", set(browser.run(indents)))
    headings = "document.querySelectorAll('#scopes th button')"
    browser.run(f"[...{headings}].find((b) => b.textContent === 'p99').click()")
    sorted_rows = browser.run(rows_of)
    expect(sorted_rows != tree and set(browser.run(indents)) == {"0px"}, "a list by p99, not indented", sorted_rows[:3])
    browser.run(f"{headings}[0].click()")
    expect(browser.run(rows_of) == tree, "the tree again", browser.run(rows_of)[:3])
    # A scope's button leads to its call sites: figures with intervals, and its flame graph.
    whole = text(browser, "output.told")
    browser.run("document.querySelector('#scopes tbody tr .jump').click()")
    told = text(browser, "output.told")
    chosen = browser.run("const labels = [...document.querySelectorAll('.fields label')];"
                         "return labels.find((l) => l.textContent.startsWith('Scope')).querySelector('select').selectedOptions[0].textContent")
    expect(chosen == tree[0][0] and told != whole and " to " in told, "the scope's figures with intervals", (chosen, told))
    browser.run("document.querySelector('#selection>summary').click()")
    time.sleep(0.3)
    groups = "return [...document.querySelectorAll('#selection-graph g')].filter((g) => !g.hasAttribute('hidden')).length"
    frames = browser.run(groups)
    subtitle = text(browser, "#selection-graph .muted:not(output)")
    expect(frames >= 3 and "95%" in subtitle and "in the selection" in subtitle, "a flame graph with its interval", (frames, subtitle))
    choose(browser, "Scope", 3)
    expect(text(browser, "#selection-graph .muted:not(output)") != subtitle, "another graph for another scope", subtitle)
    browser.screenshot(SCREENSHOTS / "scope.png")
    browser.run("document.querySelector('.filters').reset()")
    expect(text(browser, "output.told") == whole, "everything again", text(browser, "output.told"))
    time.sleep(0.3)
    zoomed = browser.run("""
        const width = (group) => Number(group.querySelector('rect').getAttribute('fg:w'));
        const narrowest = [...document.querySelectorAll('#selection-graph g')].sort((a, b) => width(a) - width(b))[0];
        narrowest.dispatchEvent(new MouseEvent('click', { bubbles: true }));
        return !document.querySelector('#selection-graph .reset').disabled;
    """)
    expect(zoomed, "a click to zoom", zoomed)
    tasks = browser.run("return [...document.querySelectorAll('#tasks tbody tr')].map((row) => [...row.cells].map((c) => c.textContent))")
    expect(len(tasks) == 12 and tasks[0][0].startswith("<script>alert(1)</script> #") and " to " in tasks[0][-1],
           "twelve tasks with intervals", tasks[:1])
    for scheme in ["light", "dark"]:
        browser.scheme(scheme)
        for name in ["scopes", "tasks"]:
            browser.run(f"document.querySelector('#{name}').scrollIntoView()")
            browser.screenshot(SCREENSHOTS / f"{name}-{scheme}.png")
        browser.run("document.querySelector('#tab-scoped').click(); document.querySelector('#charts').scrollIntoView()")
        browser.screenshot(SCREENSHOTS / f"scoped-{scheme}.png")
    browser.scheme("light")


def check_hostile(browser):
    script = "<script>alert(1)</script>"
    expect(text(browser, "h1") == script, "the session's name as text", text(browser, "h1"))
    browser.run("document.querySelectorAll('#sites button.site').forEach((b) => b.click())")
    for place in ["#sites", "#threads", "#scopes", "#tasks", "#ownership"]:
        expect(script in text(browser, place), f"{script} as text in {place}", text(browser, place)[:200])
    strange = browser.run("""
        const shown = document.body.innerText;
        return [...shown].filter((c) => /[\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u202a-\\u202e\\u2066-\\u2069]/.test(c)).length;
    """)
    expect(strange == 0, "no control characters and no marks that turn text", strange)
    made = browser.run("return [document.querySelectorAll('script').length, document.querySelectorAll('img,iframe').length, "
                       "document.querySelectorAll('[onload],[onerror],[onclick]').length]")
    expect(made == [2, 0, 0], "the page's own two scripts and nothing of the trace's", made)
    for field in ["Thread", "Scope"]:
        choose(browser, field, 1)
    browser.type("#search", "<script>")
    browser.screenshot(SCREENSHOTS / "hostile.png")


def run(browser, url, checks):
    browser.open(url)
    browser.size(1280, 900)
    for check in checks:
        began = time.monotonic()
        try:
            check(browser)
            errors = [line for line in browser.console() if not line.startswith(("DEBUG", "INFO"))]
            expect(not errors, "nothing on the console", errors)
        except Exception:
            browser.screenshot(SCREENSHOTS / "failed.png")
            print(f"FAILED {check.__name__}: see {SCREENSHOTS / 'failed.png'}")
            raise
        print(f"{check.__name__}: {time.monotonic() - began:.1f} s")


def main():
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page, hostile = (pathlib.Path(path).resolve().as_uri() for path in sys.argv[1:3])
    browser = Browser()
    try:
        run(browser, page, [
            check_it_opens, check_figures_are_those_of_the_analysis, check_search, check_filters, check_time_window,
            check_sorting, check_a_site, check_a_finding_leads_to_its_site, check_keyboard, check_flame_graph,
            check_widths, check_print, take_screenshots])
        run(browser, hostile, [check_scopes, check_hostile])
        for url in sys.argv[4:]:
            run(browser, url, [check_it_opens])
    finally:
        browser.close()


if __name__ == "__main__":
    main()
