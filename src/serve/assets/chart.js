// Charts of bucketed histories: per interface a band from the smallest to the largest value.
"use strict";

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** A chart in `box`; `level` is drawn across, alarms as triangles and lines. */
class Chart {
  constructor(box) {
    this.box = box;
    this.plot = null;
    this.kind = "";
    this.alarms = [];
    this.level = 1;
    this.resize = new ResizeObserver(() => {
      if (this.plot && box.clientWidth > 0) this.plot.setSize({ width: box.clientWidth, height: 260 });
    });
    this.resize.observe(box);
  }

  /** Columns: time, then largest and smallest value of each interface. */
  draw(tables, level, alarms, unit, least) {
    this.alarms = alarms;
    this.level = level;
    this.least = least;
    const kind = JSON.stringify([tables.length, unit, document.documentElement.dataset.theme || ""]);
    const data = tables.length > 1 ? uPlot.join(tables) : tables[0];
    if (this.plot && this.kind === kind) {
      this.plot.setData(data);
      return;
    }
    this.clear();
    this.kind = kind;
    const axis = { stroke: colour("--ink"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line") }, font: "14px system-ui, sans-serif" };
    const series = [{}];
    const bands = [];
    tables.forEach((_, k) => {
      const stroke = colour(k === 0 ? "--a" : "--b");
      const dash = k === 0 ? [] : [8, 5];
      series.push({ stroke, dash, width: 2, points: { show: false } });
      series.push({ stroke, dash, width: 1, points: { show: false } });
      bands.push({ series: [2 * k + 1, 2 * k + 2], fill: stroke + "40" });
    });
    this.plot = new uPlot({
      width: Math.max(this.box.clientWidth, 50),
      height: 260,
      series,
      bands,
      legend: { show: false },
      cursor: { show: false },
      select: { show: false },
      scales: {
        x: { time: false },
        y: { range: (_, low, high) => [Math.min(0, low || 0), Math.max(this.least, (high || 0) * 1.08)] },
      },
      axes: [{ ...axis, label: "time, " + unit, labelFont: axis.font, labelSize: 22 }, { ...axis, size: 52 }],
      hooks: { draw: [(plot) => this.marks(plot)] },
    }, data, this.box);
  }

  marks(plot) {
    const { ctx, bbox } = plot;
    const ratio = devicePixelRatio || 1;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    ctx.lineWidth = ratio;
    ctx.strokeStyle = colour("--soft");
    ctx.setLineDash([3 * ratio, 3 * ratio]);
    const y = plot.valToPos(this.level, "y", true);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    ctx.setLineDash([]);
    ctx.lineWidth = 2 * ratio;
    ctx.strokeStyle = ctx.fillStyle = colour("--s-alarm");
    for (const time of this.alarms) {
      const x = plot.valToPos(time, "x", true);
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      ctx.beginPath();
      ctx.moveTo(x - 7 * ratio, bbox.top);
      ctx.lineTo(x + 7 * ratio, bbox.top);
      ctx.lineTo(x, bbox.top + 11 * ratio);
      ctx.fill();
    }
    ctx.restore();
  }

  clear() {
    if (this.plot) this.plot.destroy();
    this.plot = null;
    this.kind = "";
  }
}
