// What the pages gain where scripts run: a key for the search, buttons that copy, and lists that keep
// themselves up to date. Nothing here is needed to read a page, and nothing is asked of another host.
(() => {
  "use strict";
  const search = document.getElementById("search");

  const isTyping = (element) =>
    element instanceof HTMLInputElement ||
    element instanceof HTMLTextAreaElement ||
    element instanceof HTMLSelectElement;

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "/" && search && !isTyping(document.activeElement)) {
      event.preventDefault();
      search.focus();
      search.select();
    } else if (event.key === "Escape" && document.activeElement === search) {
      search.blur();
    }
  });

  // Outside of secure contexts there is no clipboard, but a selection can still be copied.
  const copy = async (text) => {
    if (navigator.clipboard && window.isSecureContext) {
      await navigator.clipboard.writeText(text);
      return;
    }
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "away";
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  };

  for (const snippet of document.querySelectorAll("[data-copy]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.setAttribute("aria-label", `Copy ${snippet.dataset.copy}`);
    button.addEventListener("click", async () => {
      try {
        await copy(snippet.textContent.trim());
        button.textContent = "Copied";
      } catch {
        button.textContent = "Not copied";
      }
      window.setTimeout(() => { button.textContent = "Copy"; }, 1500);
      button.focus();
    });
    snippet.after(button);
  }

  // A page that lives is loaded again, unless somebody is in the middle of something.
  const seconds = Number(document.body.dataset.refresh);
  if (seconds > 0) {
    const toggle = document.getElementById("refresh");
    let paused = false;
    if (toggle) {
      toggle.hidden = false;
      toggle.addEventListener("click", () => {
        paused = !paused;
        toggle.textContent = paused ? "Resume updates" : "Pause updates";
        toggle.setAttribute("aria-pressed", String(paused));
      });
    }
    window.setInterval(() => {
      const active = document.activeElement;
      const busy = active && active !== document.body;
      const selecting = String(window.getSelection()) !== "";
      if (!paused && !busy && !selecting && document.visibilityState === "visible") {
        window.location.reload();
      }
    }, seconds * 1000);
  }
})();
