"""ringfold run: rows, table, exit codes."""

import os
import re
import resource
import shlex
import subprocess

from harness import PROGRAM, SMALL, SWEEP, ProgramTest, main

FIELDS = ['schema', 'id', 'name', 'status', 'exit', 'reason', 'strategy', 'options', 'transport', 'kernel', 'case',
          'plan', 'traffic', 'numerics', 'timing', 'environment', 'command']


class Rows(ProgramTest):
    def test_a_row_has_the_fields_of_the_contract(self):
        self.write('small.yaml', SMALL)
        self.ringfold('run', 'small.yaml', '--out', 'out')
        rows = self.rows('out')
        self.assertEqual([row['strategy'] for row in rows], ['naive_ring', 'balanced_ring', 'all_gather'])
        for row in rows:
            self.assertEqual(list(row), FIELDS)
            self.assertEqual((row['schema'], row['name'], row['status'], row['exit'], row['reason']),
                             (1, 'small', 'passed', 0, ''))
            self.assertRegex(row['id'], '^[0-9a-f]{16}$')
            self.assertEqual((row['transport'], row['kernel']), ('in_process', 'cpu_reference'))
            self.assertNotIn('name', row['case'])
            self.assertEqual(len(row['case']['strategies']), 1)
            plan = row['plan']
            self.assertEqual(list(plan), ['sent_bytes', 'received_bytes', 'flops', 'peak_bytes', 'attends', 'imbalance',
                                          'minimum_sent_bytes'])
            for name, value in plan.items():
                self.assertEqual(len(value) if name != 'imbalance' else 3, 3, name)
            self.assertEqual(row['traffic'], {'sent_bytes': plan['sent_bytes']})
            self.assertEqual(sum(plan['sent_bytes']), sum(plan['received_bytes']))
            # 4 dim x visible (query, key, query head): the triangles of 33 and of 5, and 5 x 12 cached.
            self.assertEqual(sum(plan['flops']), 4 * 16 * 4 * (33 * 34 // 2 + 5 * 6 // 2 + 5 * 12))
            for what in ('output', 'lse'):
                figure = row['numerics'][what]
                self.assertLessEqual(figure['error'], figure['bound'])
                self.assertGreater(figure['bound'], 0)
            self.assertEqual(row['numerics']['rows_checked'], 38)
            timing = row['timing']
            self.assertEqual([name for name in timing if name != 'notes'],
                             ['median_ms', 'ranks_ms', 'tflops_per_rank', 'breakdown'])
            self.assertEqual([len(repeat) for repeat in timing['ranks_ms']], [3, 3])
            slowest = [max(repeat) for repeat in timing['ranks_ms']]
            self.assertAlmostEqual(timing['median_ms'], sum(slowest) / 2)
            self.assertAlmostEqual(timing['tflops_per_rank'] * 1e9 * timing['median_ms'], sum(plan['flops']) / 3, 3)
            breakdown = timing['breakdown']
            self.assertEqual(list(breakdown), ['compute_ms', 'merge_ms', 'communicate_ms', 'exposed_ms', 'idle_ms',
                                               'total_ms'])
            for compute, merge, communicate, exposed, idle, total in zip(*breakdown.values(), strict=True):
                self.assertAlmostEqual(compute + merge + exposed + idle, total, 9)
                self.assertLessEqual(exposed, communicate)
                self.assertGreater(min(compute, communicate, idle), 0)
            self.assertGreater(row['environment']['peak_gflops_core'], 0)
            self.assertGreater(row['environment']['link_gbps'], 0)
        self.assertEqual(rows[2]['options'], {'layout': 'zigzag'})

    def test_ideal_is_measured_on_request(self):
        self.write('small.yaml', SMALL)
        self.ringfold('run', 'small.yaml', 'measure.ideal=true', '--out', 'out')
        for row in self.rows('out'):
            self.assertGreater(row['timing']['ideal_ms'], 0)

    def test_decoding_is_held_against_memory_where_it_reads_k_and_v(self):
        self.write('small.yaml', SMALL)
        decode = ['problem.sequences=[{query: 1, cached: 40}]', 'strategies=[naive_ring]']
        for layer, reads in (([], True), (['problem.layer={hidden: 24}'], True),
                             (['problem.layer={hidden: 24, source: recompute}'], False)):
            out = f'out{len(list(self.folder.iterdir()))}'
            text = self.ringfold('run', 'small.yaml', *decode, *layer, '--out', out).stdout
            timing = self.rows(out)[0]['timing']
            self.assertIn('tokens_per_second', timing)
            for field in ('kv_gbps', 'memory_gbps'):
                self.assertEqual(field in timing, reads)
            self.assertEqual('of memory' in text, reads)

    def test_environment_is_an_allow_list(self):
        self.write('small.yaml', SMALL)
        self.ringfold('run', 'small.yaml', '--out', 'out', env={**os.environ, 'TOKEN': 'very-secret', 'TERM': 'dumb'})
        self.assertNotIn('very-secret', (self.folder / 'out/results.jsonl').read_text())
        for row in self.rows('out'):
            self.assertLessEqual(set(row['environment']), {'ringfold', 'revision', 'compiler', 'os', 'cpu', 'cores',
                                                           'memory_bytes', 'kernel', 'transport',
                                                           'peak_gflops_core', 'link_gbps', 'gpu_clocks'})

    def test_repeats_go_on_for_as_long_as_asked(self):
        self.write('small.yaml', SMALL)
        self.ringfold('run', 'small.yaml', 'measure.min_seconds=0.05', '--out', 'long')
        slowest = [[max(ranks) for ranks in row['timing']['ranks_ms']] for row in self.rows('long')]
        self.assertEqual({len(times) for times in slowest}, {len(slowest[0])})
        self.assertGreaterEqual(min(map(sum, slowest)), 50)
        self.assertLess(min(sum(times[:-1]) for times in slowest), 50)
        self.ringfold('run', 'small.yaml', 'measure.confidence=0.2', '--out', 'narrow')
        for row in self.rows('narrow'):
            timing = row['timing']
            low, high = timing['confidence_ms']
            self.assertLessEqual(low, timing['median_ms'])
            self.assertLessEqual(timing['median_ms'], high)
            if not any('interval' in note for note in timing.get('notes', [])):
                self.assertLessEqual((high - low) / 2, 0.2 * timing['median_ms'])
            self.assertGreaterEqual(len(timing['ranks_ms']), 6)

    def test_command_reproduces_the_row(self):
        self.write('sweep file.yaml', SWEEP)
        self.ringfold('run', 'sweep file.yaml', 'problem.dtype=bf16', '--out', 'out')
        rows = self.rows('out')
        self.assertEqual(len(rows), 18)
        for number, row in enumerate(rows):
            words = shlex.split(row['command'])
            self.assertEqual(words[:3], ['./dev', 'run', 'sweep file.yaml'])
            self.ringfold(*words[1:], '--out', f'again{number}')
            again = self.rows(f'again{number}')
            self.assertEqual([other['id'] for other in again], [row['id']])

    def test_every_placement_passes(self):
        for placement in ('native', 'tokens', 'zigzag', 'heads'):
            self.write('small.yaml', SMALL)
            self.ringfold('run', 'small.yaml', f'problem.placement={placement}', 'cluster.sp=2', 'cluster.tp=2',
                          '--out', placement)
            self.assertEqual([row['status'] for row in self.rows(placement)], ['passed'] * 3)

    def test_ranks_with_nothing_to_do_without_reuse_of_memory(self):
        """Where the first rank holds nothing, the others still get buffers."""
        self.write('small.yaml', SMALL)
        self.ringfold('run', 'small.yaml', 'problem.sequences=[{query: 0}, {query: 1}, {query: 1}]',
                      'problem.placement=zigzag', 'cluster.sp=2', 'strategies=[{all_gather: {layout: zigzag}}]',
                      'problem.mask={window: 5}', 'passes={reuse: off}', '--out', 'out')

    def test_known_answers_and_sampled_rows(self):
        self.write('small.yaml', SMALL)
        for generate in ('gauss', 'peaked', 'count', 'needle'):
            self.ringfold('run', 'small.yaml', f'inputs={{generate: {generate}, seed: 3}}', '--out', generate)
        self.ringfold('run', 'small.yaml', 'problem.sequences=[{query: 700}]', 'measure.reference_seconds=0.001',
                      '--out', 'sampled')
        for row in self.rows('sampled'):
            self.assertGreater(row['numerics']['rows_checked'], 0)
            self.assertLess(row['numerics']['rows_checked'], 700)


class Skipped(ProgramTest):
    def test_what_is_missing_is_a_row_with_its_reason(self):
        self.write('small.yaml', SMALL)
        for number, (override, reason) in enumerate([
                ('kernel=cudnn', 'cudnn'), ('transport=nccl', 'nccl'), 
                ('strategies=[ulysses]', 'ulysses'),
                ('problem.heads={query: 64, kv: 64, dim: 128} problem.sequences=[{query: 16Mi}]', 'memory')]):
            overrides = override.split(' problem.s')
            overrides = overrides[:1] + ['problem.s' + word for word in overrides[1:]]
            self.ringfold('run', 'small.yaml', *overrides, '--out', f'out{number}', code=4)
            for row in self.rows(f'out{number}'):
                self.assertEqual((row['status'], row['exit']), ('skipped', 4))
                self.assertIn(reason, row['reason'])
                for absent in ('traffic', 'numerics', 'timing'):
                    self.assertNotIn(absent, row)

    def test_one_unsupported_strategy_does_not_stop_the_others(self):
        self.write('small.yaml', SMALL)
        done = self.ringfold('run', 'small.yaml', 'cluster.sp=5', '--out', 'out', code=4)
        self.assertEqual([row['status'] for row in self.rows('out')], ['passed', 'skipped', 'passed'])
        self.assertIn('2 passed, 1 skipped', done.stdout)
        self.assertIn(self.rows('out')[1]['reason'].split()[0], done.stdout)


class Table(ProgramTest):
    def test_results_go_to_standard_output_and_progress_to_standard_error(self):
        self.write('small.yaml', SMALL)
        done = self.ringfold('run', 'small.yaml', '--out', 'out')
        self.assertNotIn('\x1b', done.stdout + done.stderr)
        for label in ('naive_ring', 'balanced_ring', 'all_gather layout=zigzag'):
            self.assertIn(label, done.stdout)
        stars = [line for line in done.stdout.splitlines() if line.lstrip().startswith('* ')]
        self.assertEqual(len(stars), 1)
        progress = [line for line in done.stderr.splitlines() if line.startswith('[')]
        self.assertEqual([line[:5] for line in progress], ['[1/3]', '[2/3]', '[3/3]'])
        widths = {len(line) for line in done.stdout.splitlines()}
        self.assertLessEqual(max(widths), 120)

    def run_on_terminal(self, **variables):
        code, text = self.on_terminal('run', 'small.yaml', '--out', f'out{len(variables)}', **variables)
        self.assertEqual(code, 0)
        return text

    def test_a_terminal_gets_colours_and_a_bar(self):
        self.write('small.yaml', SMALL)
        text = self.run_on_terminal()
        self.assertIn('\x1b[1;32m', text)
        self.assertRegex(text, r'\r\x1b\[K\[=* *\] \d/3')
        plain = self.run_on_terminal(NO_COLOR='1', LC_ALL='C')
        self.assertNotIn('\x1b[1;32m', plain)
        # How long they are is the machine's.
        bars = [line for line in plain.splitlines() if '#' in line]
        self.assertEqual([line.split()[0] for line in bars], ['naive_ring', 'balanced_ring', 'all_gather'])
        fine = self.run_on_terminal(NO_COLOR='1', LC_ALL='C.UTF-8', UNUSED='')
        self.assertEqual([line.split()[0] for line in fine.splitlines() if re.search('[█▉▊▋▌▍▎▏]', line)],
                         ['naive_ring', 'balanced_ring', 'all_gather'])

    def test_a_sweep_shows_what_differs(self):
        self.write('sweep.yaml', SWEEP)
        done = self.ringfold('run', 'sweep.yaml', '--out', 'out')
        title = next(line for line in done.stdout.splitlines() if 'median ms' in line).split()
        self.assertEqual(title[:3], ['sp', 'tokens', 'strategy'])
        stars = [line for line in done.stdout.splitlines() if ' * ' in line]
        self.assertEqual(len(stars), 6)


class Refusals(ProgramTest):
    def test_usage(self):
        self.write('small.yaml', SMALL)
        for arguments in ([], ['run'], ['fly'], ['run', 'small.yaml', '--no-such'], ['run', 'small.yaml', '--resume'],
                          ['plan', 'small.yaml', '--ranks', '0-9'], ['list', 'cats'], ['list'], ['check']):
            done = self.ringfold(*arguments, code=2)
            self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
            self.assertEqual(done.stdout, '')
        self.assertIn("unknown command 'paln'; did you mean 'plan'?", self.ringfold('paln', code=2).stderr)

    def test_configuration(self):
        self.write('small.yaml', SMALL)
        self.write('bad.yaml', SMALL.replace('sp: 3', 'sp: 0').replace('query: 33', 'query: -1'))
        done = self.ringfold('run', 'bad.yaml', '--out', 'out', code=3)
        self.assertRegex(done.stderr, r'bad.yaml:4:\d+: error: ')
        self.assertRegex(done.stderr, r'bad.yaml:6:\d+: error: ')
        self.assertFalse((self.folder / 'out').exists())
        self.assertRegex(self.ringfold('run', 'small.yaml', 'cluster.sp=x', code=3).stderr, '^override:1:')
        self.ringfold('run', 'none.yaml', code=3)

    def test_a_folder_with_results_is_refused(self):
        self.write('small.yaml', SMALL)
        self.ringfold('run', 'small.yaml', '--out', 'out')
        before = (self.folder / 'out/results.jsonl').read_text()
        self.assertIn('--resume', self.ringfold('run', 'small.yaml', '--out', 'out', code=2).stderr)
        self.assertEqual((self.folder / 'out/results.jsonl').read_text(), before)

    def test_a_folder_that_cannot_be_written(self):
        self.write('small.yaml', SMALL)
        self.write('file', '')
        for out in ('file', 'file/out', '/proc/ringfold'):
            self.assertIn(out, self.ringfold('run', 'small.yaml', '--out', out, code=1).stderr)

    def test_a_full_disk_tears_nothing(self):
        self.write('sweep.yaml', SWEEP)

        def fill_disk():  # a limit on the size of files stops a write just as a full disk does
            resource.setrlimit(resource.RLIMIT_FSIZE, (7000, 7000))

        done = self.ringfold('run', 'sweep.yaml', '--out', 'out', code=1, preexec_fn=fill_disk)
        self.assertIn('results.jsonl', done.stderr)
        count = len(self.rows('out'))
        self.assertGreater(count, 0)
        self.assertLess(count, 18)
        self.ringfold('run', 'sweep.yaml', '--out', 'out', '--resume')
        self.assertEqual(len(self.rows('out')), 18)

    def test_a_full_disk_behind_standard_output(self):
        self.write('small.yaml', SMALL)
        with open('/dev/full', 'w') as full:
            self.ringfold('run', 'small.yaml', '--out', 'out', code=1, stdout=full)
        self.assertEqual(len(self.rows('out')), 3)

    def test_nobody_reads_the_progress(self):
        self.write('small.yaml', SMALL)
        self.ringfold('run', 'small.yaml', '--out', 'out',
                      preexec_fn=lambda: os.dup2(os.open('/dev/full', os.O_WRONLY), 2))
        self.assertEqual(len(self.rows('out')), 3)

    def test_no_file_takes_the_place_of_a_closed_stream(self):
        self.write('small.yaml', SMALL)
        self.ringfold('run', 'small.yaml', '--out', 'out', code=1, preexec_fn=lambda: os.closerange(0, 3))
        self.assertEqual(len(self.rows('out')), 3)


class Defaults(ProgramTest):
    def test_results_go_to_a_folder_named_for_experiment_and_time(self):
        self.write('small.yaml', SMALL)
        self.ringfold('run', 'small.yaml')
        self.ringfold('run', 'small.yaml')
        folders = list((self.folder / 'results').iterdir())
        self.assertEqual(len(folders), 2)
        for folder in folders:
            self.assertRegex(folder.name, r'^small-\d{8}T\d{6}Z(-\d)?$')
            self.assertEqual(len((folder / 'results.jsonl').read_text().splitlines()), 3)


if __name__ == '__main__':
    main()
