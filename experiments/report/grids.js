// Who attends what when: query tokens down, key tokens across, coloured by step, the rank's number in each cell.

const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
// Viridis (Smith and van der Walt 2015): lightness rises evenly, for all kinds of colour vision.
const stops = [[68, 1, 84], [65, 68, 135], [42, 120, 142], [34, 168, 132], [122, 209, 81], [253, 231, 37]];

function stepColour(step, steps) {
  const at = steps < 2 ? 0.4 : 0.08 + (0.88 * step) / (steps - 1);
  const low = Math.min(stops.length - 2, Math.floor(at * (stops.length - 1)));
  const part = at * (stops.length - 1) - low;
  const mixed = stops[low].map((value, i) => Math.round(value + (stops[low + 1][i] - value) * part));
  return {
    fill: `rgb(${mixed.join(',')})`,
    ink: mixed[0] * 0.3 + mixed[1] * 0.59 + mixed[2] * 0.11 > 120 ? '#111' : '#fff'
  };
}

// The area that the mask lets through, as a path in pixels.
function visiblePath(item, toX, toY) {
  const {problem} = item.case;
  if (!problem || !Array.isArray(problem.sequences)) return null;
  const window = problem.mask && problem.mask.window;
  let q0 = 0;
  let k0 = 0;
  const parts = [];
  for (const {query, cached} of problem.sequences) {
    const [q1, k1] = [q0 + query, k0 + cached + query];
    const last = (q) => k0 + cached + (q - q0);
    const corners = [];
    if (problem.mask === 'full')
      corners.push([k0, q0], [k1, q0], [k1, q1], [k0, q1]);
    else {
      const first = (q) => (window ? Math.max(k0, last(q) - window + 1) : k0);
      corners.push([last(q0) + 1, q0], [k1, q1], [first(q1), q1]);
      const leaves = q0 + window - 1 - cached;
      if (window && leaves > q0 && leaves < q1) corners.push([k0, leaves]);
      corners.push([first(q0), q0]);
    }
    parts.push('M' + corners.map(([k, q]) => `${toX(k)} ${toY(q)}`).join('L') + 'Z');
    [q0, k0] = [q1, k1];
  }
  return parts.join('');
}

let clips = 0;

function layerPicture(width, item, grid, layer) {
  const left = 26;
  const top = 20;
  const keys = grid.k[grid.k.length - 1];
  const queries = grid.q[grid.q.length - 1];
  const across = width - left - 4;
  const down = Math.max(0.55 * across, Math.min(across, (across * queries) / keys));
  const toX = (k) => left + (across * k) / keys;
  const toY = (q) => top + (down * q) / queries;
  const tall = top + down + 6;
  const picture =
      makePicture(width, tall, 'chart grid', `Schedule of ${item.label}`,
          svg('text', {x: left, y: 13, class: 'tick'}, 'keys →'),
          svg('text', {x: 12, y: top + 2, class: 'tick', transform: `rotate(-90 12 ${top + 2})`, 'text-anchor': 'end'},
              '← queries'),
          svg('rect', {class: 'hidden-area', x: left, y: top, width: across, height: down}));
  const cells = svg('g', {});
  const path = grid.sampled ? null : visiblePath(item, toX, toY);
  if (path) {
    const id = `visible-${++clips}`;
    picture.append(svg('clipPath', {id}, svg('path', {d: path})));
    cells.setAttribute('clip-path', `url(#${id})`);
  }
  const labels = svg('g', {class: 'ranks'});
  const columns = grid.k.length - 1;
  for (let row = 0; row + 1 < grid.q.length; ++row) {
    for (let column = 0; column < columns; ++column) {
      const at = row * columns + column;
      if (layer.rank[at] === '.') continue;
      const step = digits.indexOf(layer.step[at]);
      const colour = stepColour(step < 0 ? grid.steps - 1 : step, grid.steps);
      const [x, y] = [toX(grid.k[column]), toY(grid.q[row])];
      const [w, h] = [toX(grid.k[column + 1]) - x, toY(grid.q[row + 1]) - y];
      const rank = digits.indexOf(layer.rank[at]);
      cells.append(
          svg('rect', {class: 'mark cell', x, y, width: w, height: h, fill: colour.fill},
              svg('title', {},
                  `rank ${rank}, step ${step < 0 ? 'above 61' : step}: queries ${whole(grid.q[row])}–${
                      whole(grid.q[row + 1] - 1)}, keys ${whole(grid.k[column])}–${whole(grid.k[column + 1] - 1)}`)));
      if (w < textWidth(String(rank), 11) + 3 || h < 12) continue;
      const cutByMask = path && item.case.problem.mask !== 'full' && isCut(item, grid, row, column);
      const label = svg(
          'text',
          {x: x + w * (cutByMask ? 0.3 : 0.5), y: y + h * (cutByMask ? 0.72 : 0.5) + 4, 'text-anchor': 'middle'}, rank);
      label.style.fill = colour.ink;
      labels.append(label);
    }
  }
  picture.append(cells, labels, svg('rect', {class: 'frame', x: left, y: top, width: across, height: down}));
  return picture;
}

// Does the causal edge go through the cell?
function isCut(item, grid, row, column) {
  let q0 = 0;
  let k0 = 0;
  for (const {query, cached} of item.case.problem.sequences) {
    if (grid.q[row] < q0 + query) return k0 + cached + (grid.q[row] - q0) < grid.k[column + 1] - 1;
    q0 += query;
    k0 += cached + query;
  }
  return false;
}

// (query, key) pairs of a cell that the mask lets through; queries and keys as edges on the axes.
function visiblePairs(item, q0, q1, k0, k1) {
  const {mask, sequences} = item.case.problem;
  const upTo = (n) => (n > 0 ? (n * (n + 1)) / 2 : 0);
  let pairs = 0;
  let qs = 0;
  let ks = 0;
  for (const {query, cached} of sequences) {
    const [a, b] = [Math.max(q0, qs), Math.min(q1, qs + query)];
    const [c, d] = [Math.max(k0, ks), Math.min(k1, ks + cached + query)];
    // Keys before edge x that query q sees, over all queries: q - qs + cached + 1 + ks - x more than there are.
    const beyond = (x) => upTo(b - 1 - qs + cached + 1 + ks - x) - upTo(a - 1 - qs + cached + 1 + ks - x);
    const seen = (shift) => beyond(c + shift) - beyond(d + shift);
    if (a < b && c < d)
      pairs += mask === 'full' ? (b - a) * (d - c) : seen(0) - (mask && mask.window ? seen(mask.window) : 0);
    qs += query;
    ks += cached + query;
  }
  return pairs;
}

// [rank][step]: share of the mean rank's work, 1 for each if all is even. Null where cells are samples.
function workByRank(item, grid) {
  if (grid.sampled || grid.layers_cut || !Array.isArray(item.case.problem && item.case.problem.sequences)) return null;
  const work = Array.from({length: item.ranks}, () => Array(grid.steps).fill(0));
  const columns = grid.k.length - 1;
  for (const layer of grid.layers) {
    const heads = sum(layer.heads.split(', ').map((run) => {
      const [first, last = first] = run.split('-').map(Number);
      return last - first + 1;
    }));
    for (let at = 0; at < layer.rank.length; ++at) {
      const [rank, step] = [digits.indexOf(layer.rank[at]), digits.indexOf(layer.step[at])];
      const [row, column] = [Math.floor(at / columns), at % columns];
      if (rank < 0 || rank >= work.length || step < 0) continue;
      work[rank][step] += heads * visiblePairs(item, grid.q[row], grid.q[row + 1], grid.k[column], grid.k[column + 1]);
    }
  }
  const average = mean(work.map(sum)) || 1;
  return work.map((steps) => steps.map((one) => one / average));
}

// A bar a rank, a piece a step.
function workChart(width, item, grid, steps) {
  const rows = workByRank(item, grid).map((shares, rank) => {
    let at = 0;
    const bars = [];
    shares.forEach((share, step) => {
      if (share > 0)
        bars.push({
          from: at,
          to: at + share,
          className: 'cell',
          fill: stepColour(step, steps).fill,
          title: `rank ${rank}, step ${step}: ${num(share)} of the mean rank’s work`
        });
      at += share;
    });
    return {label: `rank ${rank}`, bars};
  });
  return rowChart(
      width, {rows, line: 20, aside: true, x: {label: 'work of a rank / mean, by step', low: 0, high: 1.2}});
}

// Fewer rows than cells: what each rank does in each step.
function gridTable(item, grid) {
  const rows = new Map();
  const columns = grid.k.length - 1;
  for (const layer of grid.layers) {
    for (let at = 0; at < layer.rank.length; ++at) {
      if (layer.rank[at] === '.') continue;
      const key = `${layer.heads}/${layer.rank[at]}/${layer.step[at]}`;
      const row = Math.floor(at / columns);
      const column = at % columns;
      if (!rows.has(key))
        rows.set(key, {
          heads: layer.heads,
          rank: digits.indexOf(layer.rank[at]),
          step: digits.indexOf(layer.step[at]),
          cells: 0,
          q: new Set(),
          k: new Set()
        });
      const one = rows.get(key);
      one.cells += 1;
      one.q.add(row);
      one.k.add(column);
    }
  }
  const runs = (set, edges) => {
    const found = [];
    for (const i of [...set].sort((a, b) => a - b)) {
      const last = found[found.length - 1];
      if (last && last[1] === edges[i])
        last[1] = edges[i + 1];
      else
        found.push([edges[i], edges[i + 1]]);
    }
    return found.map(([from, to]) => `${from}–${to - 1}`).join(', ');
  };
  return makeTable(
      [
        {title: 'rank', value: (row) => row.rank, numeric: true},
        {title: 'step', value: (row) => row.step, numeric: true},
        {title: 'heads', value: (row) => row.heads},
        {title: 'queries', value: (row) => Math.min(...row.q), text: (row) => runs(row.q, grid.q)},
        {title: 'keys', value: (row) => Math.min(...row.k), text: (row) => runs(row.k, grid.k)},
      ],
      [...rows.values()].sort((a, b) => a.rank - b.rank || a.step - b.step), {title: `Schedule of ${item.label}`});
}
