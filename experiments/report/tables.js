// Tables that sort and filter; figures with their numbers in one beneath them.

// columns: [{title, value: (row) -> what to sort by, text: (row) -> text or element, numeric, hint}]
function makeTable(columns, rows, options = {}) {
  const lines = rows.map((row) => {
    const cells = columns.map((column) => (column.text ? column.text(row) : column.value(row)));
    const tr =
        el('tr', {class: options.lineClass && options.lineClass(row)},
           cells.map((cell, i) => el('td', {class: columns[i].numeric ? 'n' : ''}, cell === undefined ? '–' : cell)));
    return {row, tr, words: tr.textContent.toLowerCase()};
  });
  const body = el('tbody', {}, lines.map((line) => line.tr));
  const count = el('span', {class: 'count', 'aria-live': 'polite'});
  let sorted = null;

  const show = (needle) => {
    const words = needle.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const line of lines) {
      const fits = words.every((word) => line.words.includes(word));
      line.tr.hidden = !fits;
      shown += fits ? 1 : 0;
    }
    count.textContent =
        words.length ? `${whole(shown)} of ${counted(lines.length, 'row')}` : counted(lines.length, 'row');
  };
  const sortBy = (index, heads) => {
    const up = !(sorted && sorted.index === index && sorted.up);
    sorted = {index, up};
    const key = columns[index].value;
    const missing = (value) => value === undefined || value === null || Number.isNaN(value);
    const order = lines.map((line, at) => ({line, at, value: key(line.row)}));
    order.sort((a, b) => {
      if (missing(a.value) || missing(b.value)) return missing(a.value) - missing(b.value) || a.at - b.at;
      return (up ? 1 : -1) * compareValues(a.value, b.value) || a.at - b.at;
    });
    body.append(...order.map((one) => one.line.tr));
    heads.forEach((head, i) => head.setAttribute('aria-sort', i !== index ? 'none' : up ? 'ascending' : 'descending'));
  };

  const heads = columns.map(
      (column, i) =>
          el('th', {scope: 'col', class: column.numeric ? 'n' : '', 'aria-sort': 'none'},
             el('button', {type: 'button', title: column.hint, click: () => sortBy(i, heads)}, column.title)));
  const table = el('table', {}, el('thead', {}, el('tr', {}, heads)), body);
  const tools = lines.length < 4 ? null :
                                   el('div', {class: 'tools'}, el('input', {
                                        type: 'search',
                                        placeholder: 'Filter',
                                        'aria-label': 'Filter rows',
                                        input: (event) => show(event.target.value)
                                      }),
                                      count);
  show('');
  return el(
      'div', {class: 'table'}, tools,
      el('div', {class: 'scroll', tabindex: 0, role: 'region', 'aria-label': options.title || 'Table'}, table));
}

const figures = [];

// `draw(width)` gives an SVG element; `table()` the numbers. Both run when the figure is first seen.
function makeFigure({title, note, legend, draw, table, wide}) {
  const canvas = el('div', {class: 'canvas'});
  const details = table && el('details', {class: 'numbers'}, el('summary', {}, 'Numbers'));
  if (details) {
    details.addEventListener('toggle', () => {
      if (details.open && details.children.length === 1) details.append(table());
    });
  }
  const figure = el(
      'figure', {class: wide ? 'wide-figure' : ''},
      el('figcaption', {}, el('h3', {}, title), note ? el('p', {class: 'note'}, note) : null), legend, canvas, details);
  figures.push({
    figure,
    draw: () => {
      const width = Math.floor(canvas.getBoundingClientRect().width);
      if (width < 50 || canvas.dataset.width === String(width)) return;
      canvas.dataset.width = width;
      canvas.replaceChildren(draw(width));
    },
  });
  return figure;
}

// Draws what is on a shown page and has no picture of the right width yet.
function drawFigures() {
  for (let i = figures.length - 1; i >= 0; --i) {
    if (!figures[i].figure.isConnected) figures.splice(i, 1);
  }
  for (const one of figures) one.draw();
}

const legendItem = (swatch, text) => el('li', {}, swatch, el('span', {}, text));
const makeLegend = (items) => el('ul', {class: 'legend'}, items);
const boxSwatch = (className) =>
    svg('svg', {width: 14, height: 12, 'aria-hidden': 'true'},
        svg('rect', {x: 0, y: 1, width: 14, height: 10, rx: 2, class: className}));
const markSwatch = (index) =>
    svg('svg', {width: 26, height: 12, 'aria-hidden': 'true'},
        svg('path', {d: 'M1 6H25', class: `line s${index % 8}`, 'stroke-dasharray': dashOf(index)}),
        markShape(13, 6, index));
const strategyLegend = (names) =>
    makeLegend(names.map((name) => legendItem(markSwatch(strategies.indexOf(name)), name)));

function choice(label, values, current, onChange) {
  const select =
      el('select', {change: (event) => onChange(values[event.target.selectedIndex].value)},
         values.map((one) => el('option', {selected: one.value === current}, one.text)));
  return el('label', {class: 'choice'}, el('span', {}, label), select);
}
