// The reasons of a signal, beside whatever has the attribute data-reasons, on hover, focus or touch.

import { byId } from "./dom.js";

const tip = byId("tip");
let owner = null;

function hide() {
  owner?.removeAttribute("aria-describedby");
  owner = null;
  if (tip.matches(":popover-open")) tip.hidePopover();
}

function place() {
  const at = owner.getBoundingClientRect();
  tip.style.left = `${Math.max(4, Math.min(at.left, innerWidth - tip.offsetWidth - 4))}px`;
  const isBelow = at.bottom + tip.offsetHeight + 4 < innerHeight;
  tip.style.top = `${isBelow ? at.bottom + 4 : at.top - tip.offsetHeight - 4}px`;
}

function showFor(node) {
  if (node === owner) return;
  hide();
  owner = node;
  tip.textContent = node.dataset.reasons;
  tip.showPopover();
  place();
  node.setAttribute("aria-describedby", "tip");
}

function follow(event) {
  const node = event.target.closest?.("[data-reasons]");
  if (node) showFor(node);
  else if (owner !== document.activeElement) hide();
}

// After the owner was redrawn.
export function settleTip() {
  if (owner && !owner.isConnected) hide();
  const focused = document.activeElement;
  if (!owner && focused.matches("[data-reasons]:focus-visible")) showFor(focused);
}

document.addEventListener("mouseover", follow);
document.addEventListener("focusin", follow);
document.addEventListener("focusout", hide);
document.addEventListener("scroll", () => owner && place(), true);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") hide();
});
