// Elements. Whatever comes from the trace becomes text, never markup.
const dom = (() => {
  const SVG = "http://www.w3.org/2000/svg";
  const fill = (made, attributes, children) => {
    for (const [name, value] of Object.entries(attributes)) {
      if (value === false || value === undefined) continue;
      if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
      else made.setAttribute(name, value === true ? "" : value);
    }
    // `append` makes text nodes of strings.
    made.append(...children.flat().filter((child) => child !== undefined && child !== null));
    return made;
  };
  const element = (name, attributes = {}, ...children) => fill(document.createElement(name), attributes, children);
  const svg = (name, attributes = {}, ...children) => fill(document.createElementNS(SVG, name), attributes, children);
  // A path may be broken between its parts.
  const path = (text) => text.split("::").flatMap((part, index) => (index === 0 ? [part] : ["::", element("wbr"), part]));
  const byId = (id) => document.getElementById(id);
  return { element, svg, path, byId };
})();
