// The review desk: what is on it, what keys do, and how everything is saved at once.
(() => {
  "use strict";
  const { el, redraw, register, reviewing } = window.WB;
  const R = window.WBReview;
  const AUTO = "wb-review-auto";
  const TYPING_PAUSE = 500;
  const PATIENCE = 3;
  const CYCLE = ["off", "word", "char", "sentence"];
  const MARKS = [undefined, "right", "partly", "wrong"];
  const VOTES = { ArrowLeft: "left", KeyA: "left", ArrowRight: "right", KeyB: "right", ArrowDown: "tie", ArrowUp: "bad" };

  const blank = () => ({ verdict: null, strength: "", correctness: {}, tags: {}, notes: [], correction: "", states: {}, comment: "" });
  const sameKey = (a, b) => Boolean(a && b) && a[0] === b[0] && a[1] === b[1];
  const pause = (ms) => new Promise((done) => setTimeout(done, ms));

  register("review", (root, labels, tell, ask) => {
    const kept = reviewing.read();
    const form = { comparison: kept.comparison || "", reviewer: kept.reviewer || "", mode: "random", blind: true, size: 30, filter: "", tag: "", order: "file" };
    const state = { phase: "loading", told: null, item: null, entry: blank(), ahead: null, progress: null, desk: null, document: 1, flash: "", diff: "off", important: false, gold: false,
      promptShown: false, prompt: null, open: {}, side: "left", list: null, help: false, auto: localStorage.getItem(AUTO) === "1", scoresOpen: false, waiting: 0, offline: false,
      dirty: false, edits: 0, timer: 0, alert: null, wantNext: false };
    const parts = Object.fromEntries(["alert", "start", "top", "body", "question", "list", "panes", "tools", "gold", "opinions", "verdict", "words", "reveal", "finished", "help"]
      .map((name) => [name, el("div", { class: `rd-part rd-part-${name}` })]));
    const pinButton = el("button", { type: "button", class: "rd-pin wb-btn wb-small wb-primary", hidden: true, onmousedown: (event) => event.preventDefault(), onclick: () => act.pin() }, labels.pin);
    const judging = el("div", { class: "wb-card rd-judging" }, parts.verdict, parts.words, parts.reveal);
    const reading = el("div", { class: "rd-reading" }, parts.question, parts.panes, parts.tools, parts.gold, parts.opinions, judging);
    parts.body.append(parts.list, reading);
    const desk = el("div", { class: "rd-desk", tabindex: -1 }, parts.top, parts.body, parts.finished);
    root.append(parts.alert, parts.start, desk, parts.help, pinButton);

    // ---- asking and saving: one request after the other, again and again until it is answered ----
    let chain = Promise.resolve();
    function send(action, values = {}) {
      const request = { action, ...values };
      state.waiting += 1;
      const answer = chain.then(() => attempt(request));
      chain = answer.catch(() => {});
      return answer.finally(() => { state.waiting -= 1; drawTop(); });
    }
    async function attempt(request) {
      for (let tries = 0; ; tries += 1) {
        let answer = null;
        try { answer = JSON.parse(await ask(request)); } catch { answer = null; }
        if (answer) {
          if (state.offline) { state.offline = false; say(null); drawTop(); }
          if (answer.error) throw Object.assign(new Error(answer.error.message), answer.error);
          return answer;
        }
        state.offline = true;
        drawTop();
        if (tries === PATIENCE || state.phase === "loading") say({ message: labels.offline, hint: labels.offline_hint });
        await pause(Math.min(8000, 500 * 2 ** tries));
      }
    }
    const who = () => ({ comparison: state.desk.comparison, reviewer: state.desk.reviewer });
    const here = () => ({ ...who(), sample_id: state.item.key[0], repeat: state.item.key[1], adjudicating: state.desk.adjudicating });
    const entered = () => {
      const { verdict, notes, ...rest } = state.entry;
      return { ...rest, notes: notes.map((note) => ({ ...note, start: R.toPoints(state.item[note.place].text, note.start), end: R.toPoints(state.item[note.place].text, note.end) })) };
    };
    function say(error) { state.alert = error; draw(["alert"]); }
    const fail = (error) => say({ message: error.message || labels.failed, hint: error.hint || "" });

    /** Something was entered: saved now, or where a text is being typed, at its next short pause. */
    function touch(typing = false) {
      state.dirty = true;
      state.edits += 1;
      clearTimeout(state.timer);
      if (typing) state.timer = setTimeout(flush, TYPING_PAUSE); else flush();
    }
    function flush() {
      clearTimeout(state.timer);
      if (!state.dirty || !state.item) return;
      state.dirty = false;
      send("save", { ...here(), entry: entered() }).catch(fail);
      drawTop();
    }

    // ---- going from question to question ----
    /** Take over an answer. With `since` the question stays as it is on the screen, and so does what was entered after the request. */
    function take(answer, since = null) {
      Object.assign(state, { progress: answer.progress, desk: answer.desk, ahead: answer.next });
      if (since === null || !sameKey(state.item?.key, answer.item.key)) { put(answer.item); return; }
      state.item = answer.item;
      if (since === state.edits) state.entry = readEntry(answer.item);
    }
    function readEntry(item) {
      const entry = { ...blank(), ...item.entry };
      entry.notes = entry.notes.map((note) => ({ ...note, start: R.toUnits(item[note.place].text, note.start), end: R.toUnits(item[note.place].text, note.end) }));
      return entry;
    }
    function put(item) {
      const quoted = ["left", "right"].flatMap((place) => item[place].quotes).find((quote) => quote.document);
      Object.assign(state, { item, entry: readEntry(item), document: quoted?.document || item.oracle || 1, flash: "", gold: false, promptShown: false, prompt: null, open: {}, dirty: false,
        alert: null });
      state.side = state.entry.verdict === "left" ? "right" : "left";
      pinButton.hidden = true;
    }
    function show(answer) {
      state.phase = "desk";
      take(answer);
      form.comparison = answer.desk.comparison;
      form.reviewer = answer.desk.reviewer;
      reviewing.keep({ comparison: answer.desk.comparison, reviewer: answer.desk.reviewer, active: !answer.desk.adjudicating });
      tell({ comparison: answer.desk.comparison, reviewer: answer.desk.reviewer });
      draw();
      toTop();
    }
    function toTop() {
      desk.focus({ preventScroll: true });
      const { top, bottom } = desk.getBoundingClientRect();
      if (top < 0 || bottom > window.innerHeight) desk.scrollIntoView({ block: "start" });
    }
    function goNext() {
      flush();
      if (state.ahead) {
        put(state.ahead);
        state.ahead = null;
        draw();
        toTop();
        const since = state.edits, asked = state.item.key;
        send("go", here()).then((answer) => { if (sameKey(state.item.key, asked)) take(answer, since); draw(["top", "question", "verdict", "reveal"]); answerWaiting(); }).catch(fail);
      } else if (state.waiting) { state.wantNext = true; drawTop(); }
      else if (state.progress.finished) finish();
      else send("go", { ...here(), by: 1 }).then(show).catch(fail);
    }
    function answerWaiting() {
      if (!state.wantNext) return;
      state.wantNext = false;
      goNext();
    }
    function goTo(values) {
      flush();
      send("go", { ...here(), ...values }).then(show).catch(fail);
    }
    function finish() {
      state.phase = "finished";
      draw();
    }

    function vote(verdict) {
      const before = state.entry.verdict;
      clearTimeout(state.timer);
      state.dirty = false;
      state.entry.verdict = verdict;
      if (before !== verdict) state.side = verdict === "left" ? "right" : "left";
      const asked = state.item.key, since = (state.edits += 1);
      const answered = send("vote", { ...here(), entry: entered(), verdict }).then((answer) => {
        if (sameKey(state.item.key, asked)) take(answer, since);
        else Object.assign(state, { progress: answer.progress });
        draw(["top", "question", "panes", "verdict", "reveal"]);
        answerWaiting();
      }).catch((error) => {
        if (sameKey(state.item.key, asked)) state.entry.verdict = before;
        draw();
        fail(error);
      });
      draw(["verdict", "reveal"]);
      for (const one of state.list || []) one.done ||= sameKey(one.key, asked);
      if (state.auto) goNext(); else root.querySelector("#rd-next")?.focus({ preventScroll: true });
      return answered;
    }

    const act = {
      choose(changes) {
        Object.assign(form, changes);
        send("start", { comparison: form.comparison, reviewer: form.reviewer }).then(showStart).catch(fail);
      },
      mode(mode) { form.mode = mode; draw(["start"]); },
      pick(changes) {
        Object.assign(form, changes);
        held = false; // an open list may have swallowed the release of the button
        draw(["start"]);
      },
      begin() {
        const { comparison, reviewer, mode, blind, size, filter, tag, order } = form;
        say(null);
        send("begin", { comparison, reviewer, mode, blind, size, filter: mode === "filter" ? filter || state.told.filters[0][0] : "", tag: mode === "filter" && filter === "tagged" ? tag : "",
          order: mode === "filter" ? order : "file" })
          .then(show).catch(fail);
      },
      resume() { send("resume", { comparison: form.comparison, reviewer: form.reviewer }).then(show).catch(fail); },
      leave() {
        flush();
        reviewing.keep({ active: false });
        send("start", { comparison: form.comparison, reviewer: form.reviewer }).then(showStart).catch(fail);
      },
      back() { state.phase = "desk"; draw(); },
      results() {
        const panel = document.getElementById("review-results");
        const opener = panel?.querySelector("button");
        if (opener && !document.getElementById("review-figures")?.offsetParent) opener.click();
        panel?.scrollIntoView({ behavior: "smooth", block: "start" });
      },
      vote, next: goNext,
      previous() { goTo({ by: -1 }); },
      undo() { flush(); send("undo", here()).then(show).catch(fail); },
      goTo(key) { goTo({ sample_id: key[0], repeat: key[1] }); },
      list() {
        if (state.list) { state.list = null; draw(["top", "list"]); return; }
        send("list", here()).then((answer) => { state.list = answer.places; draw(["top", "list"]); root.querySelector(".rd-list .rd-chosen")?.scrollIntoView({ block: "nearest" }); }).catch(fail);
      },
      help() { state.help = !state.help; draw(["help"]); (state.help ? root.querySelector("#rd-help-close") : desk).focus({ preventScroll: true }); },
      prompt() {
        state.promptShown = !state.promptShown;
        draw(["question"]);
        if (state.prompt !== null || !state.promptShown) return;
        send("prompt", here()).then((answer) => { if (sameKey(answer.key, state.item.key)) { state.prompt = answer.prompt; draw(["question"]); } }).catch(fail);
      },
      document(number) {
        if (number > state.item.documents.length) return false;
        Object.assign(state, { document: number, flash: "" });
        draw(["panes"]);
        return true;
      },
      quote(range) {
        Object.assign(state, { document: range.quote.document, flash: range.key });
        draw(["panes"]);
        const box = root.querySelector(".rd-document-text"), mark = box?.querySelector(".wb-flash");
        if (mark) box.scrollTop += mark.getBoundingClientRect().top - box.getBoundingClientRect().top - box.clientHeight / 3;
      },
      diff(mode) { state.diff = mode; draw(["panes", "tools"]); },
      important() { state.important = !state.important; draw(["panes", "tools"]); },
      gold() { state.gold = !state.gold; draw(["tools", "gold"]); },
      side(place) { state.side = place; draw(["verdict"]); },
      strength(value) { state.entry.strength = state.entry.strength === value ? "" : value; draw(["verdict"]); touch(); },
      mark(place, value) {
        if (state.entry.correctness[place] === value || !value) delete state.entry.correctness[place]; else state.entry.correctness[place] = value;
        draw(["panes"]);
        touch();
      },
      tag(place, code) {
        const chosen = state.entry.tags[place] || [];
        state.entry.tags[place] = chosen.includes(code) ? chosen.filter((tag) => tag !== code) : [...chosen, code];
        state.side = place;
        draw(["verdict"]);
        touch();
      },
      overrule(place, value) {
        if (value) state.entry.states[place] = value; else delete state.entry.states[place];
        draw(["panes"]);
        touch();
      },
      open(name) {
        state.open[name] = true;
        draw(["verdict", "words"]);
        const field = root.querySelector(`#rd-${name}`);
        field.focus();
        field.selectionStart = field.value.length;
      },
      type(name, value) { state.entry[name] = value; touch(true); },
      take(place) {
        const field = root.querySelector("#rd-correction");
        field.value = state.item[place].text.slice(0, 20000);
        act.type("correction", field.value);
        field.focus();
      },
      pin() {
        for (const place of ["left", "right"]) {
          const box = root.querySelector(`.rd-answer[data-place=${place}] .rd-answer-text`);
          const range = box && R.selectedRange(box);
          if (!range) continue;
          state.entry.notes.push({ place, ...range, text: "" });
          window.getSelection().removeAllRanges();
          pinButton.hidden = true;
          say(null);
          draw(["panes"]);
          root.querySelector(`[data-key="note-${state.entry.notes.length - 1}"]`).focus();
          touch();
          return;
        }
        say({ message: labels.pin_how, hint: "" });
      },
      note(i, text) { state.entry.notes[i].text = text; touch(true); },
      unpin(i) { state.entry.notes.splice(i, 1); draw(["panes"]); touch(); },
      auto(on) { state.auto = on; localStorage.setItem(AUTO, on ? "1" : "0"); },
    };

    // ---- drawing ----
    const DRAW = {
      alert: () => state.alert && el("div", { class: "wb-error", role: "alert" }, el("b", {}, state.alert.message), el("span", {}, state.alert.hint)),
      start: () => state.phase === "start" && R.startCard(form, state.told, labels, act),
      top: () => state.phase === "desk" && R.topBar(state, labels, act),
      question: () => state.phase === "desk" && R.questionCard(state, labels, act),
      list: () => state.phase === "desk" && R.listDrawer(state, labels, act),
      panes: () => state.phase === "desk" && el("div", { class: `rd-panes${state.item.documents.length ? "" : " rd-no-documents"}` },
        R.documentCard(state, labels, act), R.answerCard(state, "left", labels, act), R.answerCard(state, "right", labels, act)),
      tools: () => state.phase === "desk" && R.toolBar(state, labels, act),
      gold: () => state.phase === "desk" && R.goldCard(state, labels),
      opinions: () => state.phase === "desk" && R.opinionsCard(state, labels),
      verdict: () => state.phase === "desk" && R.verdictRow(state, labels, act),
      words: () => state.phase === "desk" && R.wordFields(state, labels, act),
      reveal: () => state.phase === "desk" && R.revealCard(state, labels, act),
      finished: () => state.phase === "finished" && R.finishedCard(state, labels, act),
      help: () => state.help && R.helpBox(labels, act),
    };
    // a button that is drawn again between press and release would lose its click: what comes meanwhile is drawn after it
    let held = false;
    const late = new Set();
    root.addEventListener("pointerdown", () => { held = true; });
    for (const end of ["pointerup", "pointercancel"]) window.addEventListener(end, () => {
      held = false;
      setTimeout(() => { if (late.size && !held) draw([...late]); });
    });
    function draw(names = Object.keys(DRAW)) {
      if (held) { for (const name of names) late.add(name); return; }
      for (const name of names) late.delete(name);
      const scroll = root.querySelector(".rd-document-text")?.scrollTop || 0, shown = root.querySelector(".rd-documents [aria-selected=true]")?.dataset.document;
      for (const name of names) redraw(parts[name], DRAW[name]() || []);
      desk.hidden = state.phase !== "desk" && state.phase !== "finished";
      reading.hidden = state.phase !== "desk";
      parts.list.hidden = !state.list || state.phase !== "desk";
      const box = root.querySelector(".rd-document-text");
      if (box && names.includes("panes") && names.length < 8 && shown === String(state.document)) box.scrollTop = scroll;
    }
    function drawTop() { if (state.phase === "desk") draw(["top"]); }
    function showStart(told) {
      Object.assign(state, { phase: "start", told, list: null });
      form.comparison = told.comparison;
      if (!told.tags?.some(([code]) => code === form.tag)) form.tag = "";
      reviewing.keep({ comparison: form.comparison, reviewer: form.reviewer });
      tell({ comparison: form.comparison, reviewer: form.reviewer });
      draw();
    }

    // ---- keys: by their place on the keyboard, because an input method changes their names ----
    const KEYS = {
      KeyC: () => act.open("comment"), KeyE: () => act.open("correction"), KeyD: () => state.item.diff && act.diff(CYCLE[(CYCLE.indexOf(state.diff) + 1) % CYCLE.length]),
      KeyF: () => state.item.diff && act.important(), KeyG: act.gold, KeyU: act.undo, KeyN: act.next, KeyP: act.previous, KeyL: act.list, KeyX: act.pin, Slash: act.help,
      KeyT: () => act.side(state.side === "left" ? "right" : "left"), KeyS: () => act.strength(state.entry.strength === "" ? "slight" : state.entry.strength === "slight" ? "clear" : "clear"),
      KeyQ: () => cycleMark("left"), KeyW: () => cycleMark("right"),
    };
    function cycleMark(place) {
      act.mark(place, MARKS[(MARKS.indexOf(state.entry.correctness[place]) + 1) % MARKS.length]);
    }
    function handleKey(event) {
      const digit = /^(?:Digit|Numpad)([0-9])$/.exec(event.code);
      if (event.shiftKey && event.code !== "Slash") return digit ? act.document(Number(digit[1])) : false;
      if (digit) {
        const tag = state.desk.tags[(Number(digit[1]) + 9) % 10];
        if (tag) act.tag(state.side, tag[0]);
        return Boolean(tag);
      }
      if (event.code in VOTES) { vote(VOTES[event.code]); return true; }
      if (event.code === "Enter" || event.code === "NumpadEnter" || event.code === "Space") {
        if (!state.entry.verdict || event.target.closest("button, summary, input, label, [role=button]")) return false;
        goNext();
        return true;
      }
      if (!(event.code in KEYS)) return false;
      KEYS[event.code]();
      return true;
    }
    let composing = null;
    function onKey(event) {
      if (!root.isConnected) { document.removeEventListener("keydown", onKey); return; }
      // while Japanese is being converted every key belongs to the input method; one that is merely on names keys "Process"
      if (held || event.isComposing || composing?.isConnected) return;
      if (state.phase !== "desk" || !root.offsetParent || event.ctrlKey || event.altKey || event.metaKey) return;
      if (event.code === "Escape") { escape(event); return; }
      if (state.help) { if (event.code === "Slash") { act.help(); event.preventDefault(); } return; }
      if (event.target.closest?.("input:not([type=checkbox]), textarea, select, [contenteditable=true]")) return;
      if (event.target.closest?.("[role=tab]:not(.wb-doc-tab), .rd-document-text") && event.code.startsWith("Arrow")) return;
      // a key that is held down decides once
      if (event.repeat) { if (event.code in VOTES || event.code in KEYS) event.preventDefault(); return; }
      if (handleKey(event)) event.preventDefault();
    }
    function escape(event) {
      if (state.help) act.help();
      else if (root.contains(event.target) && event.target.closest("input, textarea, select")) { flush(); desk.focus({ preventScroll: true }); }
      else if (state.list) act.list();
    }
    function onSelect() {
      const boxes = [...root.querySelectorAll(".rd-answer .rd-answer-text")];
      const found = state.phase === "desk" && boxes.some((box) => R.selectedRange(box));
      pinButton.hidden = !found;
      if (!found) return;
      const spot = window.getSelection().getRangeAt(0).getBoundingClientRect(), frame = root.getBoundingClientRect();
      Object.assign(pinButton.style, { left: `${Math.max(0, spot.left - frame.left)}px`, top: `${spot.bottom - frame.top + 6}px` });
    }
    document.addEventListener("keydown", onKey);
    document.addEventListener("compositionstart", (event) => { composing = event.target; });
    document.addEventListener("compositionend", () => { composing = null; });
    document.addEventListener("selectionchange", onSelect);
    document.addEventListener("visibilitychange", () => { if (document.hidden && root.isConnected) flush(); });
    document.addEventListener("wb-review-choose", () => {
      if (!root.isConnected) return;
      flush();
      form.comparison = reviewing.read().comparison || form.comparison;
      act.choose({});
    });
    document.addEventListener("wb-review-settings", () => {
      if (!root.isConnected || state.phase !== "desk") return;
      const since = state.edits;
      send("go", here()).then((answer) => { take(answer, since); draw(); }).catch(fail);
    });
    window.addEventListener("beforeunload", (event) => {
      flush();
      if (root.isConnected && state.waiting) event.preventDefault();
    });

    function open() {
      const last = reviewing.read();
      if (last.active && last.comparison && last.reviewer) {
        send("resume", { comparison: last.comparison, reviewer: last.reviewer }).then(show).catch(() => act.choose({}));
      } else act.choose({});
    }
    open();
    return () => {};
  });
})();
