// Several answers side by side while they come in. Every text is untrusted and becomes text nodes only.
(() => {
  "use strict";
  const { el, chip, register, press } = window.WB;
  const { renderAnswer, toUnits, textNodes } = window.WBReview;

  /** The stretches of each document that answers quote; stretches that overlap are cut at their ends. */
  function documentNode(text, ranges, flash) {
    const cuts = [...new Set([0, text.length, ...ranges.flatMap((range) => [range.start, range.end])])]
      .filter((cut) => cut <= text.length).sort((a, b) => a - b);
    const nodes = cuts.slice(0, -1).flatMap((start, i) => {
      const end = cuts[i + 1], part = textNodes(text.slice(start, end));
      const over = ranges.filter((range) => range.start <= start && range.end >= end);
      if (!over.length) return part;
      const sides = [...new Set(over.map((range) => range.place))].sort();
      const stripes = sides.map((side, k) => `var(--live-${side + 1}) ${(k * 100) / sides.length}% ${((k + 1) * 100) / sides.length}%`);
      const hit = over.some((range) => range.key === flash);
      return [el("mark", {
        class: `live-mark live-soft-${sides[0] + 1}${hit ? " wb-flash" : ""}`,
        style: { borderImage: `linear-gradient(90deg, ${stripes.join(", ")}) 1` },
      }, part)];
    });
    return el("div", { class: "live-document-text", tabindex: 0 }, nodes);
  }

  register("live", (root, labels) => {
    let run = null, view = null, flash = "", shown = 1;
    const state = new Map();

    function frame(data) {
      state.clear();
      root.replaceChildren(
        el("div", { class: "live-notes", "aria-live": "polite" }),
        el("div", { class: `live-panes${data.documents.length ? " live-with-documents" : ""}` },
          data.documents.length ? el("div", { class: "wb-card live-documents" }) : null,
          data.columns.map((column, place) => columnCard(column, place))));
      root.querySelector(".live-panes").style.setProperty("--live-count", data.columns.length);
    }

    function columnCard(column, place) {
      const parts = {
        chips: el("span", { class: "live-chips" }), thinking: el("details", { class: "live-thinking" }), thought: el("div", {}),
        body: el("div", { class: "live-body" }), facts: el("div", { class: "live-facts wb-soft wb-tiny" }), drawn: "",
      };
      parts.thinking.append(el("summary", {}, labels.thinking), parts.thought);
      state.set(place, parts);
      return el("section", { class: `wb-card live-answer live-answer-${place + 1}`, data: { place: String(place) }, "aria-label": column.label },
        el("h3", {}, el("span", { class: `live-name live-ink-${place + 1}` }, column.label), parts.chips),
        parts.thinking, parts.body, parts.facts);
    }

    function showQuote(quote, key) {
      shown = quote.document;
      flash = key;
      drawDocuments();
      root.querySelector(".live-documents .wb-flash")?.scrollIntoView({ block: "nearest", behavior: "smooth" });
    }

    function answerRanges(column, place) {
      return column.quotes.map((quote, i) => ({
        start: toUnits(column.text, quote.start), end: toUnits(column.text, quote.end), quote, key: `${place}-${i}`,
        cls: `live-quote live-quote-${quote.tone}${quote.tone === "good" ? ` live-soft-${place + 1}` : ""}`,
        badge: quote.badge, tone: quote.tone,
      }));
    }

    function drawColumn(column, place) {
      const parts = state.get(place);
      const now = JSON.stringify([column.text, column.reasoning, column.state, column.quotes, column.facts, column.chips]);
      if (parts.drawn === now) return;
      parts.drawn = now;
      parts.chips.replaceChildren(...column.chips.map((one) => chip(one.text, one.tone)));
      parts.thinking.hidden = !column.reasoning;
      parts.thought.replaceChildren(...textNodes(column.reasoning));
      const answer = column.text
        ? renderAnswer(column.text, answerRanges(column, place), (range) => showQuote(range.quote, range.key), labels)
        : el("p", { class: "wb-soft" }, column.state === "done" || column.state === "stopped" ? labels.no_text : column.error ? "" : labels.nothing_yet);
      if (column.state === "answering") answer.classList.add("live-growing");
      parts.body.replaceChildren(answer, ...(column.error ? [errorBox(column.error)] : []));
      parts.facts.replaceChildren(...column.facts.map((fact) => el("span", {}, fact)));
    }

    const errorBox = (error) => el("div", { class: "wb-error" }, el("b", {}, error.message), error.hint && el("span", {}, error.hint));

    function documentRanges(number) {
      const text = view.documents[number - 1];
      return view.columns.flatMap((column, place) => column.quotes.flatMap((quote, i) =>
        quote.document === number && quote.span
          ? [{ start: toUnits(text, quote.span[0]), end: toUnits(text, quote.span[1]), place, key: `${place}-${i}` }] : []));
    }

    function documentTab(number) {
      const places = [...new Set(documentRanges(number).map((range) => range.place))].sort();
      return el("button", {
        type: "button", class: "wb-doc-tab", role: "tab", "aria-selected": String(shown === number), data: { document: String(number) },
        onclick: () => { shown = number; flash = ""; drawDocuments(); },
      }, `${labels.document}${number}`, places.map((place) => el("i", { class: `live-dot-${place + 1}` })));
    }

    function drawDocuments() {
      const card = root.querySelector(".live-documents");
      if (!card) return;
      shown = Math.max(1, Math.min(shown, view.documents.length));
      card.replaceChildren(
        el("div", { class: "wb-doc-tabs", role: "tablist", "aria-label": labels.documents }, view.documents.map((_, i) => documentTab(i + 1))),
        documentNode(view.documents[shown - 1], documentRanges(shown), flash));
    }

    return (data) => {
      const fresh = data.run !== run;
      const quotes = JSON.stringify(data.columns.map((column) => column.quotes));
      const moved = fresh || quotes !== JSON.stringify(view.columns.map((column) => column.quotes));
      view = data;
      if (fresh) { run = data.run; flash = ""; shown = 1; frame(data); }
      if (moved && !flash) shown = data.columns.flatMap((column) => column.quotes).find((quote) => quote.document)?.document || shown;
      root.querySelector(".live-notes").replaceChildren(...data.notes.map((note) => el("div", { class: "wv-box warn" }, note)));
      data.columns.forEach(drawColumn);
      if (moved) drawDocuments();
    };
  });

  // Enter belongs to the text and to the IME; only Enter with Ctrl or Cmd sends
  document.addEventListener("keydown", (event) => {
    const sends = (event.ctrlKey || event.metaKey) && (event.code === "Enter" || event.code === "NumpadEnter");
    if (!sends || event.isComposing || event.keyCode === 229 || !event.target.closest?.("#live-question")) return;
    event.preventDefault();
    press("live-send");
  });
})();
