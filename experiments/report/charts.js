// Charts of points and lines, and charts of rows.

// x, y: {label, log, text, zero, ticks, names (categories: x is an index)}; series: [{index, points: [{x, y, low, high,
// title, href, hollow}], line}]; rules: [{from: [x, y], to: [x, y], text, className}] in data units; each point's bar
// goes from low to high.
function xyChart(width, {x, y, series, rules = [], square = false, dodge = false}) {
  const points = series.flatMap((one) => one.points);
  const ys =
      points.flatMap((point) => [point.y, point.low, point.high]).filter((v) => isNumber(v) && (!y.log || v > 0));
  const xs = points.map((point) => point.x);
  const all = [...ys, ...(y.include || [])];
  const bottomGap = x.names ? 42 : 44;
  const tall = square ? Math.min(width, 420) : Math.max(220, Math.min(320, width * 0.6));
  const yScaleFor = (from, to) => makeScale(
      y.zero ? 0 : least(all), most(all), from, to, {log: y.log, count: Math.max(3, Math.floor((from - to) / 45))});
  const yText = y.text || shortNumber;
  const left = 10 + most([18, ...yScaleFor(tall - bottomGap, 24).ticks.map((tick) => textWidth(yText(tick), 11))]);
  const frame = {left, right: width - 10, top: 26, bottom: tall - bottomGap, width};
  const yScale = yScaleFor(frame.bottom, frame.top);
  const allX = [...xs, ...(x.include || [])];
  const xScale = x.names ?
      makeScale(-0.5, x.names.length - 0.5, frame.left, frame.right, {pad: false, ticks: x.names.map((_, i) => i)}) :
      makeScale(
          least(allX), most(allX), frame.left, frame.right,
          {log: x.log, ticks: x.ticks, count: Math.max(3, Math.floor((frame.right - frame.left) / 90))});
  if (!x.names && !x.log) padLinear(xScale, frame, allX);
  const picture =
      makePicture(width, tall, 'chart', `${y.label} against ${x.label}`,
          xAxis(
              frame, xScale.fixed || xScale, x.label,
              x.names ? (i) => fitted(x.names[i], (frame.right - frame.left) / x.names.length - 6, 11) : x.text),
          yAxis(frame, yScale, y.label, y.text), frameBox(frame));
  const at = xScale.fixed || xScale;
  const inside = (v) => Math.max(frame.top, Math.min(frame.bottom, v));
  for (const rule of rules) picture.append(ruleLine(rule, at, yScale, frame));
  series.forEach((one, k) => {
    // Bars of the same place side by side.
    const aside = dodge ? (k - (series.length - 1) / 2) * Math.min(5, 24 / series.length) : 0;
    const shown = one.points.filter((point) => isNumber(point.y) && (!y.log || point.y > 0));
    if (one.line && shown.length > 1) {
      picture.append(svg('path', {
        class: `line s${one.index % 8}`,
        'stroke-dasharray': dashOf(one.index),
        d: 'M' + shown.map((p) => `${at(p.x) + aside} ${yScale(p.y)}`).join('L')
      }));
    }
    for (const point of shown) {
      if (!isNumber(point.low) || !isNumber(point.high) || (y.log && point.low <= 0)) continue;
      const px = at(point.x) + aside;
      const top = inside(yScale(point.high));
      const low = inside(yScale(point.low));
      picture.append(
          svg('path',
              {class: `bar-error s${one.index % 8}`, d: `M${px} ${low}V${top}M${px - 3} ${low}h6M${px - 3} ${top}h6`}));
    }
    for (const point of shown) picture.append(markShape(at(point.x) + aside, yScale(point.y), one.index, point));
  });
  return picture;
}

// Linear axes get room at both sides, so that no mark is cut.
function padLinear(scale, frame, values) {
  const low = least(values);
  const high = most(values);
  const inset = 14;
  const place = (value) =>
      frame.left + inset + (high === low ? 0.5 : (value - low) / (high - low)) * (frame.right - frame.left - 2 * inset);
  scale.fixed = Object.assign(
      place,
      {ticks: scale.ticks.filter((tick) => tick >= low - (high - low) * 0.02 && tick <= high + (high - low) * 0.02)});
}

function ruleLine(rule, xScale, yScale, frame) {
  const clampX = (v) => Math.max(frame.left, Math.min(frame.right, v));
  const clampY = (v) => Math.max(frame.top, Math.min(frame.bottom, v));
  let [x1, y1, x2, y2] = [xScale(rule.from[0]), yScale(rule.from[1]), xScale(rule.to[0]), yScale(rule.to[1])];
  // Along the line to the frame's edge.
  const cut = (px, py, ox, oy) => {
    let [nx, ny] = [clampX(px), py];
    if (nx !== px && ox !== px) ny = py + ((oy - py) * (nx - px)) / (ox - px);
    const my = clampY(ny);
    if (my !== ny && oy !== ny) nx += ((ox - nx) * (my - ny)) / (oy - ny);
    return [clampX(nx), my];
  };
  const a = cut(x1, y1, x2, y2);
  const b = cut(x2, y2, x1, y1);
  const group = svg('g', {class: rule.className || 'limit'}, svg('path', {d: `M${a[0]} ${a[1]}L${b[0]} ${b[1]}`}));
  if (rule.text) {
    const room = textWidth(rule.text, 11);
    const x = Math.min(frame.right - room - 4, Math.max(frame.left + 4, rule.end ? b[0] - room - 4 : a[0] + 6));
    // Above a level line, to the right of and below a rising one.
    const lineAt = (px) => (b[0] === a[0] ? a[1] : a[1] + ((b[1] - a[1]) * (px - a[0])) / (b[0] - a[0]));
    const y = Math.abs(a[1] - b[1]) < 1 ? a[1] - 5 : lineAt(x) + 15;
    group.append(
        svg('text', {x, y: Math.max(frame.top + 12, Math.min(frame.bottom - 4, y)), class: 'tick'}, rule.text));
  }
  return group;
}

// Rows of one axis. rows: [{label, sub, bars: [{from, to, className, title}], dots: [{at, low, high, index, title,
// href}], ticks: [{at, title}], strong}]; x: {label, log, text, low, high}. `spread`: dots of a row stand below each
// other.
function rowChart(width, {rows, x, line = 26, spread = false, aside = null}) {
  const widest = most(rows.map((row) => textWidth(row.label, 12, 700)));
  if (aside === null) aside = widest < width * (width > 560 ? 0.36 : 0.2);
  const left = aside ? widest + 14 : 2;
  const step = aside ? line : line + 17;
  const frame = {left, right: width - 14, top: 6, bottom: 6 + rows.length * step, width};
  const values = rows.flatMap(
                         (row) =>
                             [...(row.bars || []).flatMap((bar) => [bar.from, bar.to]),
                              ...(row.dots || []).flatMap((dot) => [dot.at, dot.low, dot.high]),
                              ...(row.ticks || []).map((tick) => tick.at)])
                     .filter((v) => isNumber(v) && (!x.log || v > 0));
  const low = x.low !== undefined ? Math.min(x.low, least(values)) : least(values);
  const high = Math.max(most(values), x.high !== undefined ? x.high : -Infinity);
  const scale = makeScale(
      low, high, frame.left, frame.right,
      {log: x.log, count: Math.max(3, Math.floor((frame.right - frame.left) / 80))});
  const tall = frame.bottom + 42;
  const picture =
      makePicture(width, tall, 'chart', x.label, xAxis(frame, scale, x.label, x.text), frameBox(frame));
  rows.forEach((row, i) => {
    const top = frame.top + i * step + (aside ? 0 : 17);
    const middle = top + line / 2;
    picture.append(
        aside ? svg('text',
                    {x: left - 8, y: middle + 4, 'text-anchor': 'end', class: row.strong ? 'label strong' : 'label'},
                    row.label) :
                svg('text', {x: left + 4, y: top - 3, class: row.strong ? 'label strong' : 'label'},
                    fitted(row.label, (width - 12) * (row.strong ? 0.9 : 1))));
    for (const bar of row.bars || []) {
      const begin = scale(bar.from);
      picture.append(
          svg('rect', {
            class: `mark bar ${bar.className}`,
            fill: bar.fill,
            x: begin,
            y: middle - 8,
            width: Math.max(0.5, scale(bar.to) - begin),
            height: 16
          },
              bar.title ? svg('title', {}, bar.title) : null));
    }
    for (const tick of row.ticks || []) {
      picture.append(
          svg('path', {class: 'mark minimum', d: `M${scale(tick.at)} ${middle - 11}V${middle + 11}`},
              svg('title', {}, tick.title)));
    }
    (row.dots || []).forEach((dot, k) => {
      const y = spread ? top + 3 + ((line - 6) * (k + 0.5)) / row.dots.length : middle;
      if (isNumber(dot.low))
        picture.append(svg('path', {
          class: `bar-error s${dot.index % 8}`,
          d: `M${scale(dot.low)} ${y}H${scale(dot.high)}M${scale(dot.low)} ${y - 3}v6M${scale(dot.high)} ${y - 3}v6`
        }));
      picture.append(markShape(scale(dot.at), y, dot.index, dot));
    });
    if (spread && i)
      picture.append(svg('path', {class: 'rule', d: `M${frame.left} ${frame.top + i * step}H${frame.right}`}));
  });
  return picture;
}
