"use strict";
/* The theme of the page: that of the system, until the button changes it; light on paper. */
const Theme = (() => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const listeners = [];
  /* The choice lasts for the tab, where the browser stores it. */
  const stored = (name) => { try { if (name) sessionStorage.setItem("theme", name); return sessionStorage.getItem("theme"); } catch { return null; } };
  let chosen = stored();
  function apply(name) {
    root.dataset.theme = name;
    const button = document.getElementById("theme");
    if (button) { button.hidden = false; button.textContent = name === "dark" ? "Light" : "Dark"; }
    for (const listener of listeners) listener();
  }
  const current = () => chosen || (dark.matches ? "dark" : "light");
  dark.addEventListener("change", () => apply(current()));
  addEventListener("beforeprint", () => apply("light"));
  addEventListener("afterprint", () => apply(current()));
  return {
    start() {
      document.getElementById("theme").addEventListener("click", () => {
        chosen = current() === "dark" ? "light" : "dark";
        stored(chosen);
        apply(chosen);
      });
      apply(current());
    },
    color: (name) => getComputedStyle(root).getPropertyValue("--" + name).trim(),
    changed: (listener) => listeners.push(listener),
  };
})();
