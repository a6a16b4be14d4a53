// Truth: errors against their bounds, rates against the machine's, and the machines.

function errorFigure(figure, title) {
  const items = cases.filter((item) => item[figure]);
  if (!items.length) return null;
  const kinds = [...new Set(items.map((item) => item.inputs))].sort();
  const positive = items.flatMap((item) => item[figure]).filter((v) => v > 0);
  const floor = positive.length ? least(positive) / 4 : 1e-12;
  const shown = (value) => Math.max(value, floor);
  const all = items.flatMap((item) => item[figure].map(shown));
  const [low, high] = [least(all), most(all)];
  const bounds = items.map((item) => shown(item[figure][1]));
  const zeros = items.filter((item) => item[figure][0] === 0).length;
  return makeFigure({
    title,
    note: `Of each case the row closest to its bound; above the line a case has failed.${
        zeros ? ` ${counted(zeros, 'error')} of exactly 0 at the lower edge, hollow.` : ''}`,
    legend: makeLegend(kinds.map((kind, i) => legendItem(markSwatch(i), `inputs: ${kind}`))),
    draw: (width) => xyChart(width, {
      square: true,
      x: {label: 'bound (log)', log: true, include: [least(bounds) / 1.6, most(bounds) * 1.6]},
      y: {label: 'error (log)', log: true, include: [low, high]},
      series:
          kinds.map((kind, index) => ({
                      index,
                      points: items.filter((item) => item.inputs === kind)
                                  .map((item) => ({
                                         x: shown(item[figure][1]),
                                         y: shown(item[figure][0]),
                                         hollow: item[figure][0] === 0,
                                         href: `#why/${item.index}`,
                                         title: `${caseName(item)}: ${num(item[figure][0])} of ${num(item[figure][1])}`
                                       }))
                    })),
      rules: [{from: [low / 10, low / 10], to: [high * 10, high * 10], text: 'error = bound', end: true}],
    }),
    table:
        () =>
            makeTable(
                [
                  {title: 'strategy', value: (item) => item.label, text: (item) => caseLink(item)},
                  ...keyColumns(),
                  {title: 'inputs', value: (item) => item.inputs},
                  {
                    title: 'error',
                    value: (item) => item[figure][0],
                    text: (item) => num(item[figure][0]),
                    numeric: true
                  },
                  {
                    title: 'bound',
                    value: (item) => item[figure][1],
                    text: (item) => num(item[figure][1]),
                    numeric: true
                  },
                  {
                    title: 'error / bound',
                    value: (item) => item[figure][0] / item[figure][1],
                    text: (item) => num(item[figure][0] / item[figure][1]),
                    numeric: true
                  },
                  {
                    title: 'rows checked',
                    value: (item) => item.rows_checked,
                    text: (item) => whole(item.rows_checked),
                    numeric: true
                  },
                ],
                items, {title}),
  });
}

// A rank's threads, or its share of cores where there are fewer.
function coresOf(item) {
  const threads = (item.case.measure && item.case.measure.threads) || 1;
  return item.cores ? Math.min(threads, item.cores / item.ranks) : threads;
}

function rooflineFigure() {
  const items = timed.filter((item) => item.plan && item.plan.flops && item.plan.max_sent_bytes > 0);
  const silent = timed.filter((item) => item.plan && item.plan.max_sent_bytes === 0).length;
  if (!items.length)
    return el('p', {class: 'notice'}, 'No case that passed sends anything: there is no roofline to draw.');
  const intensity = (item) => most(item.plan.flops) / item.plan.max_sent_bytes;
  const rate = (item) => most(item.plan.flops) / (item.ms * 1e6);
  const roof = (item) => Math.min(item.peak * coresOf(item), item.link * intensity(item));
  const measured = items.filter((item) => item.peak && item.link);
  const roofs = new Map();
  for (const item of measured) {
    const key = `${item.run} ${coresOf(item)} ${item.transport}`;
    if (!roofs.has(key)) roofs.set(key, []);
    roofs.get(key).push(item);
  }
  const median = (list) => list.sort((a, b) => a - b)[Math.floor(list.length / 2)];
  const xs = items.map(intensity);
  const [low, high] = [least(xs) / 2, most(xs) * 2];
  const lines = [...roofs.values()].slice(0, 6).map((group) => {
    const peak = median(group.map((item) => item.peak)) * coresOf(group[0]);
    const link = median(group.map((item) => item.link));
    const share = coresOf(group[0]);
    return {
      peak,
      link,
      ridge: peak / link,
      name: `${num(peak)} GFLOP/s${share === 1 ? '' : ` (${num(share)} cores a rank)`}`
    };
  });
  const rules = lines.flatMap(
      ({peak, link, ridge, name}) =>
          [{from: [Math.max(ridge, low / 2), peak], to: [high * 4, peak], text: name, end: true},
           ...(ridge > low / 2 ?
                   [{from: [low / 2, link * (low / 2)], to: [ridge, peak], text: `link ${num(link)} GB/s`}] :
                   []),
  ]);
  const names = strategies.filter((name) => items.some((item) => item.label === name));
  const ys = [...items.map(rate), ...lines.map((line) => line.peak)];
  return makeFigure({
    title: 'Roofline',
    wide: true,
    note: `What the busiest rank computes a second, against what it computes for each byte it sends.${
        measured.length ?
            ' Roofs: one core’s FMA rate times the cores that a rank has, and the link between two ranks, both measured in the same run.' :
            ' These rows do not say how fast their machine is (environment.peak_gflops_core, link_gbps): no roof.'}${
        silent ? ` ${counted(silent, 'case')} that send${silent === 1 ? 's' : ''} nothing left out.` : ''}`,
    legend: strategyLegend(names),
    draw: (width) => xyChart(width, {
      x: {label: 'FLOP / byte sent (log)', log: true, include: [low, high]},
      y: {label: 'GFLOP/s a rank (log)', log: true, include: [least(ys) / 1.5, most(ys) * 1.4]},
      series: names.map((name) => ({
                          index: strategies.indexOf(name),
                          points: items.filter((item) => item.label === name)
                                      .map((item) => ({
                                             x: intensity(item),
                                             y: rate(item),
                                             href: `#why/${item.index}`,
                                             title: `${caseName(item)}: ${num(rate(item))} GFLOP/s`
                                           }))
                        })),
      rules,
    }),
    table:
        () =>
            makeTable(
                [
                  {title: 'strategy', value: (item) => item.label, text: (item) => caseLink(item)},
                  ...keyColumns(),
                  {title: 'FLOP / byte', value: intensity, text: (item) => num(intensity(item)), numeric: true},
                  {title: 'GFLOP/s', value: rate, text: (item) => num(rate(item)), numeric: true},
                  {title: 'roof GFLOP/s', value: roof, text: (item) => num(roof(item)), numeric: true},
                  {
                    title: 'of roof',
                    value: (item) => rate(item) / roof(item),
                    text: (item) => percent(rate(item) / roof(item)),
                    numeric: true
                  },
                  {
                    title: 'a core’s GFLOP/s',
                    value: (item) => item.peak,
                    text: (item) => num(item.peak),
                    numeric: true
                  },
                  {title: 'link GB/s', value: (item) => item.link, text: (item) => num(item.link), numeric: true},
                ],
                items, {title: 'Roofline'}),
  });
}

function environmentSection() {
  const keys = [...new Set(data.runs.flatMap((run) => Object.keys(run.environment)))];
  const text = (run, key) => (run.environment[key] || []).map(([value]) => value).join(' | ');
  const differing = keys.filter((key) => new Set(data.runs.map((run) => text(run, key))).size > 1);
  const rows = keys.map((key) => ({key, differs: differing.includes(key)}));
  const said = data.runs.length < 2 ?
      'One run.' :
      differing.length ?
      `The runs differ in ${differing.join(', ')}: their times are not those of one machine and version.` :
      'All runs say the same of their environment.';
  return [
    el('h2', {}, 'Environment'), el('p', {class: differing.length ? 'notice bad' : 'lead'}, said),
    makeTable(
        [
          {title: 'what', value: (row) => row.key},
          ...data.runs.map((run, i) => ({title: runNames[i], value: (row) => text(run, row.key)}))
        ],
        rows, {title: 'Environment', lineClass: (row) => (row.differs ? 'differs' : '')})
  ];
}

function truthPage() {
  return [
    el('h2', {}, 'Error against bound'),
    el('div', {class: 'pair'}, errorFigure('output', 'Output O'), errorFigure('lse', 'Log-sum-exp')),
    el('h2', {}, 'How far from the machine’s limits'), rooflineFigure(), environmentSection()
  ];
}
