// The rows, and the keys by which their cases differ.

const data = JSON.parse(document.getElementById('data').textContent);
const cases = data.cases;
cases.forEach((item, index) => {
  item.index = index;
});
const passed = cases.filter((item) => item.status === 'passed');
const timed = passed.filter((item) => isNumber(item.ms));

function flatten(value, path, into) {
  if (Array.isArray(value))
    into.set(path, JSON.stringify(value));
  else if (value !== null && typeof value === 'object') {
    for (const [key, inner] of Object.entries(value)) flatten(inner, path ? `${path}.${key}` : key, into);
  } else
    into.set(path, value);
  return into;
}

// Paths of results, as short as tells them apart.
const runNames = (() => {
  const parts = data.runs.map((run) => run.path.replace(/\/results\.jsonl$/, '').split('/'));
  const ending = (count) => parts.map((one) => one.slice(-count).join('/'));
  for (let count = 1; count < 8; ++count) {
    if (new Set(ending(count)).size === parts.length) return ending(count);
  }
  return data.runs.map((run, i) => `${run.path} (${i + 1})`);
})();

// What a case says, by dotted key; ranks and tokens stand for the cluster and the sequences.
function factsOf(item) {
  const facts = flatten(item.case, '', new Map());
  for (const key of [...facts.keys()]) {
    if (/^(strategies|problem\.sequences|inputs\.digest)/.test(key)) facts.delete(key);
  }
  facts.set('tokens', item.tokens[0]);
  facts.set('cached tokens', item.tokens[1]);
  facts.set('sequences', item.tokens[2]);
  facts.set('ranks', item.ranks);
  facts.set('strategy', item.label);
  const mask = item.case.problem && item.case.problem.mask;
  if (mask && mask.window) {
    facts.delete('problem.mask.window');
    facts.set('problem.mask', `window ${mask.window}`);
  }
  if (data.runs.length > 1) facts.set('run', runNames[item.run]);
  // Follows from the head dimension where it is left out.
  facts.delete('problem.scale');
  return facts;
}
cases.forEach((item) => {
  item.facts = factsOf(item);
});

const compareValues = (a, b) =>
    (isNumber(a) && isNumber(b) ? a - b : String(a).localeCompare(String(b), 'en', {numeric: true}));

// Keys with more than one value: [{key, label, values, numeric}]; a case that lacks the key has undefined.
const swept = (() => {
  const keys = [...new Set(cases.flatMap((item) => [...item.facts.keys()]))];
  const found = [];
  for (const key of keys) {
    const values = [...new Set(cases.map((item) => item.facts.get(key)))].filter((value) => value !== undefined);
    const everywhere = cases.every((item) => item.facts.has(key));
    if (values.length < 2 && (everywhere || !values.length)) continue;
    found.push({key, values: values.sort(compareValues), numeric: values.every(isNumber)});
  }
  // ranks says as much as sp where there is no tensor parallelism.
  const tp = found.some((one) => one.key === 'cluster.tp');
  const kept = found.filter((one) => one.key !== 'cluster.sp' || tp);
  const endings = kept.map((one) => one.key.split('.').pop());
  const names = {'problem.heads.query': 'query heads', 'problem.heads.kv': 'kv heads', 'problem.heads.dim': 'head dim'};
  kept.forEach((one, i) => {
    one.label = names[one.key] || (endings.filter((ending) => ending === endings[i]).length > 1 ? one.key : endings[i]);
  });
  const first = ['run', 'ranks', 'tokens', 'cached tokens', 'sequences'];
  const order = (one) => (first.indexOf(one.key) + first.length + 1) % (first.length + 1);
  return kept.sort((a, b) => order(a) - order(b));
})();
const sweptKey = (key) => swept.find((one) => one.key === key);
const problemKeys = swept.filter((one) => one.key !== 'strategy');

function valueText(value) {
  if (value === undefined) return '–';
  return isNumber(value) ? (Number.isInteger(value) ? whole(value) : num(value)) : String(value);
}
// "ranks 4, tokens 2,048": what tells a problem from the others of this page.
function problemName(item) {
  const parts = problemKeys.filter((one) => item.facts.has(one.key))
                    .map((one) => `${one.label} ${valueText(item.facts.get(one.key))}`);
  return parts.join(', ') || 'the problem';
}
const caseName = (item) => (problemKeys.length ? `${item.label} · ${problemName(item)}` : item.label);

// Cases of one problem, in the order of the rows.
const problems = Array.from({length: data.problems}, () => []);
cases.forEach((item) => problems[item.problem].push(item));
const ofProblem = (item) => problems[item.problem];

// Each strategy keeps its colour and its shape on all pages.
const strategies = [...new Set(cases.map((item) => item.label))];
const seriesOf = (item) => strategies.indexOf(item.label);

const spreadOf = (item) => (item.span ? (item.span[1] - item.span[0]) / item.ms : NaN);
const overMinimum = (item) =>
    (item.plan && item.plan.sum_minimum_sent_bytes ? item.plan.sum_sent_bytes / item.plan.sum_minimum_sent_bytes : NaN);
function worstRatio(item) {
  const ratios = [item.output, item.lse].filter(Boolean).map(
      ([error, bound]) =>
          (bound > 0     ? error / bound :
               error > 0 ? Infinity :
                           0));
  return ratios.length ? most(ratios) : NaN;
}

// What all cases have in common, for the head of the page.
function commonText() {
  const show = [
    'tokens', 'problem.heads.query', 'problem.heads.kv', 'problem.heads.dim', 'problem.mask', 'problem.dtype', 'ranks',
    'transport', 'kernel'
  ];
  const names = {
    'problem.heads.query': 'query heads',
    'problem.heads.kv': 'kv heads',
    'problem.heads.dim': 'dim',
    tokens: 'tokens',
    ranks: 'ranks'
  };
  const parts = [];
  for (const key of show) {
    const values = new Set(cases.map((item) => item.facts.get(key)));
    const [value] = values;
    if (values.size !== 1 || value === undefined) continue;
    parts.push(
        !names[key]             ? valueText(value) :
            key.endsWith('dim') ? `dim ${value}` :
                                  `${valueText(value)} ${names[key]}`);
  }
  return parts.join(', ');
}
