// Reading two answers against their documents. Every text is untrusted and becomes text nodes only.
(() => {
  "use strict";
  const { el, chip, redraw, register, press, isTyping } = window.WB;
  const DIFF_MODES = ["off", "all", "important"];
  const PRESSES = { KeyN: "cmp-next", KeyP: "cmp-prev" };

  /** Cut a text at the ends of ranges; each piece knows which ranges cover it. */
  function pieces(text, ranges) {
    const cuts = new Set([0, text.length]);
    const valid = ranges.filter((range) => range.start < range.end && range.end <= text.length);
    for (const range of valid) { cuts.add(range.start); cuts.add(range.end); }
    const points = [...cuts].sort((a, b) => a - b);
    return points.slice(0, -1).map((start, i) => ({
      text: text.slice(start, points[i + 1]),
      ranges: valid.filter((range) => range.start <= start && range.end >= points[i + 1]),
    }));
  }

  // Python counts code points, JavaScript UTF-16 units: translate where a text holds characters beyond the first plane
  function toUnits(text, index) {
    if (!/[\ud800-\udbff]/.test(text)) return index;
    return [...text].slice(0, index).join("").length;
  }

  function documentNode(text, ranges, flash) {
    const nodes = pieces(text, ranges).map((piece) => {
      if (!piece.ranges.length) return document.createTextNode(piece.text);
      const sides = new Set(piece.ranges.map((range) => range.side));
      const kind = sides.size > 1 ? "ab" : sides.has("left") ? "a" : "b";
      const hit = piece.ranges.some((range) => range.key === flash);
      return el("mark", { class: `wb-mark-${kind}${hit ? " wb-flash" : ""}`, data: { quote: piece.ranges.map((range) => range.key).join(" ") } }, piece.text);
    });
    return el("div", { class: "wb-document-text", tabindex: 0 }, nodes);
  }

  /** The parts of the diff as one side sees them: its own text with what is only here marked. */
  function diffRanges(diff, side, mode) {
    const ranges = [];
    let at = 0;
    for (const part of diff) {
      const own = side === "left" ? part.a : part.b;
      if (!own) continue;
      if (part.op !== "equal" && (mode === "all" || part.important)) {
        ranges.push({ start: at, end: at + own.length, kind: part.important ? "important" : "changed" });
      }
      at += own.length;
    }
    return ranges;
  }

  /** A quote flows with its text, which a real button would not do. */
  function quoteNode(quoted, node, showQuote, labels) {
    const kind = `wb-quote wb-quote-${quoted.quote.tone}`;
    if (!quoted.quote.document) return el("span", { class: kind }, node);
    const go = () => showQuote(quoted.quote, quoted.key);
    return el("span", {
      class: `${kind} wb-quote-go`, role: "button", tabindex: 0, title: labels.quote_go, data: { key: quoted.key }, onclick: go,
      onkeydown: (event) => { if (event.code === "Enter" || event.code === "Space") { event.preventDefault(); event.stopPropagation(); go(); } },
    }, node);
  }

  function answerBody(view, side, state, showQuote, labels) {
    const answer = view[side];
    if (!answer.text) return el("p", { class: "wb-soft" }, labels.answer_empty);
    const quotes = answer.quotes.map((quote, i) => ({
      start: toUnits(answer.text, quote.start), end: toUnits(answer.text, quote.end), kind: "quote", quote, key: `${side}-${i}`,
    }));
    const changes = state.diff === "off" ? [] : diffRanges(view.diff, side, state.diff);
    const nodes = pieces(answer.text, [...quotes, ...changes]).map((piece) => {
      if (!piece.ranges.length) return document.createTextNode(piece.text);
      const change = piece.ranges.find((range) => range.kind !== "quote");
      const quoted = piece.ranges.find((range) => range.kind === "quote");
      let node = document.createTextNode(piece.text);
      if (change) node = el("span", { class: `wb-diff-${change.kind}` }, node);
      if (quoted) {
        node = quoteNode(quoted, node, showQuote, labels);
      }
      return node;
    });
    return el("div", { class: "wb-answer-text" }, nodes);
  }

  function badges(answer) {
    const counts = new Map();
    for (const quote of answer.quotes) {
      const entry = counts.get(quote.badge) || { count: 0, tone: quote.tone };
      entry.count += 1;
      counts.set(quote.badge, entry);
    }
    return [answer.badge && chip(answer.badge.text, answer.badge.tone),
      ...[...counts].map(([text, entry]) => chip(entry.count > 1 ? `${text} ${entry.count}` : text, entry.tone))];
  }

  register("answers", (root, labels) => {
    let view = null;
    const state = { diff: "off", gold: false, document: 1, flash: "" };

    function showQuote(quote, key) {
      state.document = quote.document;
      state.flash = key;
      draw();
      root.querySelector(".wb-flash")?.scrollIntoView({ block: "center", behavior: "smooth" });
    }

    function ranges(number) {
      const text = view.documents[number - 1];
      return ["left", "right"].flatMap((side) => view[side].quotes.flatMap((quote, i) =>
        quote.document === number && quote.span
          ? [{ start: toUnits(text, quote.span[0]), end: toUnits(text, quote.span[1]), side, key: `${side}-${i}` }] : []));
    }

    function documentTab(number) {
      const marks = new Set(ranges(number).map((range) => range.side));
      const chosen = number === state.document;
      return el("button", { type: "button", role: "tab", class: "wb-doc-tab", "aria-selected": String(chosen),
        data: { key: `doc-${number}`, document: number }, onclick: () => { state.document = number; state.flash = ""; draw(); } },
        chosen ? `${labels.document}${number}` : String(number),
        marks.has("left") && el("i", { class: "wb-dot-a", "aria-hidden": true }),
        marks.has("right") && el("i", { class: "wb-dot-b", "aria-hidden": true }),
        number === view.oracle && state.gold && el("span", { class: "wb-tiny" }, labels.oracle));
    }

    function documentsCard() {
      if (!view.documents.length) return el("div", { class: "wb-card wb-documents" }, el("p", { class: "wb-soft" }, labels.documents_none));
      return el("div", { class: "wb-card wb-documents" },
        el("div", { class: "wb-doc-tabs", role: "tablist" }, view.documents.map((_, i) => documentTab(i + 1))),
        documentNode(view.documents[state.document - 1], ranges(state.document), state.flash));
    }

    function answerCard(side) {
      const answer = view[side];
      const tone = answer.side === "baseline" ? "base" : answer.side === "finetuned" ? "tuned" : side === "left" ? "base" : "tuned";
      return el("div", { class: `wb-card wb-answer wb-answer-${tone}`, data: { side } },
        el("h3", {}, el("span", { class: `wb-side-${tone}` }, answer.label), badges(answer)),
        answerBody(view, side, state, showQuote, labels));
    }

    function toolbar() {
      const modes = DIFF_MODES.map((mode) => el("button", {
        type: "button", class: "wb-choice", data: { key: `diff-${mode}`, diff: mode }, "aria-pressed": String(state.diff === mode),
        onclick: () => { state.diff = mode; draw(); },
      }, labels[`diff_${mode}`]));
      const changed = view.diff.some((part) => part.op !== "equal" && (state.diff !== "important" || part.important));
      return el("div", { class: "wb-toolbar" },
        el("span", { class: "wb-tool-name" }, labels.diff, el("kbd", {}, "D")), modes,
        state.diff !== "off" && !changed && el("span", { class: "wb-soft wb-tiny" }, labels.diff_same),
        el("button", { type: "button", class: "wb-choice wb-gold", data: { key: "gold" }, "aria-pressed": String(state.gold), onclick: toggleGold },
          labels.reference, el("kbd", {}, "G")));
    }

    function draw() {
      if (!view) return;
      if (view.empty) { redraw(root, el("p", { class: "wb-empty wb-card" }, labels.empty)); return; }
      const scroll = root.querySelector(".wb-document-text")?.scrollTop || 0;
      redraw(root,
        el("div", { class: "wb-card wb-question" },
          el("div", { class: "wb-soft wb-tiny" }, labels.question, view.kind && ` · ${view.kind}`), el("p", {}, view.question)),
        el("div", { class: "wb-panes" }, documentsCard(), answerCard("left"), answerCard("right")),
        toolbar(),
        state.gold && el("div", { class: "wb-card wb-reference" }, el("b", {}, labels.reference),
          el("div", { class: "wb-answer-text" }, view.target || labels.reference_none)));
      const box = root.querySelector(".wb-document-text");
      if (box && !state.flash) box.scrollTop = scroll;
    }

    function toggleGold() { state.gold = !state.gold; draw(); }

    function showDocument(number) {
      if (number > view.documents.length) return false;
      Object.assign(state, { document: number, flash: "" });
      draw();
      return true;
    }

    function onKey(event) {
      if (!root.isConnected) { document.removeEventListener("keydown", onKey); return; }
      if (!view || view.empty || !root.offsetParent || isTyping(event) || event.ctrlKey || event.altKey || event.metaKey) return;
      if (handleKey(event)) event.preventDefault();
    }

    function handleKey(event) {
      const digit = /^(?:Digit|Numpad)([1-9])$/.exec(event.code);
      if (event.shiftKey) return digit ? showDocument(Number(digit[1])) : false;
      if (event.code === "KeyD") { state.diff = DIFF_MODES[(DIFF_MODES.indexOf(state.diff) + 1) % DIFF_MODES.length]; draw(); return true; }
      if (event.code === "KeyG") { toggleGold(); return true; }
      return event.code in PRESSES && press(PRESSES[event.code]);
    }

    document.addEventListener("keydown", onKey);
    return (next) => {
      if (!view || view.id !== next.id) Object.assign(state, { document: next.first || 1, flash: "", gold: false });
      view = next;
      draw();
    };
  });
})();
