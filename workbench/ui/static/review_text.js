// Answers and documents as text nodes: a small safe part of Markdown, marks for quotes, differences and notes.
// Nothing of a text ever becomes markup: links, images and HTML stay the characters that they are.
(() => {
  "use strict";
  const { el } = window.WB;
  // invisible characters and those that turn the direction of writing are shown by their number
  const HIDDEN = /[\u00ad\u061c\u180e\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]/g;
  const INLINE = /\*\*(?=\S)([^\n]*?\S)\*\*|`([^`\n]+)`/g;

  // Python counts code points, JavaScript UTF-16 units: translate where a text holds characters beyond the first plane
  const isWide = (text) => /[\ud800-\udbff]/.test(text);
  const toUnits = (text, index) => (isWide(text) ? [...text].slice(0, index).join("").length : index);
  const toPoints = (text, index) => (isWide(text) ? [...text.slice(0, index)].length : index);

  /** The lines of a text with what they are; `start` and `end` leave out the signs that only format. */
  function readLines(text) {
    const found = [];
    let at = 0, fenced = false;
    for (const whole of text.split("\n")) {
      const start = at, line = whole.replace(/\r$/, "");
      at += whole.length + 1;
      const end = start + line.length;
      if (/^\s*```/.test(line)) { fenced = !fenced; continue; }
      if (fenced) { found.push({ kind: "code", start, end }); continue; }
      found.push({ start, end, ...readLine(line, start) });
    }
    return found;
  }

  function readLine(line, start) {
    let sign;
    if (!line.trim()) return { kind: "gap" };
    if (/^\s*([-*_])(?:\s*\1){2,}\s*$/.test(line)) return { kind: "rule" };
    if ((sign = /^(\s*)[-*+]\s+(?=\S)/.exec(line))) return { kind: "item", sign: "•", depth: depth(sign[1]), start: start + sign[0].length };
    if ((sign = /^(\s*)(\d{1,3}[.)])\s+(?=\S)/.exec(line))) return { kind: "item", sign: sign[2], depth: depth(sign[1]), start: start + sign[0].length };
    if ((sign = /^#{1,6}\s+(?=\S)/.exec(line))) return { kind: "head", start: start + sign[0].length };
    if ((sign = /^\s*>\s?/.exec(line))) return { kind: "cite", start: start + sign[0].length };
    return { kind: "text" };
  }

  const depth = (indent) => Math.min(4, Math.floor(indent.replace(/\t/g, "  ").length / 2));

  /** Pieces of one line without the signs of bold and code. */
  function readInline(text, line) {
    if (line.kind === "code") return [{ start: line.start, end: line.end, style: "code" }];
    const pieces = [];
    let at = line.start;
    for (const match of text.slice(line.start, line.end).matchAll(INLINE)) {
      const start = line.start + match.index, sign = match[1] === undefined ? 1 : 2;
      pieces.push({ start: at, end: start });
      pieces.push({ start: start + sign, end: start + match[0].length - sign, style: sign === 2 ? "bold" : "code" });
      at = start + match[0].length;
    }
    pieces.push({ start: at, end: line.end });
    return pieces.filter((piece) => piece.start < piece.end);
  }

  /** Cut a stretch of a text at the ends of ranges; each piece knows which ranges cover it. */
  function cutAt(start, end, ranges) {
    const inside = ranges.filter((range) => range.start < range.end && range.start < end && range.end > start);
    const points = [...new Set([start, end, ...inside.flatMap((range) => [range.start, range.end])])]
      .filter((point) => point >= start && point <= end).sort((a, b) => a - b);
    return points.slice(0, -1).map((from, i) => ({
      start: from, end: points[i + 1],
      ranges: inside.filter((range) => range.start <= from && range.end >= points[i + 1]),
    }));
  }

  /** A text as nodes; an invisible character becomes a small sign with its number. */
  function textNodes(text) {
    const nodes = [];
    let at = 0;
    for (const match of text.matchAll(HIDDEN)) {
      if (match.index > at) nodes.push(document.createTextNode(text.slice(at, match.index)));
      const number = match[0].codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
      nodes.push(el("span", { class: "rd-hidden-char" }, `U+${number}`));
      at = match.index + 1;
    }
    if (at < text.length) nodes.push(document.createTextNode(text.slice(at)));
    return nodes;
  }

  function pieceNode(text, piece, style, onQuote, labels) {
    const classes = [...new Set(piece.ranges.map((range) => range.cls))];
    if (style) classes.push(`rd-${style}`);
    const quote = piece.ranges.find((range) => range.quote);
    const options = { class: classes.join(" "), data: { at: piece.start, len: piece.end - piece.start } };
    if (quote?.quote.document) {
      // a quote flows with its text, which a real button would not do
      const act = () => onQuote(quote);
      Object.assign(options, { class: `${options.class} rd-quote-go`, title: labels.quote_go, onclick: act });
      if (piece.start === quote.start) {
        Object.assign(options, { role: "button", tabindex: 0, onkeydown: (event) => {
          if (event.code === "Enter" || event.code === "Space") { event.preventDefault(); event.stopPropagation(); act(); }
        } });
      }
    }
    const node = el("span", options, textNodes(text.slice(piece.start, piece.end)));
    const ended = piece.ranges.filter((range) => range.badge && range.end === piece.end);
    return [node, ...ended.map((range) => el("span", { class: `rd-badge rd-badge-${range.tone}`, "aria-hidden": range.silent }, range.badge))];
  }

  /**
   * An answer as nodes.
   * `ranges`: `{start, end, cls, quote?, badge?, tone?}` in UTF-16 units of the text; `onQuote` hears of a press on a quote.
   */
  function renderAnswer(text, ranges, onQuote, labels) {
    const box = el("div", { class: "rd-answer-text" });
    for (const line of readLines(text)) {
      if (line.kind === "gap" || line.kind === "rule") { box.append(el("div", { class: `rd-${line.kind}` })); continue; }
      const nodes = readInline(text, line).flatMap((inline) =>
        cutAt(inline.start, inline.end, ranges).flatMap((piece) => pieceNode(text, piece, inline.style, onQuote, labels)));
      const body = line.kind === "item" ? [el("span", { class: "rd-sign" }, line.sign), el("span", {}, nodes)] : nodes;
      box.append(el("div", { class: `rd-line rd-line-${line.kind}${line.depth ? ` rd-depth-${line.depth}` : ""}` }, body));
    }
    return box;
  }

  /** A document as it is, with the quoted stretches of both answers marked. */
  function renderDocument(text, ranges, flash) {
    const nodes = cutAt(0, text.length, ranges).flatMap((piece) => {
      const part = textNodes(text.slice(piece.start, piece.end));
      if (!piece.ranges.length) return part;
      const places = new Set(piece.ranges.map((range) => range.place));
      const kind = places.size > 1 ? "ab" : places.has("left") ? "a" : "b";
      const hit = piece.ranges.some((range) => range.key === flash);
      return [el("mark", { class: `rd-mark-${kind}${hit ? " wb-flash" : ""}` }, part)];
    });
    return el("div", { class: "rd-document-text", tabindex: 0 }, nodes);
  }

  /** The stretch of an answer that the reader has selected, in UTF-16 units of its text; null where there is none. */
  function selectedRange(box) {
    const selection = window.getSelection();
    if (!selection.rangeCount || selection.isCollapsed) return null;
    const range = selection.getRangeAt(0);
    if (!box.contains(range.startContainer) && !box.contains(range.endContainer)) return null;
    let start = Infinity, end = -Infinity;
    for (const span of box.querySelectorAll("[data-at]")) {
      if (!range.intersectsNode(span)) continue;
      const at = Number(span.dataset.at), length = Number(span.dataset.len);
      start = Math.min(start, at + offsetIn(span, range.startContainer, range.startOffset, 0));
      end = Math.max(end, at + offsetIn(span, range.endContainer, range.endOffset, length));
    }
    return end > start ? { start, end } : null;
  }

  /** How many characters of a piece stand before a point; `otherwise` where the point is not inside it. */
  function offsetIn(span, container, offset, otherwise) {
    if (!span.contains(container) || container.nodeType !== Node.TEXT_NODE) return otherwise;
    let passed = 0;
    for (const child of span.childNodes) {
      if (child === container) return passed + offset;
      if (child.contains(container)) return passed;
      passed += child.nodeType === Node.TEXT_NODE ? child.length : 1;
    }
    return otherwise;
  }

  /** The parts of a difference as one place sees them: its own text with what is only here marked. */
  function diffRanges(diff, place, importantOnly) {
    const ranges = [];
    let at = 0;
    for (const [same, left, right, important] of diff) {
      const own = place === "left" ? left : right;
      if (own && !same && (important || !importantOnly)) {
        ranges.push({ start: at, end: at + own.length, cls: important ? "rd-diff-important" : "rd-diff" });
      }
      at += own.length;
    }
    return ranges;
  }

  window.WBReview = { renderAnswer, renderDocument, selectedRange, diffRanges, toUnits, toPoints, textNodes };
})();
