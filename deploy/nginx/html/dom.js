// Building and replacing elements.

const SVG_ELEMENTS = ["svg", "polyline", "polygon", "line", "text", "title"];

export const byId = (id) => document.getElementById(id);

// Creates an element. Text children are inserted as text, never as HTML; null children and attributes are skipped.
export function el(name, attributes, ...children) {
  const isSvg = SVG_ELEMENTS.includes(name);
  const node = isSvg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "onclick") node.addEventListener("click", value);
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

// Replaces a container's children; the focus stays on the element with the same key.
export function redraw(container, ...children) {
  const focused = document.activeElement;
  const hadFocus = focused !== container && container.contains(focused);
  container.replaceChildren(...children);
  if (!hadFocus) return;
  const keyed = [...container.querySelectorAll("[data-key]:not(:disabled)")];
  const same = keyed.find((node) => node.dataset.key === focused.dataset.key);
  (same || keyed[0] || byId("main")).focus({ preventScroll: true });
}
