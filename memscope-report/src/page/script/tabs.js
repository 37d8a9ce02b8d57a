// Groups of charts as tabs: one group is shown, the arrow keys go from one to the next. Without this all are shown.
const tabs = (() => {
  const start = () => {
    const list = document.querySelector("[role=tablist]");
    if (!list) return;
    const all = [...list.querySelectorAll("[role=tab]")];
    const panel = (tab) => dom.byId(tab.getAttribute("aria-controls"));
    const select = (chosen, focus) => {
      for (const tab of all) {
        tab.setAttribute("aria-selected", String(tab === chosen));
        tab.tabIndex = tab === chosen ? 0 : -1;
        panel(tab).hidden = tab !== chosen;
      }
      if (focus) chosen.focus();
    };
    list.hidden = false;
    list.addEventListener("click", (event) => {
      const tab = event.target.closest("[role=tab]");
      if (tab) select(tab, false);
    });
    list.addEventListener("keydown", (event) => {
      const at = all.indexOf(event.target);
      const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: all.length - 1 }[event.key];
      if (at < 0 || to === undefined) return;
      event.preventDefault();
      select(all[(to + all.length) % all.length], true);
    });
    // A link to a chart opens its group.
    const follow = () => {
      const target = location.hash.startsWith("#chart-") ? dom.byId(location.hash.slice(1)) : null;
      const group = target?.closest("[role=tabpanel]");
      if (!group) return;
      select(all.find((tab) => panel(tab) === group), false);
      const folded = target.closest("details");
      if (folded) folded.open = true;
      target.scrollIntoView();
    };
    select(all[0], false);
    addEventListener("hashchange", follow);
    follow();
  };
  return { start };
})();
