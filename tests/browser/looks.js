// What is wrong with the way a page looks: a list of sentences. Evaluated in the page by report_test.py.
(() => {
  const wrong = [];
  const isShown = (node) => node.getClientRects().length > 0;
  const say = (text) => {
    if (wrong.length < 20) wrong.push(text);
  };
  const inside = (inner, outer, slack) => inner.left >= outer.left - slack && inner.right <= outer.right + slack &&
      inner.top >= outer.top - slack && inner.bottom <= outer.bottom + slack;
  const root = document.documentElement;
  if (root.scrollWidth > window.innerWidth) say(`the page is ${root.scrollWidth} wide in ${window.innerWidth}`);

  const charts = [...document.querySelectorAll('svg.chart')].filter(isShown);
  for (const chart of charts) {
    const name = chart.getAttribute('aria-label');
    const box = chart.getBoundingClientRect();
    const frame = chart.querySelector('.frame').getBoundingClientRect();
    const marks = [...chart.querySelectorAll('.mark')];
    if (!marks.length) say(`${name}: no marks`);
    for (const mark of marks) {
      // Shapes reach over the edge by half of their size where a value lies on it.
      if (!inside(mark.getBoundingClientRect(), frame, 7)) say(`${name}: a mark outside its axes: ${mark.textContent}`);
    }
    const texts = [...chart.querySelectorAll('text')].filter((text) => text.textContent);
    for (const text of texts) {
      if (!inside(text.getBoundingClientRect(), box, 1.5)) say(`${name}: cut: ${text.textContent}`);
    }
    const free = texts.filter((text) => !text.closest('.ranks, .limit'))
                     .map((text) => ({text, at: text.getBoundingClientRect()}));
    for (let i = 0; i < free.length; ++i) {
      for (let k = i + 1; k < free.length; ++k) {
        const [a, b] = [free[i].at, free[k].at];
        const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        if (wide > 1 && high > 4) say(`${name}: ${free[i].text.textContent} lies on ${free[k].text.textContent}`);
      }
    }
  }
  // Text that runs out of its box. Tables scroll.
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_ELEMENT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    if (node.closest('svg, script, style, .scroll, pre, option, select') || !isShown(node)) continue;
    const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim());
    if (own && node.getBoundingClientRect().right > window.innerWidth + 1) say(`cut: ${node.textContent.slice(0, 60)}`);
    if (own && node.scrollWidth > node.clientWidth + 1 && getComputedStyle(node).display !== 'inline')
      say(`runs out of its box: ${node.textContent.slice(0, 60)}`);
  }
  return {wrong, charts: charts.length};
})()
