// The form of a gate: rows of fields that Python describes; every edit is sent back, and the answer is drawn.
(() => {
  "use strict";
  const { el, redraw, register } = window.WB;

  function input(row, field, send) {
    const key = `${row.place}/${field.name}`;
    const tell = (value) => send({ verb: "set", place: row.place, name: field.name, value });
    if (field.type === "select") {
      const node = el("select", { data: { key }, onchange: () => tell(node.value) }, field.options.map(([value, label]) =>
        el("option", { value, selected: value === field.value }, label)));
      return node;
    }
    if (field.type === "check") {
      const node = el("input", { type: "checkbox", data: { key }, checked: field.value, onchange: () => tell(node.checked) });
      return node;
    }
    const shown = field.value === null || field.value === undefined ? "" : String(field.value);
    // sent when it is finished: half a number is none
    const node = el("input", { type: "number", step: "any", value: shown, data: { key },
      onchange: () => tell(node.value === "" ? null : Number(node.value)) });
    return node;
  }

  function drawRow(row, send) {
    return el("div", { class: "wv-gate-row", data: { place: row.place } }, el("p", {}, row.text),
      el("div", { class: "wv-gate-fields" },
        row.fields.map((field) => el("label", {}, field.label, input(row, field, send))),
        row.remove && el("button", { type: "button", class: "wb-btn wb-small", data: { key: `${row.place}/remove` },
          onclick: () => send({ verb: "remove", place: row.place }) }, row.remove)));
  }

  register("gate", (root, labels, send) => (data) => {
    redraw(root, (data.sections || []).map((section) => el("section", { data: { section: section.name } },
      el("h3", { class: "wv-gate-heading" }, section.title),
      el("div", { class: "wv-gate-rows" }, section.rows.map((row) => drawRow(row, send))),
      section.add && el("button", { type: "button", class: "wb-btn wb-small", data: { key: `${section.name}/add` },
        onclick: () => send({ verb: "add", section: section.name }) }, section.add))));
  });
})();
