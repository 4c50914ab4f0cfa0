// The cards of the serving page: one for each role, one big sentence, one main button.
(() => {
  "use strict";
  const { el, bar, chip, redraw, register } = window.WB;

  /** The main button; a careful one asks once more before it acts, and forgets after a few seconds. */
  function mainButton(card, armed, labels, send, again) {
    const action = card.action, key = `${card.role}/${action.verb}`, asking = armed.key === key;
    return el("button", {
      type: "button", title: action.hint, disabled: action.disabled, data: { key },
      class: `wb-btn sv-main${action.primary ? " wb-primary" : ""}${asking ? " wb-armed" : ""}`,
      onclick: (event) => {
        event.stopPropagation();
        if (!action.careful || asking) { armed.key = null; send({ role: card.role, verb: action.verb }); again(); return; }
        armed.key = key;
        clearTimeout(armed.timer);
        armed.timer = setTimeout(() => { armed.key = null; again(); }, 5000);
        again();
      },
    }, asking ? labels.confirm : action.label);
  }

  function drawCard(card, chosen, armed, labels, send, again) {
    const select = () => send({ role: card.role, verb: "view" });
    return el("div", { class: `wb-card sv-card sv-${card.role}${chosen ? " wb-chosen" : ""}`, data: { role: card.role, state: card.state }, onclick: select },
      el("button", { type: "button", class: "sv-title", data: { key: `${card.role}/view` }, "aria-pressed": String(chosen), title: labels.details,
        onclick: (event) => { event.stopPropagation(); select(); } }, card.title),
      el("p", { class: `sv-state sv-tone-${card.tone}`, role: "status" }, card.sentence),
      card.busy && bar(card.share, { class: "wb-wide", label: card.sentence }),
      el("p", { class: "wb-soft wb-tiny sv-detail" }, card.detail),
      card.error && el("div", { class: "wb-error", role: "alert" }, el("b", {}, card.error.message), el("span", {}, card.error.hint)),
      el("p", { class: "sv-model" }, card.model),
      el("p", {}, card.chips.map((one) => chip(one.text, one.tone))),
      mainButton(card, armed, labels, send, again));
  }

  register("servers", (root, labels, send) => {
    const armed = { key: null, timer: 0 };
    let last = null;
    const draw = () => redraw(root, last.cards.map((card) => drawCard(card, card.role === last.chosen, armed, labels, send, draw)));
    return (data) => { last = data; draw(); };
  });
})();
