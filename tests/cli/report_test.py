"""`ringfold report` without looking at its page: what it reads, refuses, leaves out and costs."""

import json
import os

from harness import SMALL, ProgramTest, main

LARGE = 24 << 20  # bytes


class Report(ProgramTest):
    def run_small(self):
        self.write('small.yaml', SMALL)
        self.ringfold('run', 'small.yaml', '--out', 'out')

    def data(self, path='report.html'):
        """What the page would show."""
        text = (self.folder / path).read_text()
        begin = text.index('id="data">') + len('id="data">')
        return json.loads(text[begin:text.index('</script>', begin)])

    def test_one_and_several(self):
        self.run_small()
        done = self.ringfold('report', 'out')
        self.assertEqual(done.stdout, 'report.html\n')
        self.assertEqual([item['id'] for item in self.data()['cases']], [row['id'] for row in self.rows('out')])
        self.ringfold('run', 'small.yaml', 'problem.mask=full', '--out', 'other')
        self.ringfold('report', 'out', 'other/results.jsonl', '-o', 'both.html')
        both = self.data('both.html')
        self.assertEqual([item['run'] for item in both['cases']], [0, 0, 0, 1, 1, 1])
        self.assertEqual(both['problems'], 2)
        self.assertEqual(sum(item['best'] for item in both['cases']), 2)

    def test_refusals(self):
        self.assertIn('no/such', self.ringfold('report', 'no/such', code=3).stderr)
        self.assertIn('--help', self.ringfold('report', code=2).stderr)
        self.run_small()
        self.assertIn('cannot write', self.ringfold('report', 'out', '-o', 'no/such/report.html', code=1).stderr)
        before = (self.folder / 'out/results.jsonl').read_bytes()
        self.assertIn('results.jsonl', self.ringfold('report', 'out', '-o', 'out/results.jsonl', code=2).stderr)
        self.assertEqual((self.folder / 'out/results.jsonl').read_bytes(), before)
        (self.folder / 'empty').mkdir()
        (self.folder / 'empty/results.jsonl').write_text('')
        self.assertIn('no row', self.ringfold('report', 'empty', code=10).stderr)

    def test_lines_that_are_no_rows_are_named_and_the_rest_is_shown(self):
        self.run_small()
        lines = (self.folder / 'out/results.jsonl').read_text().splitlines()
        later = json.dumps({**json.loads(lines[0]), 'schema': 2})
        lines[1:1] = ['nonsense', later]
        (self.folder / 'out/results.jsonl').write_text('\n'.join([*lines, lines[0][:40]]))
        (self.folder / 'out/other.json').write_text('{"traceEvents": [{"ph": "X"')
        self.ringfold('report', 'out')
        data = self.data()
        self.assertEqual(len(data['cases']), 3)
        complaints = '\n'.join(data['complaints'])
        for part in ('results.jsonl:2: ', 'results.jsonl:3: schema 2', 'results.jsonl:6: ', 'other.json'):
            self.assertIn(part, complaints)

    def test_a_large_file_is_streamed(self):
        self.run_small()
        rows = self.rows('out')
        with open(self.folder / 'out/results.jsonl', 'a') as out:
            number = 0
            while out.tell() < LARGE:
                number += 1
                out.write(json.dumps({**rows[number % 3], 'id': f'{number:016x}'}) + '\n')
        with self.start('report', 'out') as process:
            _, status, used = os.wait4(process.pid, 0)  # of this one, not of runs before it
        self.assertEqual(status, 0)
        # Held in memory it would take several times its own size; sanitizers take memory of their own.
        if 'RINGFOLD_SANITIZED' not in os.environ:
            self.assertLess(used.ru_maxrss * 1024, 2 * LARGE)
        self.assertLess((self.folder / 'report.html').stat().st_size, 2_000_000)
        data = self.data()
        self.assertEqual(data['rows'], 3 + number)
        self.assertEqual(len(data['cases']), 400)
        self.assertIn(f'{3 + number} rows passed; the first 400 of them are shown', data['complaints'])


if __name__ == '__main__':
    main()
