// Why: one case at a time, beside the other strategies of its problem.

// The winner where there is most to see.
let chosen = verdicts.map((one) => one.winner).sort((a, b) => b.ranks - a.ranks || b.ms - a.ms)[0] || cases[0];

function casePicker(items, current, page) {
  const values = items.map(
      (item) => ({value: item, text: `${caseName(item)}${item.status === 'passed' ? '' : ` (${item.status})`}`}));
  const at = items.indexOf(current);
  const step = (by) =>
      el('a', {
        class: 'button',
        href: `#${page}/${items[(at + by + items.length) % items.length].index}`,
        'aria-label': by < 0 ? 'previous case' : 'next case'
      },
         by < 0 ? '←' : '→');
  return el('div', {class: 'picker'}, choice('Case', values, current, (item) => {
              location.hash = `#${page}/${item.index}`;
            }), items.length > 1 ? [step(-1), step(1)] : null);
}

function caseCard(item) {
  const facts = [
    ['status', statusChip(item.status)],
    ['reason', item.reason],
    ['median', item.ms && ms(item.ms)],
    ['95 % interval', item.ci && `${num(item.ci[0])} – ${num(item.ci[1])} ms`],
    ['repeats', item.reps && `${item.repeats || item.reps.length}, ${num(item.span[0])} to ${num(item.span[1])} ms`],
    ['against the winner', item.versus && !item.best && versusText(item.versus)],
    ['a rank’s rate', item.gflops && `${num(item.gflops)} GFLOP/s`],
    ['most memory', item.plan && bytes(item.plan.max_peak_bytes)],
    ['notes', item.notes && item.notes.join('; ')],
    ['id', item.id],
  ].filter(([, value]) => value);
  const copy =
      el('button', {
        type: 'button',
        class: 'button',
        click: () => {
          navigator.clipboard.writeText(item.command)
              .then(
                  () => {
                    copy.textContent = 'copied';
                  },
                  () => {
                    copy.textContent = 'select it';
                  });
        }
      },
         'copy');
  return el(
      'div', {class: 'card'},
      el('dl', {}, facts.map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, value)))),
      item.command ? el('div', {class: 'command'}, el('code', {}, item.command), copy) : null,
      el('details', {}, el('summary', {}, 'The whole case'), el('pre', {}, JSON.stringify(item.case, null, 1))));
}

function ganttFigures(item) {
  const end = most([item.planned, item.measured].filter(Boolean).map((gantt) => gantt.ms)) || 1;
  const one = (gantt, title, note) => makeFigure({
    title,
    note: note + ganttNote(gantt),
    legend: ganttLegend(),
    wide: true,
    draw: (width) => ganttChart(width, gantt, end),
    table: () => ganttTable(gantt),
  });
  const found = [];
  if (item.measured)
    found.push(one(item.measured, 'Measured', 'One observed forward, from its timeline.'));
  else
    found.push(el(
        'p', {class: 'notice'},
        'Nothing measured to draw here: add --timeline DIR/timeline.json to the run, and the report shows it beside the plan.'));
  if (item.planned)
    found.push(one(item.planned, 'Planned', `The schedule, simulated: ${item.rates}. Both charts share their axis.`));
  else
    found.push(el('p', {class: 'notice'}, `No plan to draw: ${item.no_plan}`));
  return found;
}

function whyPage() {
  const item = chosen;
  return [
    casePicker(cases, item, 'why'), el('h2', {}, item.label), el('p', {class: 'lead'}, problemName(item)),
    caseCard(item), el('h2', {}, 'What each rank does when'), ganttFigures(item),
    el('h2', {}, 'Against the other strategies'),
    el('div', {class: 'pair'}, breakdownFigures(item), bytesFigures(item), imbalanceFigure(item))
  ];
}
