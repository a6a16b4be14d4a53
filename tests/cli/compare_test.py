"""ringfold compare, show and export: verdicts, exit codes, and results that cannot be trusted."""

import csv
import io
import json
import os
import random
import subprocess

from harness import PATIENCE, PROGRAM, SMALL, SWEEP, ProgramTest, main

CONTROL = 'evil\x1b[31m\x07\u202e'


class ResultsTest(ProgramTest):
    """Rows of a real run, with times made up."""

    template = None

    def setUp(self):
        super().setUp()
        if ResultsTest.template is None:
            self.write('small.yaml', SMALL)
            self.ringfold('run', 'small.yaml', '--out', 'template')
            ResultsTest.template = (self.folder / 'template/results.jsonl').read_text()

    def template_rows(self):
        return [json.loads(line) for line in ResultsTest.template.splitlines()]

    def timed(self, row, factor=1.0, repeats=12, noise=0.01, seed=1):
        source = random.Random(f'{seed} {row["strategy"]}')
        times = [factor * 10 * source.lognormvariate(0, noise) for _ in range(repeats)]
        row['timing'].update(median_ms=sorted(times)[repeats // 2], ranks_ms=[[ms, ms / 2, ms / 3] for ms in times])
        return row

    def write_rows(self, out, rows, end=''):
        (self.folder / out).mkdir(parents=True, exist_ok=True)
        (self.folder / out / 'results.jsonl').write_text(''.join(json.dumps(row) + '\n' for row in rows) + end)
        return out

    def side(self, out, factor=1.0, **options):
        return self.write_rows(out, [self.timed(row, factor, **options) for row in self.template_rows()])

    def compared(self, *arguments, code=0):
        return json.loads(self.ringfold('compare', '--json', *arguments, code=code).stdout)

    def verdicts(self, *arguments, code=0):
        return {item['strategy']: item['verdict'] for item in self.compared(*arguments, code=code)['cases']}


class Verdicts(ResultsTest):
    def test_states_and_exit_codes(self):
        self.side('a')
        for out, factor, verdict in (('slow', 1.1, 'slower'), ('fast', 0.9, 'faster'), ('even', 1.0, 'same')):
            self.side(out, factor, seed=2)
            self.assertEqual(set(self.verdicts('a', out).values()), {verdict}, out)
            self.ringfold('compare', 'a', f'{out}/results.jsonl', '--fail-on', 'slower',
                          code=8 if verdict == 'slower' else 0)
        self.side('few', 2, repeats=2)
        self.assertEqual(set(self.verdicts('a', 'few').values()), {'cannot_tell'})

    def test_the_table_says_what_the_json_says(self):
        self.side('a')
        self.side('b', 1.1, seed=2)
        table = self.ringfold('compare', 'a', 'b').stdout
        for line in ('A  a: 3 cases, revision ', 'B  b: 3 cases, revision ', 'all_gather layout=zigzag',
                     '3 slower, 0 faster, 0 same, 0 cannot tell, noise floor 5 %', '12 + 12', '95 % interval'):
            self.assertIn(line, table)
        lines = table.splitlines()
        header = next(line for line in lines if 'verdict' in line)
        self.assertEqual(header.split()[:2], ['strategy', 'verdict'])
        report = self.compared('a', 'b')
        self.assertEqual(report['counts'], {'same': 0, 'faster': 0, 'slower': 3, 'cannot_tell': 0, 'broken': 0})
        for item in report['cases']:
            low, high = item['interval']
            self.assertLess(low, item['ratio'])
            self.assertLess(item['ratio'], high)
            self.assertAlmostEqual(item['ratio'], 1.1, delta=0.02)
            self.assertLess(item['p'], 1e-3)
            self.assertEqual(item['a']['repeats'], 12)
            self.assertIn(f'{item["ratio"]:.3f}', table)
        self.assertNotIn('\x1b', table)

    def test_the_noise_floor(self):
        self.side('a', noise=0.001)
        self.side('b', 1.03, noise=0.001, seed=2)
        self.assertEqual(set(self.verdicts('a', 'b').values()), {'same'})
        self.assertEqual(set(self.verdicts('a', 'b', '--noise-floor', '1').values()), {'slower'})
        self.assertEqual(set(self.verdicts('a', 'b', '--noise-floor', '0').values()), {'slower'})
        self.ringfold('compare', 'a', 'b', '--noise-floor', '-1', code=2)
        self.ringfold('compare', 'a', 'b', '--fail-on', 'faster', code=2)

    def test_outliers_are_told_and_kept(self):
        self.side('a')
        rows = [self.timed(row, seed=2) for row in self.template_rows()]
        rows[0]['timing']['ranks_ms'][3] = [1, 50, 1]
        self.write_rows('b', rows)
        item = self.compared('a', 'b')['cases'][0]
        self.assertEqual(item['b']['outliers'], [3])
        self.assertEqual(len(item['b']['times_ms']), 12)
        self.assertEqual(item['b']['times_ms'][3], 50)
        table = self.ringfold('compare', 'a', 'b').stdout
        self.assertIn('naive_ring (B repeat 4: 50.0 ms)', table)
        self.assertIn('0 + 1', table)

    def test_repeats_of_several_runs_of_a_side_count_together(self):
        self.side('a/one')
        self.side('a/two', seed=2)
        self.side('b', 1.1, seed=3)
        item = self.compared('a', 'b')['cases'][0]
        self.assertEqual((item['a']['runs'], item['a']['repeats'], item['b']['runs']), (2, 24, 1))

    def test_cases_match_by_content_however_they_were_measured(self):
        self.side('a')
        rows = [self.timed(row, 1.1, seed=2) for row in self.template_rows()]
        for number, row in enumerate(rows):
            row['id'] = f'{number:016x}'
            row['case']['measure'].update(repeats=12, warmup=7)
            row['case'] = dict(reversed(row['case'].items()))
        self.write_rows('b', rows)
        self.assertEqual(set(self.verdicts('a', 'b').values()), {'slower'})
        rows[0]['case']['measure']['threads'] = 2
        rows[1]['case']['problem']['dtype'] = 'bf16'
        self.write_rows('b', rows)
        report = self.compared('a', 'b')
        self.assertEqual((len(report['cases']), len(report['only_in_a']), len(report['only_in_b'])), (1, 2, 2))
        table = self.ringfold('compare', 'a', 'b').stdout
        self.assertIn('only in A: naive_ring threads=1 dtype=fp32, balanced_ring threads=1 dtype=fp32', table)
        self.assertIn('only in B: naive_ring threads=2 dtype=fp32, balanced_ring threads=1 dtype=bf16', table)


class CannotPassByAccident(ResultsTest):
    def refused(self, *arguments, code=3):
        return self.ringfold('compare', *arguments, '--fail-on', 'slower', code=code)

    def test_empty_or_missing_sides(self):
        self.side('a')
        (self.folder / 'empty').mkdir()
        self.write('nothing.jsonl', '')
        self.write('notes.jsonl', 'my notes\n{"schema": 2}\n')
        for other in ('empty', 'nothing.jsonl', 'notes.jsonl', 'nowhere', 'deadbeef'):
            for arguments in (('a', other), (other, 'a')):
                self.assertIn(other, self.refused(*arguments).stderr)
                self.assertEqual(self.refused(*arguments).stdout, '')
        self.assertIn('notes.jsonl:2: left out: schema 2', self.refused('a', 'notes.jsonl').stderr)

    def test_no_common_case(self):
        rows = [self.timed(row) for row in self.template_rows()]
        self.write_rows('a', rows[:1])
        self.write_rows('b', rows[1:])
        done = self.refused('a', 'b', code=10)
        self.assertIn('no case of A is in B', done.stderr)
        self.assertIn('only in A: naive_ring', done.stdout)
        self.ringfold('compare', 'a', 'b', code=10)

    def test_cases_that_do_not_pass_any_more(self):
        self.side('a')
        rows = [self.timed(row, seed=2) for row in self.template_rows()]
        rows[0].update(status='failed', exit=5, reason='rank 1: the numbers are wrong')
        self.write_rows('b', rows)
        done = self.refused('a', 'b', code=8)
        self.assertIn('B failed: rank 1: the numbers are wrong: naive_ring', done.stdout)
        self.assertEqual(self.verdicts('a', 'b')['naive_ring'], 'broken')
        self.assertEqual(self.verdicts('b', 'a')['naive_ring'], 'not_compared')
        self.ringfold('compare', 'b', 'a', '--fail-on', 'slower')
        for row in rows:
            row.update(status='skipped', exit=4, reason='no device')
        self.write_rows('b', rows)
        self.assertIn('no case has times in both', self.ringfold('compare', 'a', 'b', code=10).stderr)
        self.refused('b', 'a', code=10)
        self.refused('a', 'b', code=8)

    def test_too_few_repeats_to_ever_fail(self):
        self.side('a', repeats=4)
        self.side('b', 3, repeats=4)
        self.assertIn('too few repeats', self.ringfold('compare', 'a', 'b').stdout)
        self.assertIn('the repeats to be found slower', self.refused('a', 'b', code=10).stderr)

    def test_times_that_are_no_times(self):
        self.side('a')
        for wrong in ('nan', 'inf', 0, -1):
            rows = [self.timed(row) for row in self.template_rows()]
            rows[0]['timing']['ranks_ms'][2][1] = wrong
            self.write_rows('b', rows)
            self.assertEqual(self.verdicts('a', 'b')['naive_ring'], 'broken')

    def test_the_same_results_twice_are_told(self):
        self.side('a')
        self.assertIn('the same results', self.ringfold('compare', 'a', 'a/results.jsonl').stderr)

    def test_different_environments_are_told(self):
        rows = [self.timed(row) for row in self.template_rows()]
        for row in rows:
            row['environment'].update(cpu='old', revision='1111111', link_gbps=10.0)
        self.write_rows('a', rows)
        for row in rows:
            row['environment'].update(cpu='new', revision='2222222', link_gbps=10.5)
        self.write_rows('b', rows)
        table = self.ringfold('compare', 'a', 'b').stdout
        self.assertIn('different environments, cpu: A old, B new', table)
        self.assertNotIn('link_gbps', table)
        self.assertIn('revision 1111111', table)
        for row in rows:
            row['environment'].update(link_gbps=20.0)
        self.write_rows('b', rows)
        self.assertIn('link_gbps: A 10, B 20', self.ringfold('compare', 'a', 'b').stdout)


class Revisions(ResultsTest):
    def revision(self, out, revision, factor=1.0, seed=1):
        rows = [self.timed(row, factor, seed=seed) for row in self.template_rows()]
        for row in rows:
            row['environment']['revision'] = revision
        self.write_rows(out, rows)

    def test_revisions_in_place_of_paths(self):
        self.revision('results/one', '1a2b3c4d5e6f')
        self.revision('results/two', '99887766aabb', 1.1, 2)
        self.revision('results/three', '99887766aabb-dirty', 0.8, 3)
        for arguments in (('1a2b3c4d', '99887766aabb'), ('1a2b', '99887766aabbccddeeff'), ('results/one', '9988')):
            self.assertEqual(set(self.verdicts(*arguments).values()), {'slower'}, arguments)
        self.assertEqual(set(self.verdicts('1a2b', '9988-dirty').values()), {'faster'})
        (self.folder / 'results').rename(self.folder / 'elsewhere')
        self.ringfold('compare', '1a2b', '9988', code=3)
        self.assertEqual(set(self.verdicts('1a2b', '9988', '--in', 'elsewhere').values()), {'slower'})

    def test_revisions_that_are_not_one(self):
        self.revision('results/one', '1a2b3c4d5e6f')
        self.revision('results/two', '1a2b99999999')
        self.assertIn('several revisions', self.ringfold('compare', '1a2b', '1a2b3', code=3).stderr)
        self.assertIn('no results of such a revision', self.ringfold('compare', '1a2b3', 'ffff', code=3).stderr)
        self.assertIn('no such file', self.ringfold('compare', '1a2b3', 'main', code=3).stderr)


class Files(ResultsTest):
    """Torn, foreign, other schemas, names of a stranger."""

    def mixed(self, out, name='small'):
        rows = [self.timed(row) for row in self.template_rows()]
        rows[1]['name'] = rows[0]['name'] = name
        text = [json.dumps(row) for row in rows]
        (self.folder / out).mkdir()
        (self.folder / out / 'results.jsonl').write_text('\n'.join(
            [text[0], 'my notes', json.dumps({**rows[1], 'schema': 7}), text[1], '{"schema": 1}', text[2][:200]]))
        return out

    def test_what_cannot_be_used_is_told_and_the_rest_is_shown(self):
        self.side('a')
        self.mixed('b')
        for arguments in (('compare', 'a', 'b'), ('show', 'b'), ('export', 'b', '--csv')):
            done = self.ringfold(*arguments)
            self.assertIn('naive_ring', done.stdout)
            self.assertIn('balanced_ring', done.stdout)
            for place in ('b/results.jsonl:2: left out: no row: not JSON', 'b/results.jsonl:3: left out: schema 7',
                          'b/results.jsonl:5: left out: no whole row: no field id', 'b/results.jsonl:6: left out: torn'):
                self.assertIn(place, done.stderr)
        self.assertEqual(self.compared('a', 'b')['b']['unusable_lines'], 4)

    def test_control_characters_never_reach_a_terminal(self):
        rows = [self.timed(row) for row in self.template_rows()]
        for row in rows:
            row.update(name=CONTROL, strategy=CONTROL, transport=CONTROL, command=CONTROL, id=CONTROL)
            row['options'] = {CONTROL: CONTROL}
            row['environment'] = {CONTROL: CONTROL, 'revision': CONTROL, 'cpu': CONTROL}
            row['case'].update(transport=CONTROL, extra={CONTROL: CONTROL})
        rows[2].update(status='failed', exit=5, reason=CONTROL)
        self.write_rows('b', rows, end=CONTROL)
        rows[0]['environment'] = {CONTROL: 'other'}
        rows[1]['case']['extra'] = {CONTROL: 1}
        self.write_rows('a', rows)
        for arguments in (('show', 'b'), ('export', 'b', '--csv'), ('compare', 'a', 'b'), ('compare', 'a', CONTROL),
                          ('compare', 'a', 'b', '--json'), ('show', CONTROL)):
            shown = self.on_terminal(*arguments)[1]
            self.assertIn('evil', shown)
            for bad in (CONTROL, '\x1b[31m\x07', '\x07', '\u202e'):
                self.assertNotIn(bad, shown, arguments)
        for arguments in (('show', 'b'), ('compare', 'a', 'b'), ('compare', 'a', 'b', '--json')):
            self.assertNotIn('\x1b', self.ringfold(*arguments).stdout)

    def test_verdicts_have_colours_on_a_terminal(self):
        self.side('a')
        self.side('b', 1.1, seed=2)
        self.assertIn('\x1b[31m', self.on_terminal('compare', 'a', 'b')[1])


class Show(ResultsTest):
    def test_the_table_of_the_run(self):
        self.write('sweep.yaml', SWEEP)
        table = self.ringfold('run', 'sweep.yaml', '--out', 'out').stdout
        for path in ('out', 'out/results.jsonl'):
            self.assertEqual(self.ringfold('show', path).stdout, table)

    def test_several_runs(self):
        self.side('all/one')
        self.side('all/two')
        text = self.ringfold('show', 'all').stdout
        self.assertLess(text.index('all/one/results.jsonl\n'), text.index('all/two/results.jsonl\n'))
        self.assertEqual(text.count('3 passed'), 2)

    def test_nothing_to_show(self):
        self.ringfold('show', 'nowhere', code=3)
        self.write('nothing.jsonl', '')
        self.assertIn('no row of results', self.ringfold('show', 'nothing.jsonl', code=3).stderr)


class Export(ResultsTest):
    def table(self, *arguments):
        return list(csv.DictReader(io.StringIO(self.ringfold('export', *arguments, '--csv').stdout, newline='')))

    def test_a_line_a_row(self):
        rows = [self.timed(row) for row in self.template_rows()]
        rows[0].update(status='failed', exit=6, reason='two\nlines, "quoted" and a ; too')
        del rows[0]['timing'], rows[0]['numerics']
        rows[1].update(name='=1+1')
        self.write_rows('out', rows)
        table = self.table('out')
        self.assertEqual(len(table), 3)
        self.assertEqual(list(table[0])[:6], ['schema', 'id', 'name', 'status', 'exit', 'reason'])
        self.assertEqual(list(table[0])[-1], 'command')
        for cells, row in zip(table, rows):
            self.assertEqual(len(cells), len(table[0]))
            self.assertEqual(cells['id'], row['id'])
            self.assertEqual(cells['reason'], row['reason'])
            self.assertEqual(cells['environment.cpu'], row['environment']['cpu'])
            self.assertEqual(json.loads(cells['plan.sent_bytes']), row['plan']['sent_bytes'])
            self.assertEqual(int(cells['case.cluster.sp']), 3)
        self.assertEqual(table[0]['timing.median_ms'], '')
        self.assertEqual(float(table[1]['timing.median_ms']), rows[1]['timing']['median_ms'])
        self.assertEqual(json.loads(table[1]['timing.ranks_ms']), rows[1]['timing']['ranks_ms'])
        self.assertEqual(table[1]['name'], "'=1+1")
        self.assertEqual(table[2]['options.layout'], 'zigzag')
        self.assertEqual(table[0]['options.layout'], '')

    def test_several_runs_have_a_column_for_the_file(self):
        self.side('all/one')
        self.side('all/two')
        self.assertEqual([row['file'] for row in self.table('all')],
                         ['all/one/results.jsonl'] * 3 + ['all/two/results.jsonl'] * 3)

    def test_a_format_must_be_named(self):
        self.side('out')
        self.assertIn('--csv', self.ringfold('export', 'out', code=2).stderr)

    def test_a_full_disk_is_no_success(self):
        self.side('out')
        with open('/dev/full', 'w') as full:
            self.ringfold('export', 'out', '--csv', code=1, stdout=full)


class Large(ResultsTest):
    def test_100_mb_take_less_than_500_mb(self):
        if 'RINGFOLD_SANITIZED' in os.environ:
            self.skipTest('sanitizers take memory of their own')
        self.side('small', repeats=20)
        text = (self.folder / 'small/results.jsonl').read_text().splitlines()
        (self.folder / 'large').mkdir()
        with open(self.folder / 'large/results.jsonl', 'w') as file:
            number = 0
            while file.tell() < 100_000_000:
                for line in text:
                    file.write(line.replace('"query": 33', f'"query": {33 + number}', 1) + '\n')
                    number += 1
        for arguments in (('compare', 'small', 'large'), ('show', 'large'), ('export', 'large', '--csv')):
            with open(self.folder / 'output', 'w') as output:
                process = subprocess.Popen([PROGRAM, *arguments], cwd=self.folder, stdout=output,
                                           stderr=subprocess.DEVNULL)
                _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            self.assertEqual(process.returncode, 0)
            print(f'{arguments[0]}: {usage.ru_maxrss // 1024} MiB, '
                  f'{usage.ru_utime + usage.ru_stime:.1f} s of a core')
            self.assertLess(usage.ru_maxrss * 1024, 500_000_000, arguments)


if __name__ == '__main__':
    main()
