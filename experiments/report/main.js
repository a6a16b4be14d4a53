// Pages, and what stands above them.

const pages = [
  {id: 'verdict', title: 'Verdict', make: verdictPage},
  {id: 'why', title: 'Why', make: whyPage},
  {id: 'scaling', title: 'Scaling', make: scalingPage},
  {id: 'truth', title: 'Truth', make: truthPage},
  {id: 'schedule', title: 'Schedule', make: schedulePage},
];

function originText() {
  const counts = ['passed', 'failed', 'skipped', 'refuted']
                     .map((status) => [status, sum(data.runs.map((run) => run.statuses[status] || 0))])
                     .filter(([, count]) => count);
  const common = commonText();
  return [
    el('span', {class: 'chips'},
       counts.map(([status, count]) => el('span', {class: `chip ${status}`}, `${whole(count)} ${status}`))),
    ` ${counted(data.rows, 'row')} from ${data.runs.map((run) => run.path).slice(0, 4).join(', ')}${
        data.runs.length > 4 ? ` and ${data.runs.length - 4} more` :
                               ''} · made ${data.made} by ringfold ${data.version}`,
    common ? el('span', {class: 'common'}, common) : null
  ];
}

function complaints() {
  if (!data.complaints.length) return null;
  return el(
      'section', {class: 'notice bad', id: 'complaints'}, el('p', {}, 'Not everything could be shown:'),
      el('ul', {}, data.complaints.map((text) => el('li', {}, text))));
}

function build(page) {
  page.section.replaceChildren(...[page.make()].flat(Infinity).filter(Boolean));
  page.isBuilt = true;
}

// "#why/12": a page, and a case on it.
function show() {
  const [id, number] = location.hash.slice(1).split('/');
  const current = pages.find((page) => page.id === id) || pages[0];
  const item = cases[Number(number)];
  if (item && number !== undefined && current.id === 'why' && item !== chosen) {
    chosen = item;
    current.isBuilt = false;
  }
  if (item && number !== undefined && current.id === 'schedule' && item !== pictured) {
    pictured = item;
    current.isBuilt = false;
  }
  for (const page of pages) {
    page.section.hidden = page !== current;
    if (page === current)
      page.link.setAttribute('aria-current', 'page');
    else
      page.link.removeAttribute('aria-current');
  }
  if (!current.isBuilt) build(current);
  drawFigures();
}

function start() {
  const main = document.getElementById('main');
  const nav = document.getElementById('pages');
  document.getElementById('origin').append(...originText().filter(Boolean));
  main.append(...[complaints()].filter(Boolean));
  for (const page of pages) {
    page.link = el('a', {href: `#${page.id}`}, page.title);
    page.section = el('article', {id: `page-${page.id}`, class: 'page', 'aria-label': page.title});
    nav.append(page.link);
    main.append(page.section);
  }
  window.addEventListener('hashchange', () => {
    show();
    window.scrollTo(0, 0);
  });
  let pending = 0;
  window.addEventListener('resize', () => {
    cancelAnimationFrame(pending);
    pending = requestAnimationFrame(drawFigures);
  });
  // On paper all pages stand one after another.
  window.addEventListener('beforeprint', () => {
    for (const page of pages) {
      page.section.hidden = false;
      if (!page.isBuilt) build(page);
    }
    document.body.classList.add('printing');
    drawFigures();
  });
  window.addEventListener('afterprint', () => {
    document.body.classList.remove('printing');
    show();
  });
  show();
}

start();
