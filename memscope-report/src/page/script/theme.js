// Light and dark: the reader's own scheme until the button says otherwise. Storage may be forbidden (file://).
const theme = (() => {
  const root = document.documentElement;
  const KEY = "memscope-theme";
  const remember = (scheme) => { try { localStorage.setItem(KEY, scheme); } catch { /* not remembered */ } };
  const remembered = () => { try { return localStorage.getItem(KEY); } catch { return null; } };
  const start = () => {
    const before = remembered();
    if (before === "dark" || before === "light") root.dataset.theme = before;
    dom.byId("theme").addEventListener("click", () => {
      const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
      root.dataset.theme = dark ? "light" : "dark";
      remember(root.dataset.theme);
    });
  };
  return { start };
})();
