// Scales and axes.

function niceStep(span, count) {
  const raw = span / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(raw));
  return [1, 2, 2.5, 5, 10].find((factor) => factor * power >= raw * 0.999) * power;
}

// domain -> pixels; with ticks of its own. `log` needs values above 0.
function makeScale(low, high, from, to, {log = false, count = 5, ticks = null, pad = true} = {}) {
  if (log) {
    if (low === high) {
      low /= 2;
      high *= 2;
    }
    const margin = pad ? Math.max(1.08, (high / low) ** 0.05) : 1;
    low /= margin;
    high *= margin;
    const a = Math.log(low);
    const scale = (value) => from + ((Math.log(value) - a) / (Math.log(high) - a)) * (to - from);
    return Object.assign(scale, {ticks: ticks || logTicks(low, high, count), low, high});
  }
  if (low === high) high = low + 1;
  const step = niceStep(high - low, count);
  if (pad) {
    low = Math.floor(low / step + 1e-9) * step;
    high = Math.ceil(high / step - 1e-9) * step;
  }
  const scale = (value) => from + ((value - low) / (high - low)) * (to - from);
  const own = [];
  for (let at = Math.ceil(low / step - 1e-9); at * step <= high + step * 1e-6; ++at)
    own.push(+(at * step).toPrecision(12));
  return Object.assign(scale, {ticks: ticks || own, low, high});
}

function logTicks(low, high, count) {
  const decades = Math.log10(high / low);
  if (decades < 0.6) {
    const step = niceStep(high - low, Math.min(count, 8));
    return Array.from(
        {length: Math.floor(high / step) - Math.ceil(low / step) + 1},
        (_, i) => +((Math.ceil(low / step) + i) * step).toPrecision(6));
  }
  const wanted = decades < 1.2 ? [1, 1.5, 2, 3, 5, 7] : decades < 3 ? [1, 2, 5] : [1];
  const every = decades >= 3 ? Math.max(1, Math.ceil(decades / count)) : 1;
  const found = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); ++power) {
    if (wanted.length === 1 && power % every !== 0) continue;
    for (const factor of wanted) {
      const tick = factor * 10 ** power;
      if (tick >= low && tick <= high) found.push(+tick.toPrecision(6));
    }
  }
  return found;
}

// Leaves out labels that would touch the one before.
function spaced(ticks, place, text, gap) {
  let end = -Infinity;
  return ticks.map((tick) => ({tick, at: place(tick), text: text(tick)})).filter((one) => {
    const half = textWidth(one.text, 11) / 2;
    if (one.at - half < end + gap) return false;
    end = one.at + half;
    return true;
  });
}

// Below the frame: ticks, lines of a grid, and what is measured in which unit.
function xAxis(frame, scale, label, text = shortNumber) {
  const group = svg('g', {class: 'axis'});
  const labels = new Set(spaced(scale.ticks, scale, text, 8).map((one) => one.tick));
  for (const tick of scale.ticks) {
    const x = scale(tick);
    if (x < frame.left - 0.5 || x > frame.right + 0.5) continue;
    group.append(svg('path', {class: 'rule', d: `M${x} ${frame.top}V${frame.bottom}`}));
    if (!labels.has(tick)) continue;
    const half = textWidth(text(tick), 11) / 2;
    group.append(
        svg('text', {
          x: Math.max(half, Math.min(x, frame.width - half)),
          y: frame.bottom + 16,
          'text-anchor': 'middle',
          class: 'tick'
        },
            text(tick)));
  }
  group.append(
      svg('text', {x: (frame.left + frame.right) / 2, y: frame.bottom + 34, 'text-anchor': 'middle', class: 'name'},
          fitted(label, frame.width)));
  return group;
}

function yAxis(frame, scale, label, text = shortNumber) {
  const group = svg('g', {class: 'axis'});
  let last = Infinity;
  for (const tick of scale.ticks) {
    const y = scale(tick);
    if (y < frame.top - 0.5 || y > frame.bottom + 0.5) continue;
    group.append(svg('path', {class: 'rule', d: `M${frame.left} ${y}H${frame.right}`}));
    if (last - y < 14) continue;
    last = y;
    group.append(svg('text', {x: frame.left - 6, y: y + 4, 'text-anchor': 'end', class: 'tick'}, text(tick)));
  }
  group.append(svg('text', {x: 0, y: frame.top - 10, class: 'name'}, fitted(label, frame.width)));
  return group;
}

const frameBox = (frame) => svg(
    'rect',
    {class: 'frame', x: frame.left, y: frame.top, width: frame.right - frame.left, height: frame.bottom - frame.top});

const dashes = ['', '6 3', '2 3', '9 3 2 3', '', '6 3', '2 3', '9 3 2 3'];
const dashOf = (index) => dashes[Math.floor(index / 2) % dashes.length] || null;

// Shapes tell series apart where colours cannot.
function markShape(x, y, index, {hollow = false, title = '', href = null} = {}) {
  const r = 4.5;
  const shapes = [
    () => `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${- 2 * r} 0Z`,
    () => `M${x - r} ${y - r}h${2 * r}v${2 * r}h${- 2 * r}Z`,
    () => `M${x} ${y - r - 1}L${x + r + 0.5} ${y + r - 0.5}H${x - r - 0.5}Z`,
    () => `M${x} ${y - r - 1}L${x + r + 1} ${y}L${x} ${y + r + 1}L${x - r - 1} ${y}Z`,
    () => `M${x} ${y + r + 1}L${x + r + 0.5} ${y - r + 0.5}H${x - r - 0.5}Z`,
    () => `M${x - 2} ${y - r}h4v2.5h2.5v4h-2.5v2.5h-4v-2.5h-2.5v-4h2.5Z`,
  ];
  const mark =
      svg('path', {d: shapes[index % shapes.length](), class: `mark s${index % 8}${hollow ? ' hollow' : ''}`},
          title ? svg('title', {}, title) : null);
  return href ? svg('a', {href}, mark) : mark;
}
