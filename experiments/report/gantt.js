// What each queue of each rank does when.

const barKinds = ['attend', 'merge', 'copy', 'finish', 'exchange', 'wait'];
const kUnits = 4000;

// [rank, queue, kind, gap, length, ...] -> {rank, queue, bars: [{kind, from, to}] in ms}
function lanesOf(gantt) {
  const unit = gantt.ms / kUnits;
  return gantt.lanes.map(([rank, queue, ...flat]) => {
    const bars = [];
    let at = 0;
    for (let i = 0; i + 2 < flat.length; i += 3) {
      const from = at + flat[i + 1];
      at = from + flat[i + 2];
      bars.push({kind: flat[i], from: from * unit, to: at * unit});
    }
    return {rank, queue, bars};
  });
}

function ganttChart(width, gantt, end) {
  const lanes = lanesOf(gantt);
  const left = width > 500 ? 118 : 46;
  const high = 14;
  const place = [];
  let y = 8;
  lanes.forEach((lane, i) => {
    if (i && lanes[i - 1].rank !== lane.rank) y += 7;
    place.push(y);
    y += high + 1;
  });
  const frame = {left, right: width - 12, top: 4, bottom: y + 4, width};
  const scale = makeScale(
      0, end, frame.left, frame.right, {pad: false, count: Math.max(3, Math.floor((frame.right - left) / 80))});
  const tall = frame.bottom + 42;
  const picture =
      makePicture(width, tall, 'chart gantt', 'Gantt chart, a row a rank and queue',
          xAxis(frame, scale, 'ms since the start'), frameBox(frame));
  lanes.forEach((lane, i) => {
    const queue = lane.queue ? 'exchange' : 'compute';
    const name = width > 500 ? `${lane.queue ? '' : `rank ${lane.rank}  `}${queue}` :
        lane.queue ? '⇄' :
                     `r ${lane.rank}`;
    picture.append(svg('text', {x: left - 6, y: place[i] + 11, 'text-anchor': 'end', class: 'tick'}, name));
    for (const bar of lane.bars) {
      const from = scale(bar.from);
      const kind = barKinds[bar.kind];
      picture.append(
          svg('rect', {
            class: `mark k-${kind}`,
            x: from,
            y: bar.kind === 5 ? place[i] + 5 : place[i],
            width: Math.max(1, scale(bar.to) - from),
            height: bar.kind === 5 ? 4 : high
          },
              svg('title', {}, `rank ${lane.rank} ${queue}: ${kind}, ${num(bar.from)} to ${num(bar.to)} ms`)));
    }
  });
  return picture;
}

const ganttLegend = () => makeLegend(barKinds.map((kind) => legendItem(boxSwatch(`k-${kind}`), kind)));

function ganttTable(gantt) {
  const rows = lanesOf(gantt).map((lane) => {
    const spent = barKinds.map(() => 0);
    for (const bar of lane.bars) spent[bar.kind] += bar.to - bar.from;
    return {...lane, spent, ends: lane.bars.length ? lane.bars[lane.bars.length - 1].to : 0};
  });
  const used = barKinds.map((_, kind) => kind).filter((kind) => rows.some((row) => row.spent[kind] > 0));
  return makeTable(
      [
        {title: 'rank', value: (row) => row.rank, numeric: true},
        {title: 'queue', value: (row) => (row.queue ? 'exchange' : 'compute')},
        ...used.map((kind) => ({
                      title: `${barKinds[kind]} ms`,
                      value: (row) => row.spent[kind],
                      text: (row) => num(row.spent[kind]),
                      numeric: true
                    })),
        {title: 'ends at ms', value: (row) => row.ends, text: (row) => num(row.ends), numeric: true},
      ],
      rows, {title: 'Time spent, by rank and queue'});
}

function ganttNote(gantt) {
  const clocks = gantt.clocks ? ` The ranks’ clocks agree within ${num(gantt.clocks * 1e3)} µs.` : '';
  return clocks +
      (gantt.cut ?
           ` ${counted(gantt.cut, 'bar')} of ${counted(gantt.ranks, 'rank')} left out, to keep this file small.` :
           '');
}
