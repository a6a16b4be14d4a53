// Where time and bytes go, by strategy and by rank.

const partNames = [
  ['compute_ms', 'k-attend', 'computing'], ['merge_ms', 'k-merge', 'merging'],
  ['exposed_ms', 'k-exchange', 'exposed communication'], ['idle_ms', 'k-wait', 'idle']
];
const partLegend = () => makeLegend(partNames.map(([, className, name]) => legendItem(boxSwatch(className), name)));
function stacked(valueOf, label) {
  let at = 0;
  const bars = partNames.map(([key, className, name]) => {
    const value = valueOf(key);
    at += value;
    return {from: at - value, to: at, className, title: `${label}: ${name} ${num(value)} ms`};
  });
  return bars;
}

function breakdownFigures(item) {
  const group = ofProblem(item).filter((one) => one.breakdown && one.breakdown.compute_ms);
  if (!group.length)
    return [el('p', {class: 'notice'}, 'These rows have no breakdown of their time (timing.breakdown).')];
  const value = (one, key, rank) => (one.breakdown[key] || [])[rank] || 0;
  const average = (one, key) => mean(one.breakdown[key] || [0]);
  const columns = (get) => partNames.map(
      ([key, , name]) =>
          ({title: `${name} ms`, value: (row) => get(row, key), text: (row) => num(get(row, key)), numeric: true}));
  const found = [makeFigure({
    title: 'Where the time goes, by strategy',
    note: 'Mean of the ranks, in one observed forward.',
    legend: partLegend(),
    draw: (width) => rowChart(width, {
      rows: group.map(
          (one) => ({label: one.label, strong: one === item, bars: stacked((key) => average(one, key), one.label)})),
      x: {label: 'ms', low: 0}
    }),
    table: () => makeTable(
        [{title: 'strategy', value: (one) => one.label, text: (one) => caseLink(one)}, ...columns(average)], group,
        {title: 'Breakdown by strategy'}),
  })];
  if (!item.breakdown) return found;
  const ranks = item.breakdown.compute_ms.map((_, rank) => rank);
  found.push(makeFigure({
    title: 'Where the time goes, by rank',
    note: `${item.label}, in one observed forward.`,
    legend: partLegend(),
    draw: (width) => rowChart(width, {
      line: 22,
      rows: ranks.map(
          (rank) => ({label: `rank ${rank}`, bars: stacked((key) => value(item, key, rank), `rank ${rank}`)})),
      x: {label: 'ms', low: 0}
    }),
    table: () => makeTable(
        [{title: 'rank', value: (rank) => rank, numeric: true}, ...columns((rank, key) => value(item, key, rank))],
        ranks, {title: 'Breakdown by rank'}),
  }));
  return found;
}

const byteScale = (most_bytes) =>
    (most_bytes >= 2 ** 30     ? [2 ** 30, 'GiB'] :
         most_bytes >= 2 ** 20 ? [2 ** 20, 'MiB'] :
                                 [2 ** 10, 'KiB']);

function bytesFigures(item) {
  const group = ofProblem(item).filter((one) => one.plan && one.plan.sent_bytes);
  if (!group.length) return [];
  const [unit, name] = byteScale(most(group.map((one) => one.plan.max_sent_bytes)));
  const tick = (minimum) => ({at: minimum / unit, title: `at least ${bytes(minimum)}`});
  const legend = makeLegend([
    legendItem(boxSwatch('k-exchange'), 'sent'),
    legendItem(
        svg('svg', {width: 10, height: 14}, svg('path', {class: 'minimum', d: 'M5 0V14'})),
        'the fewest that its placement allows')
  ]);
  const ranks = (item.plan && item.plan.sent_bytes ? item.plan.sent_bytes : []).map((_, rank) => rank);
  const found = [makeFigure({
    title: 'Bytes sent, by strategy',
    note: 'All ranks together, in one forward.',
    legend,
    draw: (width) => {
      const [all, allName] = byteScale(most(group.map((one) => one.plan.sum_sent_bytes)));
      return rowChart(width, {
        rows: group.map(
            (one) => ({
              label: one.label,
              strong: one === item,
              bars: [{
                from: 0,
                to: one.plan.sum_sent_bytes / all,
                className: 'k-exchange',
                title: bytes(one.plan.sum_sent_bytes)
              }],
              ticks: [
                {at: one.plan.sum_minimum_sent_bytes / all, title: `at least ${bytes(one.plan.sum_minimum_sent_bytes)}`}
              ]
            })),
        x: {label: `${allName} sent`, low: 0},
      });
    },
    table:
        () =>
            makeTable(
                [
                  {title: 'strategy', value: (one) => one.label, text: (one) => caseLink(one)},
                  {
                    title: 'sent',
                    value: (one) => one.plan.sum_sent_bytes,
                    text: (one) => bytes(one.plan.sum_sent_bytes),
                    numeric: true
                  },
                  {
                    title: 'at least',
                    value: (one) => one.plan.sum_minimum_sent_bytes,
                    text: (one) => bytes(one.plan.sum_minimum_sent_bytes),
                    numeric: true
                  },
                  {title: '× min', value: overMinimum, text: (one) => num(overMinimum(one)), numeric: true},
                  {
                    title: 'busiest rank',
                    value: (one) => one.plan.max_sent_bytes,
                    text: (one) => bytes(one.plan.max_sent_bytes),
                    numeric: true
                  },
                ],
                group, {title: 'Bytes sent by strategy'}),
  })];
  if (ranks.length > 1) {
    found.push(
        makeFigure(
            {
              title: 'Bytes sent, by rank',
              note: item.label,
              legend: legend.cloneNode(true),
              draw: (width) => rowChart(width, {
                line: 22,
                rows: ranks.map((rank) => ({
                                  label: `rank ${rank}`,
                                  bars: [{
                                    from: 0,
                                    to: item.plan.sent_bytes[rank] / unit,
                                    className: 'k-exchange',
                                    title: bytes(item.plan.sent_bytes[rank])
                                  }],
                                  ticks: [tick(item.plan.minimum_sent_bytes[rank])]
                                })),
                x: {label: `${name} sent`, low: 0}
              }),
              table:
                  () =>
                      makeTable(
                          [
                            {title: 'rank', value: (rank) => rank, numeric: true},
                            {
                              title: 'sent',
                              value: (rank) => item.plan.sent_bytes[rank],
                              text: (rank) => bytes(item.plan.sent_bytes[rank]),
                              numeric: true
                            },
                            {
                              title: 'at least',
                              value: (rank) => item.plan.minimum_sent_bytes[rank],
                              text: (rank) => bytes(item.plan.minimum_sent_bytes[rank]),
                              numeric: true
                            },
                          ],
                          ranks, {title: 'Bytes sent by rank'}),
            }));
  }
  return found;
}

function imbalanceFigure(item) {
  const group = ofProblem(item).filter((one) => one.plan && isNumber(one.plan.imbalance) && one.plan.flops);
  if (!group.length) return null;
  return makeFigure(
      {
        title: 'Imbalance',
        note: 'FLOPs of each rank over their mean: a dot a rank. 1 is even; the right-most rank decides.',
        draw: (width) => rowChart(width, {
          rows: group.map((one) => ({
                            label: one.label,
                            strong: one === item,
                            ticks: [{at: 1, title: 'even'}],
                            dots: one.plan.flops.map((flops, rank) => ({
                                                       at: mean(one.plan.flops) ? flops / mean(one.plan.flops) : 1,
                                                       index: seriesOf(one),
                                                       title: `rank ${rank}`
                                                     }))
                          })),
          x: {label: 'FLOPs of a rank / mean', low: 0, high: 1.2},
        }),
        table:
            () =>
                makeTable(
                    [
                      {title: 'strategy', value: (one) => one.label, text: (one) => caseLink(one)},
                      {
                        title: 'imbalance',
                        value: (one) => one.plan.imbalance,
                        text: (one) => num(one.plan.imbalance),
                        numeric: true
                      },
                      {
                        title: 'GFLOP by rank',
                        value: (one) => one.plan.sum_flops,
                        text: (one) => one.plan.flops.map((flops) => num(flops / 1e9)).join(', ')
                      },
                    ],
                    group, {title: 'Imbalance'}),
      });
}
