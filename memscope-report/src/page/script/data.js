// What the page carries for the script: see `page/data.rs`.
const data = (() => {
  const raw = JSON.parse(dom.byId("data").textContent);
  const estimate = ([value, low, high]) => ({ value, low, high });
  const sites = raw.sites.map((site) => ({
    label: raw.strings[site.label],
    module: raw.strings[site.module],
    stack: site.stack,
    samples: site.samples,
    lifetime: site.lifetime,
    age: site.age,
    lifetimes: site.lifetimes && site.lifetimes.map(([from, to, freed, live, surviving]) => ({ from, to, freed: estimate(freed), live: estimate(live), surviving })),
    ...Object.fromEntries(["allocations", "allocated", "peak", "live", "temporary", "crossed", "copied"].map((name) => [name, estimate(site[name])])),
  }));
  const names = (list) => list.map((index) => raw.strings[index]);
  return { ...raw, sites, threads: names(raw.threads), scopes: names(raw.scopes) };
})();
