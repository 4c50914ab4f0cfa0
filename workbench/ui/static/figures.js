// Plots of a result table: the figures come whole from Python, only colours and fonts are the page's own.
(() => {
  "use strict";
  const { el, redraw, register } = window.WB;
  const color = (name) => getComputedStyle(document.body).getPropertyValue(name).trim();

  function dress(layout, height) {
    const ink = color("--wb-ink"), soft = color("--wb-soft"), line = color("--wb-line"), card = color("--wb-card");
    const axis = { gridcolor: line, zerolinecolor: line, tickcolor: line, color: soft, automargin: true };
    const polar = layout.polar && { ...layout.polar, bgcolor: "rgba(0,0,0,0)",
      radialaxis: { ...layout.polar.radialaxis, gridcolor: line, color: soft }, angularaxis: { gridcolor: line, color: ink } };
    return {
      ...layout, height, autosize: true, margin: { l: 56, r: layout.yaxis2 ? 64 : 24, t: 24, b: 56 }, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: getComputedStyle(document.body).fontFamily, size: 12.5, color: ink },
      xaxis: { ...axis, ...layout.xaxis }, yaxis: { ...axis, ...layout.yaxis },
      ...(layout.yaxis2 ? { yaxis2: { ...axis, ...layout.yaxis2 } } : {}), ...(polar ? { polar } : {}),
      legend: { orientation: "h", x: 1, xanchor: "right", y: 1.02, yanchor: "bottom" },
      hoverlabel: { bgcolor: card, bordercolor: line, font: { color: ink } },
    };
  }

  register("figures", (root, labels) => {
    const height = Number(labels.height) || 420;
    const choices = el("div", { class: "wb-choices", role: "group", "aria-label": labels.plots });
    const save = el("button", { type: "button", class: "wb-btn wb-small" }, labels.picture);
    const plot = el("div", { class: "wb-plot", style: { minHeight: `${height}px` } });
    const head = el("div", { class: "wb-chart-head" }, choices, save);
    let data = null, chosen = "", drawn = false;
    save.onclick = () => drawn && window.Plotly.downloadImage(plot, { format: "png", scale: 2, filename: chosen });

    function draw() {
      if (drawn) { window.Plotly.purge(plot); drawn = false; }
      if (!data || !data.figures.length) { root.replaceChildren(); return; }
      if (!root.contains(plot)) root.replaceChildren(head, plot);
      const figure = data.figures.find((one) => one.name === chosen) || data.figures[0];
      chosen = figure.name;
      redraw(choices, data.figures.map((one) => el("button", {
        type: "button", class: "wb-choice", data: { key: one.name }, "aria-pressed": String(one === figure),
        onclick: () => { chosen = one.name; draw(); },
      }, one.title)));
      window.Plotly.newPlot(plot, figure.data, dress(figure.layout, height), { responsive: true, displaylogo: false });
      plot.setAttribute("role", "img");
      plot.setAttribute("aria-label", figure.title);
      drawn = true;
    }

    let dark = document.body.classList.contains("dark");
    new MutationObserver(() => {
      const now = document.body.classList.contains("dark");
      if (dark !== now) { dark = now; draw(); }
    }).observe(document.body, { attributes: true, attributeFilter: ["class"] });
    // a plot drawn in a hidden place has no width yet
    new ResizeObserver(() => { if (drawn && plot.offsetParent) window.Plotly.Plots.resize(plot); }).observe(root);
    return (next) => { data = next; draw(); };
  });
})();
