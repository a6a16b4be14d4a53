"""Opens reports in a real browser: headless Chromium. Skipped where there is none.

Run as: report_test.py PROGRAM SOURCE_ROOT SCREENSHOT_FOLDER. Screenshots are kept, to be looked at.
"""

import copy
import json
import os
import pathlib
import random
import sys

SCREENSHOTS = pathlib.Path(sys.argv.pop(3))
HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / 'cli')]

from browser import Browser, find_browser
from harness import SOURCE_ROOT, ProgramTest, main

PAGES = ['verdict', 'why', 'scaling', 'truth', 'schedule']
WIDTHS = [400, 1600]
LOOKS = (HERE / 'looks.js').read_text()
EVIL = [
    '<script>window.ran = 1</script>',
    '</script><script>window.ran = 2</script>',
    '"><img src=x onerror="window.ran = 3">',
    "'); window.ran = 4; ('",
    '{{DATA}} {{SCRIPT}} \u2028\u2029 \\u003c <!-- <script',
]
QUICKSTART = SOURCE_ROOT / 'experiments/quickstart.yaml'
SMALL_PAGE = 2_000_000  # bytes


class Report(ProgramTest):
    @classmethod
    def setUpClass(cls):
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        cls.browser = Browser()
        cls.addClassCleanup(cls.browser.close)

    def setUp(self):
        super().setUp()
        self.browser.faults.clear()
        self.browser.requests.clear()

    def shipped(self, *more):
        """Real results of a shipped sweep, with its timeline."""
        self.ringfold('run', SOURCE_ROOT / 'experiments/strategies.yaml', 'problem.sequences.0.query=[128, 512]',
                      'problem.heads={query: 4, kv: 2, dim: 32}', 'measure={repeats: 7, ideal: true}',
                      'sweep={cluster.sp: [1, 2, 4], problem.sequences.0.query: [128, 512]}', '--out', 'out',
                      '--timeline', 'out.json', *more)
        os.rename(self.folder / 'out.json', self.folder / 'out/timeline.json')
        return self.rows('out')

    def report(self, *paths):
        self.ringfold('report', *paths, '-o', 'report.html')
        return self.folder / 'report.html'

    def go(self, page):
        self.browser.run(f'{{ location.hash = "#{page}"; }}')
        return self.browser.run('location.hash')

    def check_clean(self, path):
        self.assertEqual(self.browser.faults, [])
        self.assertEqual(set(self.browser.requests), {path.resolve().as_uri()})
        self.assertIsNone(self.browser.run('window.ran'))

    def open_tables(self, is_open):
        self.browser.run('{ for (const one of document.querySelectorAll("article:not([hidden]) details")) '
                         f'one.open = {is_open}; }}')

    def check_looks(self, name, pages=PAGES):
        for width in WIDTHS:
            self.browser.resize(width)
            for page in pages:
                self.go(page)
                self.open_tables('true')
                seen = self.browser.run(LOOKS)
                with self.subTest(page=page, width=width):
                    self.assertEqual(seen['wrong'], [])
                    if name == 'shipped':
                        self.assertGreater(seen['charts'], 0)
                self.open_tables('false')
                self.browser.run('document.fonts.ready && 0')
                self.browser.screenshot(SCREENSHOTS / f'{name}-{page}-{width}.png')

    def test_shipped_sweep(self):
        rows = self.shipped()
        path = self.report('out')
        self.browser.resize(1600)
        self.browser.open(path)
        self.go(f'why/{len(rows) - 1}')  # the longest name
        self.check_looks('shipped')
        self.browser.resize(1600, scheme='dark')
        for page in PAGES:
            self.go(page)
            self.browser.screenshot(SCREENSHOTS / f'shipped-{page}-dark.png')
        self.browser.pdf(SCREENSHOTS / 'shipped.pdf')
        self.check_print()
        self.check_tables(rows)
        self.check_clean(path)

    def check_print(self):
        """On paper all pages stand one after another, drawn for its width."""
        self.browser.resize(720, media='print')
        self.browser.run('{ window.dispatchEvent(new Event("beforeprint")); }')
        shown = self.browser.run('[...document.querySelectorAll("article")].map('
                                 'page => !page.hidden && !!page.querySelector("svg.chart .mark"))')
        self.assertEqual(shown, [True] * len(PAGES))
        self.assertEqual(self.browser.run(LOOKS)['wrong'], [])
        self.browser.screenshot(SCREENSHOTS / 'shipped-print.png')
        self.browser.run('{ window.dispatchEvent(new Event("afterprint")); }')
        self.browser.resize(1600)

    def check_tables(self, rows):
        """The last table of the first page holds all cases."""
        self.go('verdict')
        table = '[...document.querySelectorAll("#page-verdict .table")].pop()'
        column = '[...{t}.querySelectorAll("tr:not([hidden])")].slice(1).map(tr => tr.children[{i}].textContent)'
        heads = self.browser.run(f'[...{table}.querySelectorAll("th")].map(th => th.textContent)')
        at = heads.index('median ms')

        def cells(index):
            return self.browser.run(column.format(t=table, i=index))

        self.assertEqual(len(cells(0)), len(rows))
        for direction in (1, -1):
            self.browser.run(f'{{ {table}.querySelectorAll("th button")[{at}].click(); }}')
            values = [float(text.replace(',', '')) for text in cells(at)]
            self.assertEqual(values, sorted(values, reverse=direction < 0))
            self.assertEqual(self.browser.run(f'{table}.querySelectorAll("th")[{at}].getAttribute("aria-sort")'),
                             'ascending' if direction > 0 else 'descending')
        wanted = sum(row['strategy'] == 'naive_ring' for row in rows)
        self.browser.run(f'{{ const box = {table}.querySelector("input"); box.value = "NAIVE"; '
                         'box.dispatchEvent(new Event("input")); }')
        self.assertEqual(len(cells(0)), wanted)
        self.assertTrue(all('naive_ring' in text for text in cells(0)))
        count = self.browser.run(f'{table}.querySelector(".count").textContent')
        self.assertEqual(count, f'{wanted} of {len(rows)} rows')

    def test_numbers_are_those_of_the_rows(self):
        rows = self.shipped()
        self.browser.open(self.report('out'))
        shown = self.browser.run('cases.map(item => [item.id, item.ms, item.plan.sum_sent_bytes, item.best, '
                                 '!!item.measured, !!item.planned, !!item.grid, !!item.breakdown])')
        for row, (case_id, median, sent, best, *pictures) in zip(rows, shown):
            self.assertEqual(case_id, row['id'])
            self.assertAlmostEqual(median, row['timing']['median_ms'], delta=1e-5 * median)
            self.assertEqual(sent, sum(row['plan']['sent_bytes']))
            self.assertEqual(pictures, [True] * 4)
            rivals = [other for other in rows if other['case']['cluster'] == row['case']['cluster']
                      and other['case']['problem'] == row['case']['problem']]
            self.assertEqual(best, median == min(round(other['timing']['median_ms'], 9) for other in rivals)
                             or row is min(rivals, key=lambda other: other['timing']['median_ms']))

    def many_rows(self, count):
        """Rows like real ones with other names, sizes, times and ends, some of a stranger who means harm."""
        self.ringfold('run', QUICKSTART, 'problem.sequences=[{query: 64}]', 'cluster.sp=4',
                      '--out', 'seed')
        seeds = self.rows('seed')
        dice = random.Random(7)
        made = []
        for i in range(count):
            row = copy.deepcopy(seeds[i % len(seeds)])
            row['id'] = f'{i:016x}'
            row['case']['cluster']['sp'] = 2 ** (i // len(seeds) % 5)
            row['case']['problem']['sequences'][0]['query'] = 1024 * 2 ** (i // len(seeds) // 5 % 14)
            factor = dice.uniform(0.5, 2)
            evil = EVIL[i // 20 % len(EVIL)]
            row['timing']['ranks_ms'] = [[factor * dice.uniform(1, 1.2)] * 4 for _ in range(9)]
            row['timing']['median_ms'] = sorted(max(ms) for ms in row['timing']['ranks_ms'])[4]
            if i % 20 == 7:
                row.update(status='failed', exit=5, reason=f'the output is wrong {evil}')
                del row['timing']
            if i % 20 == 11:
                row.update(strategy=evil, name=evil, command=evil)
                row['case']['strategies'] = [evil]
                row['environment']['os'] = evil
            made.append(row)
        return made

    def test_200_cases_of_a_stranger(self):
        (self.folder / 'many').mkdir()
        lines = [json.dumps(row, ensure_ascii=False) for row in self.many_rows(200)]
        lines[150:150] = ['{"schema": 2, "id": "later"}', 'not a row <script>window.ran = 5</script>']
        text = '\n'.join(lines) + '\n{"schema": 1, "id": "torn'
        (self.folder / 'many/results.jsonl').write_text(text)
        path = self.report('many')
        self.assertLess(path.stat().st_size, SMALL_PAGE)
        self.browser.resize(1600)
        self.browser.open(path)
        self.assertEqual(self.browser.run('cases.length'), 200)
        complaints = self.browser.run('document.getElementById("complaints").textContent')
        for part in ('schema 2', ':152', ':203'):
            self.assertIn(part, complaints)
        for evil in EVIL[:4]:
            self.assertIn(evil, self.browser.run('document.getElementById("page-verdict").textContent'))
        self.check_looks('many')
        self.go('why/11')
        self.assertIn('No plan to draw', self.browser.run('document.getElementById("page-why").textContent'))
        self.check_clean(path)

    def test_problems_that_share_no_axis(self):
        self.shipped('strategies=[naive_ring, balanced_ring]')
        self.ringfold('run', QUICKSTART, 'problem.mask=full', 'problem.sequences=[{query: 96}]',
                      '--out', 'other')
        path = self.report('out', 'other')
        self.browser.resize(1600)
        self.browser.open(path)
        self.go('scaling')
        text = self.browser.run('document.getElementById("page-scaling").textContent')
        self.assertIn('cannot share these axes', text)
        self.go('truth')
        self.assertIn('All runs say the same', self.browser.run('document.getElementById("page-truth").textContent'))
        self.check_looks('mixed')
        self.check_clean(path)


if __name__ == '__main__':
    if find_browser() is None:
        print('no Chromium here')
        sys.exit(77)
    main()
