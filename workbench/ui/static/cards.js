// Job cards, the steps of a cycle, and other lists of the frame.
(() => {
  "use strict";
  const { el, bar, chip, redraw, register } = window.WB;

  /** A button that asks once more before it acts; it forgets after a few seconds. */
  function actionButton(action, key, armed, confirmText, act, again) {
    const asking = armed.key === key;
    return el("button", {
      type: "button", class: `wb-btn wb-small${action.careful ? " wb-careful" : ""}${asking ? " wb-armed" : ""}`,
      title: action.hint, data: { key },
      onclick: (event) => {
        event.stopPropagation();
        if (!action.careful || armed.key === key) { armed.key = null; act(); return; }
        armed.key = key;
        clearTimeout(armed.timer);
        armed.timer = setTimeout(() => { armed.key = null; again(); }, 5000);
        again();
      },
    }, asking ? confirmText : action.label);
  }

  function errorBox(error) {
    return error && el("div", { class: "wb-error", role: "alert" }, el("b", {}, error.message), el("span", {}, error.hint));
  }

  function jobCard(job, selected, labels, armed, send, again) {
    const buttons = job.actions.map((action) =>
      actionButton(action, `${job.id}/${action.verb}`, armed, labels.confirm, () => send({ job: job.id, verb: action.verb }), again));
    const facts = [job.kind, job.progress, job.eta, job.when, job.disk && `${labels.disk} ${job.disk}`, job.endpoint];
    return el("div", { class: `wb-job wb-card${job.child ? " wb-child" : ""}${selected ? " wb-chosen" : ""}`, data: { job: job.id } },
      el("div", { class: "wb-job-head" },
        el("button", { type: "button", class: "wb-job-title", data: { key: `${job.id}/log` }, title: labels.log,
          "aria-pressed": selected, onclick: () => send({ job: job.id, verb: "log" }) }, job.title || job.kind),
        chip(job.state_text, job.tone), el("span", { class: "wb-job-buttons" }, buttons)),
      job.busy && bar(job.share, { class: "wb-wide", label: job.title }),
      el("div", { class: "wb-facts" }, facts.filter(Boolean).map((fact) => el("span", {}, fact))),
      errorBox(job.error),
      ...(selected ? job.actions.map((action) => el("div", { class: "wb-hint" }, el("b", {}, action.label), action.hint)) : []));
  }

  register("jobs", (root, labels, send) => {
    const armed = { key: null, timer: 0 };
    let last = null;
    const draw = () => redraw(root, last.jobs.length
      ? last.jobs.map((job) => jobCard(job, job.id === last.selected, labels, armed, send, draw))
      : el("p", { class: "wb-empty" }, labels.empty));
    return (data) => { last = data; draw(); };
  });

  const MARKS = { succeeded: "✓", running: "●", failed: "!", cancelled: "–", paused: "Ⅱ", waiting: "○", queued: "○" };

  function stepRow(step) {
    return el("li", { class: `wb-step wb-step-${step.state}` },
      el("span", { class: "wb-step-mark", "aria-hidden": true }, MARKS[step.state] || "○"),
      el("span", { class: "wb-step-name" }, step.name, step.detail && el("small", {}, step.detail)),
      step.state === "running" && bar(step.share, { label: step.name }),
      el("span", { class: "wb-step-time" }, step.time));
  }

  register("cycle", (root, labels, send) => {
    let watched = "";
    return (data) => {
      drawCycle(root, data, send);
      // who watched the run to its end is taken to the answers; who opens the page later is not
      const active = data.state === "queued" || data.state === "running";
      if (!active && data.compare && watched === data.job && root.offsetParent) window.WB.openTab("compare");
      watched = active ? data.job : "";
    };
  });

  function drawCycle(root, data, send) {
    if (!data.steps) { root.replaceChildren(); return; }
    redraw(root,
      el("div", { class: "wb-cycle-head" }, el("b", {}, data.title), chip(data.state_text, data.tone), el("span", { class: "wb-soft" }, data.when)),
      el("ol", { class: "wb-steps-list" }, data.steps.map(stepRow)),
      errorBox(data.error),
      data.resume && el("button", { type: "button", class: "wb-btn wb-primary", data: { key: "resume" }, onclick: () => send({ job: data.job, verb: "resume" }) }, data.resume),
      data.stay && el("p", { class: "wb-soft wb-note" }, data.stay),
      data.headlines?.length > 0 && headlines(data),
      data.compare && el("button", { type: "button", class: "wb-btn wb-primary", data: { key: "compare" }, onclick: () => window.WB.openTab("compare") }, data.compare));
  }

  function headlines(data) {
    return el("ul", { class: "wb-headlines" },
      data.headlines.map((line) => el("li", {}, chip(line.figure, line.tone), el("span", {}, line.text))));
  }

  register("continue", (root, labels) => (data) => {
    if (data.empty) { redraw(root, el("p", { class: "wb-soft" }, labels.none)); return; }
    redraw(root,
      el("b", { class: "wb-strong" }, data.title), el("div", { class: "wb-soft wb-tiny" }, data.detail),
      headlines(data),
      el("div", { class: "wb-row" },
        el("button", { type: "button", class: "wb-btn wb-primary", data: { key: "go" }, onclick: () => window.WB.openTab("compare") }, labels.go),
        el("button", { type: "button", class: "wb-btn", data: { key: "jobs" }, onclick: () => window.WB.openTab("jobs") }, labels.jobs)));
  });

  /** A plain table with a button per row: artifacts, models, endpoints. */
  register("table", (root, labels, send) => {
    const armed = { key: null, timer: 0 };
    let last = null;
    const draw = () => {
      if (!last.rows.length) { redraw(root, el("p", { class: "wb-empty" }, labels.empty)); return; }
      const head = el("tr", {}, last.columns.map((name) => el("th", { scope: "col" }, name)), el("th", {}));
      const rows = last.rows.map((row) => el("tr", { data: { row: row.id } },
        row.cells.map((cell) => el("td", {}, cell && cell.chip ? chip(cell.chip, cell.tone) : cell)),
        el("td", { class: "wb-row-actions" }, (row.actions || []).map((action) =>
          actionButton(action, `${row.id}/${action.verb}`, armed, labels.confirm, () => send({ row: row.id, verb: action.verb }), draw)))));
      redraw(root, el("div", { class: "wb-table-box" }, el("table", { class: "wb-table" }, el("thead", {}, head), el("tbody", {}, rows))));
    };
    return (data) => { last = data; draw(); };
  });
})();
