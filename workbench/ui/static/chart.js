// Live curves: Plotly updates the same drawing in place, so that the reader's zoom stays.
(() => {
  "use strict";
  const { el, redraw, register } = window.WB;

  const isDark = () => document.body.classList.contains("dark");
  const color = (name) => getComputedStyle(document.body).getPropertyValue(name).trim();

  function traces(panel, labels) {
    const accent = color("--wb-accent"), faint = color("--wb-curve-raw"), tuned = color("--wb-tuned");
    const found = [];
    const unit = panel.unit ? ` ${panel.unit}` : "";
    const hover = (name) => `${labels.step} %{x}<br>${name} %{y:.5~g}${unit}<extra></extra>`;
    if (panel.raw) {
      const alone = !panel.smooth;
      found.push({ uid: "raw", x: panel.raw.x, y: panel.raw.y, name: alone ? panel.title : labels.raw, mode: "lines",
        line: { color: alone ? accent : faint, width: alone ? 2 : 1 }, hovertemplate: hover(alone ? panel.title : labels.raw) });
    }
    if (panel.smooth) {
      found.push({ uid: "smooth", x: panel.smooth.x, y: panel.smooth.y, name: labels.smooth, mode: "lines",
        line: { color: accent, width: 2.4 }, hovertemplate: hover(labels.smooth) });
    }
    if (panel.evaluation) {
      found.push({ uid: "evaluation", x: panel.evaluation.x, y: panel.evaluation.y, name: labels.evaluation, mode: "lines+markers",
        marker: { color: tuned, size: 9 }, line: { color: tuned, width: 1, dash: "dot" }, hovertemplate: hover(labels.evaluation) });
    }
    return found;
  }

  function layout(data, panel, labels, height) {
    const ink = color("--wb-ink"), soft = color("--wb-soft"), line = color("--wb-line"), card = color("--wb-card");
    const axis = { gridcolor: line, zerolinecolor: line, tickcolor: line, color: soft, automargin: true };
    const running = data.total > 0 && data.now < data.total;
    return {
      height, autosize: true, margin: { l: 48, r: 16, t: 12, b: 40 }, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: getComputedStyle(document.body).fontFamily, size: 12.5, color: ink },
      // the same revision keeps zoom and hidden curves; another run or another metric starts afresh
      uirevision: `${data.run}/${panel.name}`,
      // a running run is drawn on the whole way that it has to go
      xaxis: { ...axis, title: { text: labels.step, font: { color: soft, size: 12.5 } },
        ...(running ? { range: [0, data.total] } : { rangemode: "tozero" }) },
      yaxis: { ...axis, title: { text: panel.unit, font: { color: soft, size: 12.5 } }, exponentformat: "e" },
      legend: { orientation: "h", x: 1, xanchor: "right", y: 1.02, yanchor: "bottom" },
      hoverlabel: { bgcolor: card, bordercolor: line, font: { color: ink } },
      shapes: running ? [{ type: "line", x0: data.now, x1: data.now, y0: 0, y1: 1, yref: "paper", line: { color: soft, width: 1, dash: "dash" } }] : [],
      annotations: running ? [{ x: data.now, y: 1, yref: "paper", xanchor: data.now > data.total * 0.8 ? "right" : "left", yanchor: "top", showarrow: false,
        text: ` ${labels.now} ${data.now} / ${data.total} `, font: { color: soft } }] : [],
    };
  }

  register("chart", (root, labels) => {
    const height = Number(labels.height) || 320;
    const choices = el("div", { class: "wb-choices", role: "group", "aria-label": labels.metric });
    const plot = el("div", { class: "wb-plot", style: { minHeight: `${height}px` } });
    const hint = el("span", { class: "wb-soft wb-tiny" }, labels.zoom_kept);
    root.append(el("div", { class: "wb-chart-head" }, choices, hint), plot);
    let data = null, chosen = "loss", drawn = false;

    const panelOf = () => data.panels.find((panel) => panel.name === chosen) || data.panels[0];

    function draw() {
      if (!data) return;
      if (!data.panels.length) {
        if (drawn) { window.Plotly.purge(plot); drawn = false; }
        choices.replaceChildren();
        plot.replaceChildren(el("p", { class: "wb-empty" }, labels.empty));
        return;
      }
      if (!drawn) plot.replaceChildren();
      const panel = panelOf();
      redraw(choices, data.panels.map((one) => el("button", {
        type: "button", class: "wb-choice", data: { key: one.name }, "aria-pressed": String(one === panel),
        onclick: () => { chosen = one.name; draw(); },
      }, one.title)));
      window.Plotly.react(plot, traces(panel, labels), layout(data, panel, labels, height),
        { responsive: true, displaylogo: false, scrollZoom: false, modeBarButtonsToRemove: ["select2d", "lasso2d"] });
      plot.setAttribute("role", "img");
      plot.setAttribute("aria-label", panel.title);
      drawn = true;
    }

    // colours are read from the style sheet, so a change of theme draws again
    let dark = isDark();
    new MutationObserver(() => { if (dark !== isDark()) { dark = isDark(); draw(); } })
      .observe(document.body, { attributes: true, attributeFilter: ["class"] });
    // a chart drawn in a hidden tab has no width yet
    new ResizeObserver(() => { if (drawn && plot.offsetParent) window.Plotly.Plots.resize(plot); }).observe(root);
    return (next) => { data = next; draw(); };
  });
})();
