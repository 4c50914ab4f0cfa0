// The script of every page: draws what Python sends as JSON. Text reaches the page through text nodes only.
(() => {
  "use strict";
  if (window.WB) return;

  const renderers = new Map();

  /** An element: attributes by name, `class`, `data`, listeners as `onclick`, children as nodes or text. */
  function el(tag, options = {}, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(options)) {
      if (value === null || value === undefined || value === false) continue;
      if (name === "class") node.className = value;
      else if (name === "data") Object.assign(node.dataset, value);
      else if (name === "style") Object.assign(node.style, value);
      else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else node.setAttribute(name, value === true ? "" : String(value));
    }
    for (const child of children.flat()) {
      if (child === null || child === undefined || child === false || child === "") continue;
      node.append(child instanceof Node ? child : document.createTextNode(String(child)));
    }
    return node;
  }

  function bar(share, options = {}) {
    const unknown = share === null || share === undefined;
    const width = unknown ? 0 : Math.max(0, Math.min(1, share)) * 100;
    const fill = el("i", { class: unknown ? "wb-bar-unknown" : "" });
    fill.style.width = unknown ? "" : `${width}%`;
    return el("span", {
      class: `wb-bar ${options.class || ""}`, role: "progressbar", "aria-label": options.label || "",
      "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": unknown ? null : Math.round(width),
    }, fill);
  }

  const chip = (text, tone = "plain", options = {}) => el("span", { class: `wb-chip wb-${tone}`, ...options }, text);

  /** Replace a node's content without losing the focus of a button that is drawn again (found by data-key). */
  function redraw(root, ...children) {
    const active = root.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    root.replaceChildren(...children.flat().filter(Boolean));
    if (active) root.querySelector(`[data-key="${CSS.escape(active)}"]`)?.focus({ preventScroll: true });
  }

  function register(name, start) { renderers.set(name, start); }

  function mount(name, element, props, trigger, watch, labels, ask) {
    const root = element.querySelector(".wb-view");
    const start = renderers.get(name);
    if (!root || !start) return;
    // the bar lifts the page's cover; a page without one is there when its first part is
    if (!document.getElementById("wb-header")) document.body.classList.add("wb-ready");
    const draw = start(root, labels, (data) => trigger("click", data), ask);
    const update = () => {
      let data;
      try { data = JSON.parse(props.value || "null"); } catch { return; }
      if (data !== null) draw(data);
    };
    watch("value", update);
    update();
  }

  /** Press a real button of the page by its id, as a finger would; false where it is not on the screen. */
  function press(id) {
    const host = document.getElementById(id);
    const button = host && (host.matches("button") ? host : host.querySelector("button"));
    if (!button || button.disabled || !button.offsetParent) return false;
    button.click();
    return true;
  }

  const isTyping = (event) => event.isComposing || event.keyCode === 229
    || event.target.closest?.("input, textarea, select, [contenteditable='true']");

  window.WB = { el, bar, chip, redraw, register, mount, press, isTyping };

  // ---- tabs as steps, and the tab in the address ----
  const tabButton = (name) => document.querySelector(`#wb-tabs [role=tab][data-tab-id="${CSS.escape(name)}"]`);
  const selectedTab = () =>
    document.querySelector("#wb-tabs > .tab-wrapper [role=tab][aria-selected=true]")?.dataset.tabId;

  function openTab(name) {
    const button = tabButton(name);
    if (button && button.getAttribute("aria-selected") !== "true") button.click();
    return Boolean(button);
  }
  window.WB.openTab = openTab;

  // ---- where a review was left; the desk itself comes with its tab, which may never have been opened ----
  const reviewing = {
    read() { try { return JSON.parse(localStorage.getItem("wb-review")) || {}; } catch { return {}; } },
    keep(changes) { localStorage.setItem("wb-review", JSON.stringify({ ...reviewing.read(), ...changes })); },
  };
  window.WB.reviewing = reviewing;

  /** From the compare page: the start card with that comparison. */
  window.WB.openReview = (comparison) => {
    if (comparison) reviewing.keep({ comparison, active: false });
    openTab("review");
    document.dispatchEvent(new CustomEvent("wb-review-choose"));
  };

  // a link that was sent around may name the tab as ?tab=, which also survives the page that asks for the password
  const addressTab = () => decodeURIComponent(location.hash.slice(1)) || new URLSearchParams(location.search).get("tab") || "";

  /** Go to the tab that the address names. The buttons answer only once gradio is ready, so ask until they do. */
  async function followAddress() {
    const wanted = addressTab();
    for (let tries = 0; wanted && selectedTab() !== wanted && tries < 40; tries += 1) {
      if (!tabButton(wanted)) return;
      openTab(wanted);
      await new Promise((done) => setTimeout(done, 100));
    }
  }

  function followTabs(onChange) {
    const list = document.querySelector("#wb-tabs > .tab-wrapper");
    if (!list) return false;
    const note = () => {
      const name = selectedTab();
      if (!name) return;
      if (addressTab() !== name) history.replaceState(null, "", `#${name}`);
      onChange(name);
      for (const tab of list.querySelectorAll("[role=tab]")) tab.tabIndex = tab.getAttribute("aria-selected") === "true" ? 0 : -1;
    };
    followAddress().then(() => {
      note();
      document.body.classList.add("wb-ready");
      new MutationObserver(note).observe(list, { subtree: true, attributes: true, attributeFilter: ["aria-selected"] });
    });
    window.addEventListener("hashchange", followAddress);
    list.addEventListener("keydown", moveBetweenTabs);
    return true;
  }

  /** Arrow keys move between tabs, as the pattern for tabs asks. */
  function moveBetweenTabs(event) {
    const move = { ArrowRight: 1, ArrowLeft: -1 }[event.code];
    if (!move || event.target.getAttribute("role") !== "tab") return;
    const tabs = [...event.currentTarget.querySelectorAll("[role=tab]")].filter((tab) => tab.offsetParent && !tab.disabled);
    const next = tabs[(tabs.indexOf(event.target) + move + tabs.length) % tabs.length];
    next.focus();
    next.click();
    event.preventDefault();
    event.stopPropagation();
  }

  // ---- light and dark: the system's choice unless the person chose ----
  const THEME_KEY = "wb-theme";
  function applyTheme() {
    const chosen = localStorage.getItem(THEME_KEY);
    const dark = chosen ? chosen === "dark" : document.body.classList.contains("dark");
    document.body.classList.toggle("dark", dark);
  }
  function switchTheme() {
    const dark = !document.body.classList.contains("dark");
    document.body.classList.toggle("dark", dark);
    localStorage.setItem(THEME_KEY, dark ? "dark" : "light");
  }

  // ---- the cover of a page that is not there yet ----
  /** The other language's page may still have to be built: its cover lies over this one meanwhile. */
  function coverFor(link, words) {
    link.addEventListener("click", (event) => {
      if (event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
      const cover = document.querySelector(".wb-cover");
      Object.assign(cover, { textContent: words, lang: link.lang });
      document.body.classList.remove("wb-ready");
    });
    window.addEventListener("pageshow", (event) => { if (event.persisted) document.body.classList.add("wb-ready"); });
  }

  // ---- toasts ----
  /** Toasts that gradio raises by itself (a lost connection, a refused file) have English titles: ours instead. */
  function nameToasts(labels) {
    const names = { Error: labels.error, Warning: labels.warning, Info: labels.info };
    new MutationObserver(() => {
      for (const title of document.querySelectorAll(".toast-title")) {
        const name = names[title.textContent.trim()];
        if (name && title.firstChild) title.firstChild.nodeValue = name;
      }
    }).observe(document.body, { childList: true, subtree: true });
  }

  // ---- the bar at the top ----
  register("header", (root, labels) => {
    document.documentElement.lang = labels.lang;
    document.cookie = `wb_lang=${labels.lang}; path=/; max-age=31536000; samesite=strict`;
    applyTheme();
    nameToasts(labels);
    const machine = el("small");
    const badge = el("span", { class: "wb-chip wb-place" });
    const memory = el("span"), memoryBar = el("span");
    const gpu = el("span"), gpuBar = el("span");
    const jobs = el("a", { class: "wb-jobs-link", href: "#jobs" });
    const language = el("a", { class: "wb-lang", href: labels.other_href, hreflang: labels.other_lang, lang: labels.other_lang },
      labels.other_language);
    coverFor(language, labels.other_loading);
    const theme = el("button", { class: "wb-theme", type: "button", title: labels.theme, "aria-label": labels.theme, onclick: switchTheme });
    root.append(
      el("div", { class: "wb-top" },
        el("a", { class: "wb-logo", href: "#start" }, labels.name), machine, badge,
        el("div", { class: "wb-meters" },
          el("span", { class: "wb-meter" }, el("span", { class: "wb-meter-name" }, labels.memory), memory, memoryBar),
          el("span", { class: "wb-meter wb-meter-gpu" }, el("span", { class: "wb-meter-name" }, labels.gpu), gpu, gpuBar),
          jobs, language, theme)));
    const follow = () => followTabs((name) => { language.href = `${labels.other_href}#${name}`; });
    if (!follow()) {
      const waiting = new MutationObserver(() => { if (follow()) waiting.disconnect(); });
      waiting.observe(document.body, { childList: true, subtree: true });
    }
    return (data) => {
      machine.textContent = data.machine;
      badge.textContent = data.badge;
      badge.title = data.badge_hint;
      badge.classList.toggle("wb-warn", data.leaves);
      memory.textContent = data.memory;
      memoryBar.replaceChildren(bar(data.memory_share, { label: labels.memory }));
      gpu.textContent = data.gpu;
      gpuBar.replaceChildren(...(data.gpu_share === null ? [] : [bar(data.gpu_share, { label: labels.gpu })]));
      jobs.textContent = data.jobs;
      jobs.classList.toggle("wb-busy", data.busy);
      for (const step of labels.steps.split(",")) {
        document.body.classList.toggle(`wb-done-${step}`, data.done.includes(step));
      }
    };
  });

  // ---- the command that does the same ----
  register("command", (root, labels) => (data) => {
    if (!data.command) { root.replaceChildren(); return; }
    const copy = el("button", { type: "button", class: "wb-link", data: { key: "copy" }, onclick: async () => {
      await copyText(data.command);
      copy.textContent = labels.copied;
      setTimeout(() => { copy.textContent = labels.copy; }, 2000);
    } }, labels.copy);
    redraw(root, el("div", { class: "wb-command-line" }, el("span", {}, labels.title), el("code", {}, data.command), copy));
  });

  /** The clipboard API exists on secure pages only; a password page on the house network is not one. */
  async function copyText(text) {
    if (navigator.clipboard && window.isSecureContext) { await navigator.clipboard.writeText(text); return; }
    const area = el("textarea", { style: { position: "fixed", opacity: "0" } });
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }

  // ---- the end of a log ----
  register("log", (root, labels) => {
    const box = el("pre", { tabindex: 0, "aria-label": labels.title });
    const title = el("div", { class: "wb-log-title" });
    root.append(title, box);
    return (data) => {
      const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
      title.textContent = data.name || labels.title;
      box.textContent = data.text || labels.empty;
      if (atEnd) box.scrollTop = box.scrollHeight;
    };
  });
})();
