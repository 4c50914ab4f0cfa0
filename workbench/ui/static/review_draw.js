// What the review desk looks like: each function makes one part of it from the state. `act` holds what buttons do.
(() => {
  "use strict";
  const { el, bar, chip } = window.WB;
  const { renderAnswer, renderDocument, diffRanges, toUnits, textNodes } = window.WBReview;
  const PLACES = ["left", "right"];
  const VERDICTS = [["left", "←"], ["tie", "↓"], ["right", "→"], ["bad", "↑"]];
  const MODES = ["word", "char", "sentence"];
  const MARKS = [["right", "○"], ["partly", "△"], ["wrong", "×"]];
  const LETTER = { left: "A", right: "B" };

  const key = (name) => el("kbd", {}, name);
  const button = (text, options, ...more) => el("button", { type: "button", class: "wb-btn wb-small", ...options }, text, ...more);
  const toggle = (text, pressed, options, ...more) =>
    el("button", { type: "button", class: "wb-choice", "aria-pressed": String(pressed), ...options }, text, ...more);

  /** Blue is the baseline and orange the fine-tuned side; while names are hidden, A and B. */
  function toneOf(item, place) {
    const sides = item.reveal?.sides || item.sides;
    if (!sides) return place === "left" ? "base" : "tuned";
    return sides[place] === "baseline" ? "base" : "tuned";
  }

  const nameOf = (item, place, labels) => {
    const sides = item.reveal?.sides || item.sides;
    return item.reveal?.names?.[place] || (sides ? labels[`side_${sides[place]}`] : "");
  };

  // ---- the card before the review ----
  function startCard(form, told, labels, act) {
    if (!told.comparisons.length) return el("div", { class: "wb-card rd-start" }, el("p", { class: "wb-empty" }, labels.none));
    const choose = el("select", { data: { key: "comparison" }, id: "rd-comparison", onchange: (event) => act.choose({ comparison: event.target.value }) },
      told.comparisons.map((one) => el("option", { value: one.id, selected: one.id === told.comparison }, one.label)));
    const name = el("input", { type: "text", id: "rd-name", maxlength: 80, autocomplete: "off", list: "rd-names", value: form.reviewer,
      placeholder: labels.name_hint, data: { key: "name" }, oninput: (event) => { form.reviewer = event.target.value; },
      onchange: (event) => act.choose({ reviewer: event.target.value }) });
    const names = el("datalist", { id: "rd-names" }, (told.names || []).map((one) => el("option", { value: one })));
    return el("div", { class: "wb-card rd-start" },
      el("h1", {}, labels.title),
      told.resume && !told.resume.finished && resumeBox(told, labels, act),
      el("div", { class: "rd-fields" },
        el("label", {}, el("b", {}, labels.comparison), choose, el("small", {}, told.facts)),
        el("label", {}, el("b", {}, labels.name), name, names, el("small", {}, labels.name_why))),
      el("fieldset", { class: "rd-modes" }, el("legend", {}, labels.which), modeChoices(form, told, labels, act)),
      el("label", { class: "rd-check" },
        el("input", { type: "checkbox", id: "rd-blind", checked: form.blind, disabled: form.mode === "adjudicate", data: { key: "blind" },
          onchange: (event) => { form.blind = event.target.checked; } }),
        el("span", {}, el("b", {}, labels.blind), el("small", {}, labels.blind_why))),
      el("div", { class: "rd-begin" }, el("button", { type: "button", class: "wb-btn wb-primary", id: "rd-begin", data: { key: "begin" }, onclick: act.begin },
        labels.begin), el("span", { class: "wb-soft wb-tiny" }, labels.saved_always)));
  }

  function resumeBox(told, labels, act) {
    return el("div", { class: "rd-resume" }, el("span", {}, told.resume.text),
      el("button", { type: "button", class: "wb-btn wb-primary", id: "rd-resume", data: { key: "resume" }, onclick: act.resume }, labels.resume));
  }

  function modeChoices(form, told, labels, act) {
    const size = (mode) => el("input", { type: "number", min: 1, max: 100000, value: form.size, class: "rd-size", "aria-label": labels.size, data: { key: `size-${mode}` },
      oninput: (event) => { form.size = Math.max(1, Math.round(Number(event.target.value)) || 30); } });
    const select = (name, options) => el("select", { "aria-label": labels[name], data: { key: name }, onchange: (event) => act.pick({ [name]: event.target.value }) },
      options.map(([value, text]) => el("option", { value, selected: value === form[name] }, text)));
    const extra = {
      random: () => [size("random"), labels.questions], worst: () => [size("worst"), labels.questions],
      filter: () => [select("filter", told.filters), form.filter === "tagged" && select("tag", told.tags), select("order", told.orders)], adjudicate: () => [],
      all: () => [],
    };
    return ["random", "worst", "all", "filter", "adjudicate"].map((mode) => {
      const chosen = form.mode === mode, off = mode === "adjudicate" && !told.split;
      return el("label", { class: `rd-mode${chosen ? " rd-chosen" : ""}${off ? " rd-off" : ""}`, data: { mode } },
        el("input", { type: "radio", name: "rd-mode", value: mode, checked: chosen, disabled: off, data: { key: `mode-${mode}` }, onchange: () => act.mode(mode) }),
        el("span", {}, el("b", {}, labels[`mode_${mode}`]), el("small", {}, mode === "adjudicate" ? told.split_text : labels[`mode_${mode}_why`]),
          chosen && el("span", { class: "rd-extra" }, extra[mode]())));
    });
  }

  // ---- the bar ----
  function topBar(state, labels, act) {
    const { progress, desk } = state;
    return [
      el("b", { class: "rd-count" }, progress.text), bar(progress.share, { class: "rd-progress", label: progress.text }),
      progress.eta && el("span", { class: "wb-soft wb-tiny" }, progress.eta),
      ...desk.chips.map((text) => chip(text)),
      el("span", { class: "rd-right" },
        el("span", { class: "wb-soft wb-tiny rd-who" }, `${desk.reviewer} · `, el("span", { class: `rd-saved${state.offline ? " rd-offline" : ""}`, role: "status" },
          state.offline ? labels.offline : state.waiting ? labels.saving : labels.saved)),
        button(labels.list, { data: { key: "list" }, id: "rd-list-open", "aria-expanded": String(Boolean(state.list)), onclick: act.list }, key("L")),
        button(labels.help, { data: { key: "help" }, id: "rd-help-open", onclick: act.help }, key("?")),
        button(labels.leave, { data: { key: "leave" }, id: "rd-leave", onclick: act.leave })),
    ];
  }

  function questionCard(state, labels, act) {
    const { item } = state;
    return el("div", { class: "wb-card rd-question" },
      el("div", { class: "wb-soft wb-tiny rd-question-head" }, `${labels.question} ${state.progress.place}`,
        el("button", { type: "button", class: "wb-link", "aria-expanded": String(state.promptShown), data: { key: "prompt" }, onclick: act.prompt }, labels.prompt)),
      el("p", {}, textNodes(item.question)),
      state.promptShown && el("div", { class: "rd-prompt wb-soft" }, textNodes(state.prompt ?? labels.loading) || "", state.prompt === "" && labels.prompt_none));
  }

  // ---- documents and answers ----
  function quoteRanges(item, number) {
    const text = item.documents[number - 1];
    return PLACES.flatMap((place) => item[place].quotes.flatMap((quote, i) => (quote.document === number && quote.span
      ? [{ start: toUnits(text, quote.span[0]), end: toUnits(text, quote.span[1]), place, key: `${place}-${i}` }] : [])));
  }

  function documentCard(state, labels, act) {
    const { item } = state;
    if (!item.documents.length) return null;
    const tabs = item.documents.map((_, i) => {
      const number = i + 1, marks = new Set(quoteRanges(item, number).map((range) => range.place)), chosen = number === state.document;
      return el("button", { type: "button", role: "tab", class: "wb-doc-tab", "aria-selected": String(chosen), data: { key: `doc-${number}`, document: number },
        onclick: () => act.document(number) },
        chosen ? `${labels.document}${number}` : String(number),
        marks.has("left") && el("i", { class: `wb-dot-${toneOf(item, "left") === "base" ? "a" : "b"}`, "aria-hidden": true }),
        marks.has("right") && el("i", { class: `wb-dot-${toneOf(item, "right") === "base" ? "a" : "b"}`, "aria-hidden": true }),
        number === item.oracle && el("span", { class: "rd-oracle" }, labels.oracle));
    });
    // the marks take the colours of the sides too, once they are known
    const swapped = toneOf(item, "left") === "tuned" ? " rd-swapped" : "";
    return el("div", { class: `wb-card rd-documents${swapped}` }, el("div", { class: "wb-doc-tabs", role: "tablist", "aria-label": labels.documents }, tabs),
      renderDocument(item.documents[state.document - 1], quoteRanges(item, state.document), state.flash));
  }

  function answerRanges(state, place) {
    const { item } = state, answer = item[place];
    const quotes = answer.quotes.map((quote, i) => ({
      start: toUnits(answer.text, quote.start), end: toUnits(answer.text, quote.end), quote, key: `${place}-${i}`, cls: `rd-quote rd-quote-${quote.tone}`,
      badge: quote.badge, tone: quote.tone }));
    const notes = state.entry.notes.map((note, i) => ({ note, i })).filter(({ note }) => note.place === place)
      .map(({ note, i }) => ({ start: note.start, end: note.end, cls: "rd-note", badge: `✎${i + 1}`, tone: "note" }));
    const changes = item.diff && (state.diff !== "off" || state.important)
      ? diffRanges(item.diff[state.diff === "off" ? "word" : state.diff], place, state.important) : [];
    return [...changes, ...quotes, ...notes];
  }

  function answerCard(state, place, labels, act) {
    const { item } = state, answer = item[place], tone = toneOf(item, place);
    const name = nameOf(item, place, labels);
    return el("div", { class: `wb-card wb-answer wb-answer-${tone} rd-answer`, data: { place } },
      el("h3", {}, labels.answer, el("span", { class: `wb-side-${tone}` }, LETTER[place]), name && el("span", { class: `rd-name wb-side-${tone}` }, name),
        answer.badge && chip(answer.badge.text, answer.badge.tone)),
      answer.text ? renderAnswer(answer.text, answerRanges(state, place), act.quote, labels) : el("p", { class: "wb-soft" }, labels.answer_empty),
      answer.cut && el("p", { class: "wb-soft wb-tiny" }, labels.answer_cut),
      notesList(state, place, labels, act),
      el("div", { class: "rd-answer-foot" }, correctness(state, place, labels, act), stateChoice(state, place, labels, act)));
  }

  function notesList(state, place, labels, act) {
    const notes = state.entry.notes.map((note, i) => ({ note, i })).filter(({ note }) => note.place === place);
    if (!notes.length) return null;
    return el("ul", { class: "rd-notes" }, notes.map(({ note, i }) => el("li", {},
      el("span", { class: "rd-note-number" }, `✎${i + 1}`), el("span", { class: "rd-note-passage" }, textNodes(cut(state.item[place].text.slice(note.start, note.end)))),
      el("input", { type: "text", maxlength: 1000, value: note.text, placeholder: labels.note_hint, "aria-label": labels.note, data: { key: `note-${i}` },
        oninput: (event) => act.note(i, event.target.value) }),
      el("button", { type: "button", class: "wb-link", title: labels.note_remove, "aria-label": labels.note_remove, data: { key: `note-x-${i}` }, onclick: () => act.unpin(i) }, "×"))));
  }

  const cut = (text) => (text.length > 40 ? `${text.slice(0, 40)}…` : text);

  function correctness(state, place, labels, act) {
    const chosen = state.entry.correctness[place];
    return el("span", { class: "rd-correctness", role: "group", "aria-label": `${labels.correctness} ${LETTER[place]}` },
      el("span", { class: "wb-soft wb-tiny" }, labels.correctness), key(place === "left" ? "Q" : "W"),
      MARKS.map(([value, mark]) => toggle(mark, chosen === value, { class: `wb-choice rd-mark rd-mark-${value}`, title: labels[`mark_${value}`],
        "aria-label": labels[`mark_${value}`], data: { key: `mark-${place}-${value}` }, onclick: () => act.mark(place, value) })));
  }

  function stateChoice(state, place, labels, act) {
    const found = state.item[place].state;
    if (!["answered", "partial", "refused"].includes(found)) return null;
    const chosen = state.entry.states[place] || found;
    return el("label", { class: `rd-state${state.entry.states[place] ? " rd-overruled" : ""}` }, el("span", { class: "wb-soft wb-tiny" }, labels.state),
      el("select", { data: { key: `state-${place}` }, "aria-label": `${labels.state} ${LETTER[place]}`, onchange: (event) => act.overrule(place, event.target.value === found ? "" : event.target.value) },
        ["answered", "partial", "refused"].map((value) => el("option", { value, selected: value === chosen },
          labels[`state_${value}`] + (value === found ? labels.state_auto : "")))));
  }

  // ---- differences and the reference answer ----
  function toolBar(state, labels, act) {
    const { item } = state, none = !item.diff;
    return [
      el("span", { class: "rd-tool" }, toggle(labels.diff, state.diff !== "off", { data: { key: "diff" }, disabled: none, onclick: () => act.diff(state.diff === "off" ? "word" : "off") }, key("D")),
        MODES.map((mode) => toggle(labels[`diff_${mode}`], state.diff === mode, { data: { key: `diff-${mode}`, diff: mode }, disabled: none, onclick: () => act.diff(mode) }))),
      toggle(labels.important, state.important, { data: { key: "important" }, disabled: none, onclick: act.important }, key("F")),
      el("span", { class: "wb-soft wb-tiny rd-differences" }, item.differences),
      toggle(labels.gold, state.gold, { class: "wb-choice rd-gold-button", data: { key: "gold" }, onclick: act.gold }, key("G")),
    ];
  }

  const goldCard = (state, labels) => state.gold && el("div", { class: "wb-card rd-gold" }, el("b", {}, labels.gold),
    state.item.target ? renderAnswer(state.item.target, [], () => {}, labels) : el("p", { class: "wb-soft" }, labels.gold_none));

  function opinionsCard(state, labels) {
    if (!state.item.opinions) return null;
    return el("div", { class: "wb-card rd-opinions" }, el("b", {}, labels.opinions), el("ul", {}, state.item.opinions.map((one) => el("li", {},
      el("b", {}, one.reviewer), chip(one.verdict, one.pressed === "left" || one.pressed === "right" ? "run" : "plain"),
      one.tags.map((tag) => chip(tag)), one.comment && el("span", { class: "wb-soft" }, one.comment)))));
  }

  // ---- the verdict ----
  function verdictRow(state, labels, act) {
    const { entry } = state;
    const strengths = ["slight", "clear"].map((value) => toggle(labels[`strength_${value}`], entry.strength === value,
      { data: { key: `strength-${value}` }, onclick: () => act.strength(value) }));
    return [
      el("div", { class: "rd-verdicts" }, VERDICTS.map(([verdict, arrow]) => el("button", {
        type: "button", class: `wb-btn rd-verdict${entry.verdict === verdict ? " wb-primary" : ""}`, id: `rd-vote-${verdict}`, "aria-pressed": String(entry.verdict === verdict),
        data: { key: `vote-${verdict}` }, onclick: (event) => { if (event.detail < 2) act.vote(verdict); },
      }, key(arrow), labels[`vote_${verdict}`]))),
      el("div", { class: "rd-line-tools" },
        el("span", { class: "rd-tool" }, el("span", { class: "wb-soft wb-tiny" }, labels.strength), key("S"), strengths),
        el("span", { class: "rd-tool" },
          toggle(labels.comment, Boolean(state.open.comment || entry.comment), { data: { key: "comment" }, onclick: () => act.open("comment") }, key("C")),
          toggle(labels.correction, Boolean(state.open.correction || entry.correction), { data: { key: "correction" }, onclick: () => act.open("correction") }, key("E")),
          toggle(labels.pin, false, { data: { key: "pin" }, title: labels.pin_how, onclick: act.pin }, key("X"))),
        el("span", { class: "rd-tool rd-right" },
          button(labels.previous, { data: { key: "previous" }, id: "rd-previous", onclick: act.previous }, key("P")),
          button(labels.undo, { data: { key: "undo" }, id: "rd-undo", onclick: act.undo }, key("U")),
          nextButton(state, labels, act))),
      tagRow(state, labels, act),
    ];
  }

  function nextButton(state, labels, act) {
    if (!state.entry.verdict) return button(labels.skip, { data: { key: "skip" }, id: "rd-skip", onclick: act.next }, key("N"));
    return button(state.progress.finished ? labels.finish : labels.next, { class: "wb-btn wb-small wb-primary rd-next", id: "rd-next", data: { key: "next" }, onclick: act.next }, key("N"));
  }

  /** Reasons of one side at a time: its first ten have the number keys. */
  function tagRow(state, labels, act) {
    const place = state.side, chosen = state.entry.tags[place] || [];
    const offered = [...state.desk.tags, ...chosen.filter((tag) => !state.desk.tags.some(([code]) => code === tag)).map((tag) => [tag, tag])];
    const sides = PLACES.map((one) => {
      const count = (state.entry.tags[one] || []).length;
      return el("button", { type: "button", class: `rd-tags-side wb-side-${toneOf(state.item, one)}`, "aria-pressed": String(one === place), data: { key: `side-${one}` }, title: labels.side_switch,
        onclick: () => act.side(one) }, LETTER[one], count > 0 && el("span", { class: "rd-tags-count" }, String(count)));
    });
    return el("div", { class: "rd-tags", data: { place } }, el("span", { class: "wb-soft wb-tiny" }, labels.reasons), key("T"), el("span", { class: "rd-tags-sides", role: "group" }, sides),
      offered.map(([code, text], i) => toggle(text, chosen.includes(code), { class: "wb-choice rd-tag", data: { key: `tag-${place}-${i}`, tag: code }, onclick: () => act.tag(place, code) },
        i < 10 && el("span", { class: "rd-digit", "aria-hidden": true }, String((i + 1) % 10)))));
  }

  function wordFields(state, labels, act) {
    const field = (name, rows, limit) => (state.open[name] || state.entry[name]) && el("label", { class: "rd-field" }, el("b", {}, labels[name]),
      name === "correction" && el("span", { class: "rd-takes" }, PLACES.map((place) => el("button", { type: "button", class: "wb-link", data: { key: `take-${place}` }, onclick: () => act.take(place) },
        labels[`take_${place}`]))),
      el("textarea", { id: `rd-${name}`, rows, maxlength: limit, placeholder: labels[`${name}_hint`], data: { key: `field-${name}` }, oninput: (event) => act.type(name, event.target.value) },
        state.entry[name]));
    return [field("comment", 2, 4000), field("correction", 5, 20000)];
  }

  /** Names, scores and the judge: only after the verdict. */
  function revealCard(state, labels, act) {
    const { item } = state, told = item.reveal;
    const auto = el("label", { class: "rd-check rd-auto" }, el("input", { type: "checkbox", checked: state.auto, data: { key: "auto" }, onchange: (event) => act.auto(event.target.checked) }), labels.auto);
    if (!told || !state.entry.verdict) return [];
    const head = el("tr", {}, el("th", {}, labels.score), PLACES.map((place) => el("th", { class: `wb-side-${toneOf(item, place)}` }, `${LETTER[place]} ${told.names[place]}`)));
    const rows = told.scores.map((row) => el("tr", {}, el("td", {}, row[0]), el("td", {}, row[1]), el("td", {}, row[2])));
    const [own] = told.scores;
    return [el("div", { class: "rd-reveal" },
      ...PLACES.map((place) => el("span", { class: `wb-side-${toneOf(item, place)}` }, el("b", {}, `${LETTER[place]} = `), told.names[place])),
      chip(told.kind), told.judge && chip(told.judge, "run"),
      own && el("details", { class: "rd-scores-fold", open: state.scoresOpen, ontoggle: (event) => { state.scoresOpen = event.target.open; } },
        el("summary", {}, `${own[0]}  A ${own[1]}・B ${own[2]}`), el("table", { class: "wb-table rd-scores" }, el("thead", {}, head), el("tbody", {}, rows))),
      el("span", { class: "rd-right" }, auto))];
  }

  function listDrawer(state, labels, act) {
    if (!state.list) return null;
    return el("div", { class: "wb-card rd-list" }, el("ol", {}, state.list.map((one) => el("li", {}, el("button", {
      type: "button", class: `rd-list-item${one.key[0] === state.item.key[0] ? " rd-chosen" : ""}`, data: { key: `list-${one.number}` }, onclick: () => act.goTo(one.key) },
      el("span", { class: "rd-list-mark" }, one.done ? "✓" : String(one.number)), el("span", {}, textNodes(one.question)))))));
  }

  const KEYS = [["← A", "key_left"], ["→ B", "key_right"], ["↓", "key_tie"], ["↑", "key_bad"], ["S", "key_strength"], ["1–9 0", "key_tags"], ["T", "key_side"], ["Q W", "key_marks"],
    ["X", "key_pin"], ["C", "key_comment"], ["E", "key_correction"], ["N Enter", "key_next"], ["P", "key_previous"], ["U", "key_undo"], ["Shift+1–5", "key_documents"],
    ["D", "key_diff"], ["F", "key_important"], ["G", "key_gold"], ["L", "key_list"], ["Esc", "key_escape"]];

  const helpBox = (labels, act) => el("div", { class: "rd-help", role: "dialog", "aria-modal": "true", "aria-label": labels.help, onclick: (event) => { if (event.target === event.currentTarget) act.help(); } },
    el("div", { class: "wb-card" }, el("h3", {}, labels.help_title), el("p", { class: "wb-soft wb-tiny" }, labels.help_ime),
      el("dl", {}, KEYS.map(([keys, name]) => el("div", {}, el("dt", {}, keys.split(" ").map((one) => key(one))), el("dd", {}, labels[name])))),
      el("button", { type: "button", class: "wb-btn", id: "rd-help-close", data: { key: "help-close" }, onclick: act.help }, labels.close)));

  const finishedCard = (state, labels, act) => el("div", { class: "wb-card rd-finished" }, el("h3", {}, labels.finished), el("p", {}, state.progress.text),
    el("p", { class: "wb-soft" }, labels.finished_why),
    el("div", { class: "wb-row" }, el("button", { type: "button", class: "wb-btn wb-primary", id: "rd-results", data: { key: "results" }, onclick: act.results }, labels.results),
      el("button", { type: "button", class: "wb-btn", data: { key: "back" }, onclick: act.back }, labels.look_again), el("button", { type: "button", class: "wb-btn", data: { key: "leave" }, onclick: act.leave }, labels.leave)));

  Object.assign(window.WBReview, { startCard, topBar, questionCard, documentCard, answerCard, toolBar, goldCard, opinionsCard, verdictRow, wordFields, revealCard, listDrawer, helpBox, finishedCard });
})();
