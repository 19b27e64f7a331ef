// Applies the chosen theme before the page is painted, and keeps the choice in this browser.
"use strict";
(() => {
  const KEY = "dex-theme";
  const CHOICES = ["system", "light", "dark"];

  // Storage may be forbidden; then the choice lasts as long as the page.
  const stored = () => {
    try {
      const choice = localStorage.getItem(KEY);
      return CHOICES.includes(choice) ? choice : "system";
    } catch {
      return "system";
    }
  };
  const keep = (choice) => {
    try {
      localStorage.setItem(KEY, choice);
    } catch {
      return;
    }
  };
  const apply = (choice) => {
    if (choice === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = choice;
  };

  apply(stored());
  document.addEventListener("DOMContentLoaded", () => {
    const select = document.getElementById("theme");
    if (!select) return;
    select.value = stored();
    select.addEventListener("change", () => {
      keep(select.value);
      apply(select.value);
    });
  });
})();
