// Schedule: who attends what when, all strategies of a problem side by side.

let pictured = null;

const drawable = () => cases.filter((item) => item.grid);

function stepLegend(steps) {
  const shown = Array.from({length: Math.min(steps, 16)}, (_, i) => i);
  const swatch = (step) =>
      svg('svg', {width: 14, height: 12, 'aria-hidden': 'true'},
          svg('rect', {x: 0, y: 1, width: 14, height: 10, rx: 2, fill: stepColour(step, steps).fill}));
  return makeLegend([
    ...shown.map((step) => legendItem(swatch(step), `step ${step}`)),
    steps > 16 ? el('li', {}, `… to step ${steps - 1}`) : null
  ]);
}

function gridFigure(item, steps) {
  const grid = {...item.grid, steps};
  const few = grid.layers.slice(0, 16);
  const cut = (grid.layers_cut || 0) + grid.layers.length - few.length;
  const heads = grid.layers.length > 1 ? ' Heads are attended differently: a picture for each group.' : '';
  const facts = item.plan ? ` Imbalance ${num(item.plan.imbalance)}, ${counted(item.grid.steps, 'step')}.` : '';
  return makeFigure({
    title: item.label,
    note: `${facts}${heads}${grid.sampled ? ' Too many pieces: each cell shows what holds in its middle.' : ''}${
              cut ? ` ${counted(cut, 'group')} of heads left out.` : ''}`
              .trim(),
    draw: (width) => {
      const across = few.length === 1 ?
          Math.min(width, 460) :
          Math.floor(width / Math.min(few.length, Math.max(1, Math.floor(width / 120)))) - 8;
      return el(
          'div', {class: 'layers'},
          few.map(
              (layer) =>
                  el('div', {class: 'layer'}, few.length > 1 ? el('p', {class: 'note'}, `heads ${layer.heads}`) : null,
                     layerPicture(across, item, grid, layer))),
          workByRank(item, item.grid) ? workChart(width, item, item.grid, steps) : null);
    },
    table: () => gridTable(item, grid),
  });
}

function schedulePage() {
  const items = drawable();
  if (!items.length) {
    const reason = cases.map((item) => item.no_plan).find(Boolean);
    return [el(
        'p', {class: 'notice'},
        `No schedule of at most 16 ranks to draw here.${reason ? ` The first reason: ${reason}` : ''}`)];
  }
  if (!pictured || !pictured.grid) pictured = [...items].sort((a, b) => b.ranks - a.ranks || a.index - b.index)[0];
  const group = ofProblem(pictured).filter((item) => item.grid);
  const firsts = problems.map((all) => all.find((item) => item.grid)).filter(Boolean);
  const current = firsts.find((item) => item.problem === pictured.problem);
  const values = firsts.map((item) => ({value: item, text: problemName(item)}));
  const steps = most(group.map((item) => item.grid.steps));
  const left = ofProblem(pictured).length - group.length;
  return [
    el('div', {class: 'picker'},
       choice(
           'Problem', values, current,
           (item) => {
             location.hash = `#schedule/${item.index}`;
           })),
    el('h2', {}, 'Who attends what when'),
    el('p', {class: 'lead'},
       `Queries run down, keys to the right; the number is the rank, the colour the step: how many exchanges have ended before. In a balanced schedule each colour covers equal areas on every rank.${
           left ? ` ${counted(left, 'strategy').replace('strategys', 'strategies')} without a picture.` : ''}`),
    stepLegend(steps), el('div', {class: 'pair narrow'}, group.map((item) => gridFigure(item, steps)))
  ];
}
