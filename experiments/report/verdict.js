// Verdict: what did not pass, who wins each problem and by how much.

const statusChip = (status) => el('span', {class: `chip ${status}`}, status);
const caseLink = (item, text) => el('a', {href: `#why/${item.index}`}, text || item.label);
// A column a key, as long as there are few of them.
function keyColumns() {
  if (problemKeys.length > 4) return [{title: 'problem', value: problemName}];
  return problemKeys.map((one) => ({
                           title: one.label,
                           value: (item) => item.facts.get(one.key),
                           text: (item) => valueText(item.facts.get(one.key)),
                           numeric: one.numeric,
                         }));
}

function versusText([ratio, low, high]) {
  if (!isNumber(ratio)) return '–';
  const interval = isNumber(low) ? ` [${num(low)}, ${num(high)}]` : '';
  return `${num(ratio)} ×${interval}`;
}

// The fastest of each problem, the next one, and whether they can be told apart.
const verdicts = problems
                     .map((all) => {
                       const items = all.filter((item) => item.versus).sort((a, b) => a.ms - b.ms);
                       if (!items.length) return null;
                       const winner = items.find((item) => item.best) || items[0];
                       const second = items.find((item) => item !== winner);
                       let said = 'the only one that passed';
                       let state = 'alone';
                       if (second) {
                         const [ratio, low] = second.versus;
                         state = !isNumber(low) ? 'few' : second.verdict === 'slower' ? 'wins' : 'tie';
                         said = {
                           few: 'too few repeats for an interval',
                           wins: `the next takes ${percent(ratio - 1)} longer`,
                           tie: second.verdict === 'same' ? 'the same but for noise' : 'cannot be told apart'
                         }[state];
                       }
                       return {winner, second, state, said, items};
                     })
                     .filter(Boolean);

function failureSection() {
  const bad = cases.filter((item) => item.status !== 'passed');
  if (!bad.length) {
    return el(
        'p', {class: 'notice good'},
        `All ${counted(cases.length, 'case')} passed: every plan proved, every result within its bound.`);
  }
  return el(
      'section', {}, el('h2', {}, 'What did not pass'),
      makeTable(
          [
            {title: 'status', value: (item) => item.status, text: (item) => statusChip(item.status)},
            {title: 'strategy', value: (item) => item.label, text: (item) => caseLink(item)},
            ...keyColumns(),
            {title: 'reason', value: (item) => item.reason},
            {title: 'exit', value: (item) => item.exit, numeric: true},
          ],
          bad, {title: 'What did not pass'}));
}

function winnerTable() {
  return makeTable(
      [
        ...keyColumns().map((column) => ({
                              ...column,
                              value: (one) => column.value(one.winner),
                              text: (one) => (column.text || column.value)(one.winner)
                            })),
        {title: 'fastest', value: (one) => one.winner.label, text: (one) => caseLink(one.winner)},
        {title: 'median ms', value: (one) => one.winner.ms, text: (one) => num(one.winner.ms), numeric: true},
        {
          title: 'verdict',
          value: (one) => one.state,
          text: (one) => el('span', {class: `verdict ${one.state}`}, one.said)
        },
        {
          title: 'the next',
          value: (one) => one.second && one.second.label,
          text: (one) => (one.second ? caseLink(one.second) : '–')
        },
        {
          title: 'takes [95 %]',
          value: (one) => (one.second ? one.second.versus[0] : undefined),
          text: (one) => (one.second ? versusText(one.second.versus) : '–'),
          numeric: true,
          hint:
              'How many times as long as the winner: the median over all pairs of repeats, with its 95 % confidence interval'
        },
        {
          title: 'of ideal',
          value: (one) => one.winner.ideal / one.winner.ms,
          text: (one) => percent(one.winner.ideal / one.winner.ms),
          numeric: true,
          hint: 'One rank’s time for the whole problem, divided by the ranks, over the median (needs measure.ideal)'
        },
      ],
      verdicts, {title: 'Winners'});
}

const kMostRows = 40;

function marginFigure() {
  const shown = verdicts.filter((one) => one.items.length > 1).slice(0, kMostRows);
  if (!shown.length) return null;
  const names = strategies.filter((name) => shown.some((one) => one.items.some((item) => item.label === name)));
  const more = verdicts.length > shown.length ? ` The first ${shown.length} problems; the table has all.` : '';
  const rows = shown.map((one) => ({
                           label: problemName(one.winner),
                           dots: [...one.items]
                                     .sort((a, b) => seriesOf(a) - seriesOf(b))
                                     .map((item) => ({
                                            at: item.versus[0],
                                            low: item.versus[1],
                                            high: item.versus[2],
                                            index: seriesOf(item),
                                            href: `#why/${item.index}`,
                                            title: `${item.label}: ${versusText(item.versus)} the winner’s time`
                                          })),
                         }));
  return makeFigure({
    title: 'How much longer than the winner?',
    note: `A line a problem: 1 is the fastest strategy, to the right is slower; bars are 95 % confidence intervals.${
        more}`,
    legend: strategyLegend(names),
    draw: (width) => rowChart(width, {
      rows,
      spread: true,
      line: Math.max(26, 6 + 11 * most(shown.map((one) => one.items.length))),
      x: {label: 'time / winner’s time', log: true, low: 0.97, high: 1.1, text: (v) => `${+ v.toPrecision(4)}×`}
    }),
    table:
        () =>
            makeTable(
                [
                  ...keyColumns(),
                  {title: 'strategy', value: (item) => item.label, text: (item) => caseLink(item)},
                  {
                    title: 'times the winner',
                    value: (item) => item.versus[0],
                    text: (item) => num(item.versus[0]),
                    numeric: true
                  },
                  {title: 'low', value: (item) => item.versus[1], text: (item) => num(item.versus[1]), numeric: true},
                  {title: 'high', value: (item) => item.versus[2], text: (item) => num(item.versus[2]), numeric: true},
                ],
                verdicts.flatMap((one) => one.items), {title: 'Times the winner'}),
  });
}

function allCasesTable() {
  return makeTable(
      [
        {
          title: 'strategy',
          value: (item) => item.label,
          text: (item) =>
              [caseLink(item),
               item.best && ofProblem(item).length > 1 ?
                   el('span', {class: 'star', title: 'fastest of its problem'}, ' ★') :
                   '']
        },
        ...keyColumns(),
        {title: 'status', value: (item) => item.status, text: (item) => statusChip(item.status)},
        {title: 'median ms', value: (item) => item.ms, text: (item) => num(item.ms), numeric: true},
        {
          title: '95 % interval',
          value: (item) => item.ci && item.ci[1] - item.ci[0],
          text: (item) => (item.ci ? `${num(item.ci[0])} – ${num(item.ci[1])}` : '–'),
          numeric: true
        },
        {
          title: 'spread',
          value: spreadOf,
          text: (item) => percent(spreadOf(item)),
          numeric: true,
          hint: '(slowest - fastest repeat) / median'
        },
        {
          title: 'GFLOP/s',
          value: (item) => item.gflops,
          text: (item) => num(item.gflops),
          numeric: true,
          hint: 'of a rank'
        },
        {
          title: 'of ideal',
          value: (item) => item.ideal / item.ms,
          text: (item) => percent(item.ideal / item.ms),
          numeric: true
        },
        {
          title: '× min',
          value: overMinimum,
          text: (item) => num(overMinimum(item)),
          numeric: true,
          hint: 'bytes sent / the fewest that its placement allows'
        },
        {
          title: 'imbal.',
          value: (item) => item.plan && item.plan.imbalance,
          text: (item) => num(item.plan && item.plan.imbalance),
          numeric: true,
          hint: 'largest / mean FLOPs of a rank'
        },
        {title: 'err/bound', value: worstRatio, text: (item) => num(worstRatio(item)), numeric: true},
      ],
      cases, {title: 'All cases', lineClass: (item) => (item.status === 'passed' ? '' : 'off')});
}

function verdictPage() {
  const page = [failureSection()];
  if (verdicts.length) {
    const wins = new Map();
    for (const one of verdicts)
      if (one.state === 'wins') wins.set(one.winner.label, (wins.get(one.winner.label) || 0) + 1);
    const ties = verdicts.filter((one) => one.state === 'tie').length;
    const few = verdicts.filter((one) => one.state === 'few').length;
    const said = [...wins].sort((a, b) => b[1] - a[1]).map(([name, count]) => `${name} wins ${count}`);
    if (ties) said.push(`${ties} cannot be decided`);
    if (few) said.push(`${few} ${few === 1 ? 'has' : 'have'} too few repeats to decide`);
    page.push(
        el('h2', {}, 'Winners'),
        el('p', {class: 'lead'}, `${counted(verdicts.length, 'problem')}${said.length ? ': ' : ''}${said.join(', ')}.`),
        winnerTable(), marginFigure());
  } else
    page.push(el('p', {class: 'notice'}, 'No case has passed with a time: there is no winner.'));
  page.push(el('h2', {}, 'All cases'), allCasesTable());
  return page;
}
