// Scaling: any two swept keys as axis and series, the others held.

function efficiencyOf(item) {
  const base = efficiencyOf.bases.get(efficiencyOf.key(item));
  return (base.ms * base.ranks) / (item.ms * item.ranks);
}
// Cases that differ in their ranks only.
efficiencyOf.key = (item) =>
    JSON.stringify([item.run, item.label, item.facts.get('tokens'), {...item.case, cluster: 0}]);
efficiencyOf.bases = new Map();
for (const item of timed) {
  const key = efficiencyOf.key(item);
  const base = efficiencyOf.bases.get(key);
  if (!base || item.ranks < base.ranks) efficiencyOf.bases.set(key, item);
}

const metrics = [
  {
    name: 'Time',
    label: 'median ms',
    log: true,
    value: (item) => item.ms,
    range: (item) => item.span,
    note: 'Dots are medians, bars reach from the fastest to the slowest repeat.'
  },
  {
    name: 'Efficiency',
    label: 'efficiency',
    value: efficiencyOf,
    range: (item) => item.span && item.span.map((t) => (efficiencyOf(item) * item.ms) / t).reverse(),
    text: (v) => `${Math.round(v * 100)}%`,
    note:
        'Time on the fewest ranks measured × those ranks / (time × ranks): 100 % is perfect scaling. Bars: spread of the repeats.',
    zero: true
  },
  {
    name: 'Of ideal',
    label: 'ideal / median',
    value: (item) => item.ideal / item.ms,
    range: (item) => item.span && item.ideal && item.span.map((t) => item.ideal / t).reverse(),
    text: (v) => `${Math.round(v * 100)}%`,
    note: 'One rank’s time for the whole problem, divided by the ranks, over the median. Bars: spread of the repeats.',
    zero: true,
    missing: 'Nothing to show against the ideal: run with measure.ideal=true.'
  },
];

// state: {axis, series, held: Map(key -> value)}
function metricFigure(metric, state, shown) {
  const axis = sweptKey(state.axis);
  const usable = shown.filter((item) => isNumber(metric.value(item)) && item.facts.has(axis.key));
  if (!usable.length) return el('p', {class: 'notice'}, metric.missing || `No case has both ${axis.label} and a time.`);
  const isStrategy = state.series === 'strategy';
  const found = [...new Set(usable.map((item) => item.facts.get(state.series)))];
  const names = isStrategy ? strategies.filter((name) => found.includes(name)) : found.sort(compareValues);
  const indexOf = (name) => (isStrategy ? strategies.indexOf(name) : names.indexOf(name));
  const values = [...new Set(usable.map((item) => item.facts.get(axis.key)))].sort(compareValues);
  const isLog = axis.numeric && values[0] > 0 && values.length > 1 && values[values.length - 1] / values[0] >= 4;
  const series = names.map(
      (name) => ({
        index: indexOf(name),
        line: true,
        points: usable.filter((item) => item.facts.get(state.series) === name)
                    .map((item) => {
                      const [low, high] = metric.range(item) || [];
                      const at = item.facts.get(axis.key);
                      return {
                        x: axis.numeric ? at : values.indexOf(at),
                        y: metric.value(item),
                        low,
                        high,
                        href: `#why/${item.index}`,
                        title: `${item.label}, ${problemName(item)}: ${(metric.text || num)(metric.value(item))}`
                      };
                    })
                    .sort((a, b) => a.x - b.x),
      }));
  const text = (name) =>
      (isStrategy ? name : `${(sweptKey(state.series) || {label: state.series}).label} ${valueText(name)}`);
  const x = {
    label: axis.label,
    log: isLog,
    names: axis.numeric ? null : values.map(String),
    ticks: values.length <= 12 ? values : null
  };
  return makeFigure({
    title: `${metric.name} against ${axis.label}`,
    note: metric.note,
    legend: makeLegend(names.map((name) => legendItem(markSwatch(indexOf(name)), text(name)))),
    draw: (width) => xyChart(width, {
      dodge: true,
      x,
      y: {label: metric.label + (metric.log ? ' (log)' : ''), log: metric.log, text: metric.text, zero: metric.zero},
      series
    }),
    table:
        () =>
            makeTable(
                [
                  {
                    title: axis.label,
                    value: (item) => item.facts.get(axis.key),
                    text: (item) => valueText(item.facts.get(axis.key)),
                    numeric: axis.numeric
                  },
                  {
                    title: isStrategy ? 'strategy' : text('').trim(),
                    value: (item) => item.facts.get(state.series),
                    text: (item) => caseLink(item, valueText(item.facts.get(state.series)))
                  },
                  {
                    title: metric.label,
                    value: metric.value,
                    text: (item) => (metric.text || num)(metric.value(item)),
                    numeric: true
                  },
                  {
                    title: 'from',
                    value: (item) => (metric.range(item) || [])[0],
                    text: (item) => (metric.range(item) ? (metric.text || num)(metric.range(item)[0]) : '–'),
                    numeric: true
                  },
                  {
                    title: 'to',
                    value: (item) => (metric.range(item) || [])[1],
                    text: (item) => (metric.range(item) ? (metric.text || num)(metric.range(item)[1]) : '–'),
                    numeric: true
                  },
                ],
                usable, {title: metric.name}),
  });
}

// The value of a key that most cases have; the largest of equals.
function usual(key, items) {
  const counts = new Map();
  for (const item of items) counts.set(item.facts.get(key), (counts.get(item.facts.get(key)) || 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1] || compareValues(b[0], a[0]))[0][0];
}

function scalingPanel(axisKey) {
  const axes = swept.filter((one) => timed.some((item) => item.facts.has(one.key)));
  const state = {
    axis: axisKey,
    series: axisKey === 'strategy' ? (axes.find((one) => one.key !== 'strategy') || {key: 'strategy'}).key : 'strategy',
    held: new Map()
  };
  const panel = el('section', {class: 'panel'});
  // Ranks follow from sp and tp: one of ranks and sp is enough.
  const chosenKeys = () => [state.axis, state.series];
  const draw = () => {
    const held = swept.filter(
        (one) => !chosenKeys().includes(one.key) &&
            !(one.key === 'cluster.sp' || (one.key === 'ranks' && chosenKeys().includes('cluster.sp'))));
    let shown = timed;
    const choices = held.map((one) => {
      const values = [...new Set(shown.map((item) => item.facts.get(one.key)))].sort(compareValues);
      if (!values.includes(state.held.get(one.key))) state.held.set(one.key, usual(one.key, shown));
      const current = state.held.get(one.key);
      shown = shown.filter((item) => item.facts.get(one.key) === current);
      return choice(one.label, values.map((value) => ({value, text: valueText(value)})), current, (value) => {
        state.held.set(one.key, value);
        draw();
      });
    });
    const options = axes.map((one) => ({value: one.key, text: one.label}));
    const change = (which, other) => (value) => {
      if (state[other] === value) state[other] = state[which];
      state[which] = value;
      draw();
    };
    const left = timed.length - shown.length;
    panel.replaceChildren(
        ...[el('h2', {}, `Against ${sweptKey(state.axis).label}`),
            el('div', {class: 'choices'}, choice('axis', options, state.axis, change('axis', 'series')),
               choice(
                   'series', options.length > 1 ? options : [{value: 'strategy', text: 'strategy'}], state.series,
                   change('series', 'axis')),
               choices),
            left ? el('p', {class: 'note'},
                      `${counted(shown.length, 'case')} here; ${left} with other values of ${
                          held.map((one) => one.label).join(', ')} cannot share these axes and are a choice away.`) :
                   null,
            el('div', {class: 'pair'}, metrics.map((metric) => metricFigure(metric, state, shown)))]
            .filter(Boolean));
    if (panel.isConnected) drawFigures();
  };
  draw();
  return panel;
}

function scalingPage() {
  if (!timed.length) return [el('p', {class: 'notice'}, 'No case has passed with a time.')];
  const varies = (key) => new Set(timed.map((item) => item.facts.get(key))).size > 1;
  const keys = ['ranks', 'tokens'].filter(varies);
  const others = swept.filter((one) => one.key !== 'strategy' && !keys.includes(one.key) && varies(one.key));
  if (!keys.length && others.length) keys.push(others[0].key);
  if (!keys.length && varies('strategy')) keys.push('strategy');
  if (!keys.length) return [el('p', {class: 'notice'}, 'There is one case: nothing to put on an axis.')];
  const missing = ['ranks', 'tokens'].filter((key) => !keys.includes(key));
  return [
    cases.length > timed.length ? el('p', {class: 'note'},
                                     `${counted(cases.length - timed.length, 'case')} without a time of a passed run ${
                                         cases.length - timed.length === 1 ? 'is' : 'are'} not on these charts.`) :
                                  null,
    missing.length ?
        el('p', {class: 'note'},
           `These rows do not vary in ${
               missing.join(' or ')}: sweep cluster.sp or problem.sequences.0.query to see how a strategy scales.`) :
        null,
    keys.map(scalingPanel)
  ];
}
