"""ringfold run with ranks that are processes of mpirun: same results as threads, and what must fit together."""

import json
import os
import re
import shutil
import signal
import subprocess
import time

from harness import PATIENCE, PROGRAM
from ranks import MPIRUN, RanksTest, main_with_ranks

UGLY = """
name: ugly
problem:
  sequences: [{query: 33}, {query: 5, cached: 12}, {query: 0, cached: 3}, {query: 1}]
  heads: {query: 12, kv: 4, dim: 8}
cluster: {sp: 4}
strategies: [naive_ring, balanced_ring, {balanced_ring: {heads: within_groups}}, all_gather, {all_gather: {layout: zigzag}}]
transport: ucx
kernel: cpu_fast
measure: {warmup: 1, repeats: 1}
sweep:
  problem.dtype: [fp32, bf16]
  problem.mask: [causal, full]
  problem.placement: [native, tokens, zigzag, heads]
"""

# Prefill, extend and decode on pages: 2 dtypes x 2 placements x 3 rounds x 4 strategies.
SERVING = """
name: serving
problem:
  rounds: [{query: [33, 5]}, {query: [7, 0]}, {query: [1, 1]}]
  heads: {query: 12, kv: 4, dim: 8}
  mask: {window: 20}
  kv: {page_size: 7}
  rope: {style: interleaved}
  softcap: 5
cluster: {sp: 4}
strategies: [window_halo, {split_kv: {combine: all_to_all}}, {split_kv: {combine: gather}}, {split_kv: {combine: tree}}]
transport: ucx
kernel: cpu_fast
measure: {warmup: 1, repeats: 1}
sweep:
  problem.dtype: [fp32, bf16]
  problem.placement: [native, tokens]
"""

# Long enough to be in the midst of it, with earlier rows written.
LONG = """
name: long
problem:
  sequences: [{query: 512}]
  heads: {query: 8, kv: 8, dim: 16}
cluster: {sp: RANKS}
strategies: [naive_ring]
transport: ucx
measure: {warmup: 1, repeats: 3, deadline_seconds: 2}
sweep:
  inputs.seed: [1, 2, 3]
"""


class Processes(RanksTest):
    def check_same_bits(self, experiment, cases):
        """Saved outputs of ranks that are threads, by both transports, and of processes."""
        self.ringfold('run', experiment, 'transport=in_process', '--save-outputs', '--out', 'in_process')
        self.ringfold('run', experiment, '--save-outputs', '--out', 'threads')
        done = self.launch(4, 'run', experiment, '--save-outputs', '--out', 'processes')
        self.assertEqual(done.returncode, 0, done.stderr)

        def outputs(out):
            rows = self.rows(out)
            self.assertEqual([row['status'] for row in rows], ['passed'] * cases)
            for row in rows:
                self.assertEqual(row['traffic']['sent_bytes'], row['plan']['sent_bytes'])
            return [(row['plan'], row['numerics'], self.tensors(f'{out}/{row["id"]}.safetensors')) for row in rows]

        expected = outputs('in_process')
        for out in ('threads', 'processes'):
            self.assertEqual(outputs(out), expected, out)
        return done

    def test_same_bits_by_threads_and_processes(self):
        self.write('ugly.yaml', UGLY)
        done = self.check_same_bits('ugly.yaml', 80)
        self.assertEqual(len(re.findall('(?m)^.*naive_ring +passed', done.stdout)), 16)
        self.assertNotIn('\x1b', done.stdout)

    def test_same_bits_when_serving(self):
        self.write('serving.yaml', SERVING)
        self.check_same_bits('serving.yaml', 48)

    def test_two_and_eight_ranks(self):
        for ranks in (2, 8):
            self.write('long.yaml', LONG.replace('RANKS', str(ranks)))
            done = self.launch(ranks, 'run', 'long.yaml', '--out', f'out{ranks}', '--timeline', 'timeline.json')
            self.assertEqual(done.returncode, 0, done.stderr)
            row = self.rows(f'out{ranks}')[0]
            self.assertEqual([len(times) for times in row['timing']['ranks_ms']], [ranks] * 3)
            trace = json.loads((self.folder / 'timeline.json').read_text())
            self.assertEqual({event['tid'] for event in trace['traceEvents'] if 'tid' in event}, set(range(2 * ranks)))
            self.assert_trace_agrees(self.rows(f'out{ranks}'), trace)
            for clocks in trace['otherData']['clock_offsets']:
                # One machine: the ranks' clocks are one clock.
                for offset, uncertainty in zip(clocks['offset_us'], clocks['uncertainty_us'], strict=True):
                    self.assertLessEqual(abs(offset), uncertainty)
                self.assertTrue(all(value > 0 for value in clocks['uncertainty_us'][1:]))

    def test_repeats_are_decided_once_for_all(self):
        self.write('long.yaml', LONG.replace('RANKS', '3'))
        done = self.launch(3, 'run', 'long.yaml', 'strategies=[naive_ring, all_gather]', 'inputs.seed=1',
                           '--out', 'out', 'measure.min_seconds=0.3', 'measure.repeats=2')
        self.assertEqual(done.returncode, 0, done.stderr)
        slowest = [[max(ranks) for ranks in row['timing']['ranks_ms']] for row in self.rows('out')]
        self.assertEqual(len(slowest[0]), len(slowest[1]))
        self.assertGreaterEqual(min(map(sum, slowest)), 300)
        self.assertLess(min(sum(times[:-1]) for times in slowest), 300)

    def test_wrong_world(self):
        self.write('long.yaml', LONG.replace('RANKS', '2'))
        done = self.launch(3, 'run', 'long.yaml')
        self.assertEqual(done.returncode, 3)
        line, = self.ours(done.stderr)
        self.assertEqual(line, 'ringfold: cluster.sp 2 x cluster.tp 1 = 2 ranks, but the launcher started 3 processes')
        done = self.launch(2, 'run', 'long.yaml', 'transport=in_process')
        self.assertEqual(done.returncode, 3)
        line, = self.ours(done.stderr)
        self.assertIn('transport: the ranks of in_process are threads of one process', line)
        done = self.launch(2, 'run', 'long.yaml', 'cluster.ps=2')
        self.assertEqual(done.returncode, 3)
        self.assertEqual(done.stderr.count('error:'), 1, done.stderr)

    def test_different_experiments(self):
        self.write('long.yaml', LONG.replace('RANKS', '2'))
        self.write('other.yaml', LONG.replace('RANKS', '2').replace('512', '511'))
        command = ['-n', '1', PROGRAM, 'run', 'long.yaml', ':', '-n', '1', PROGRAM, 'run']
        for other, code, said in (('other.yaml', 3, 'rank 1 .* has another experiment'), ('none.yaml', 3, 'none.yaml')):
            done = self.launch_command(command + [other])
            self.assertEqual(done.returncode, code, done.stderr)
            line, = self.ours(done.stderr)
            self.assertRegex(line, said)

    def test_programs_that_follow_each_other_in_a_script(self):
        # PMIx remembers what earlier ones have published, and a rank may come to the next one long before another.
        self.write('long.yaml', LONG.replace('RANKS', '3'))
        script = ('for late in 3 0 1 0; do [ $PMIX_RANK = $late ] && sleep 4; '
                  '"$0" run long.yaml inputs.seed=1 --out out.$late.$((n += 1)) || exit; done')
        done = self.launch_command(['-n', '3', 'bash', '-c', script, PROGRAM])
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.ours(done.stderr), [])
        self.assertEqual(len([self.rows(path.name) for path in self.folder.glob('out.*')]), 4)

    def test_different_builds(self):
        self.write('long.yaml', LONG.replace('RANKS', '2'))
        other = self.folder / 'other_build'
        shutil.copy(PROGRAM, other)
        with open(other, 'ab') as program:
            program.write(b'another')
        # Before what a build makes of its file, which another one may not understand.
        self.write('newer.yaml', LONG.replace('RANKS', '2') + 'unheard_of: 1\n')
        for file in ('long.yaml', 'newer.yaml'):
            done = self.launch_command(['-n', '1', PROGRAM, 'run', 'long.yaml', ':', '-n', '1', other, 'run', file])
            self.assertEqual(done.returncode, 3, done.stderr)
            line, = self.ours(done.stderr)
            self.assertRegex(line, 'rank 1 .* has another build')

    def test_no_usable_transport(self):
        self.write('long.yaml', LONG.replace('RANKS', '2'))
        done = self.launch(2, 'run', 'long.yaml', '--out', 'out', env={'UCX_TLS': 'nonsense'})
        self.assertEqual(done.returncode, 4, done.stderr)
        for row in self.rows('out'):
            self.assertEqual((row['status'], row['exit']), ('skipped', 4))
            self.assertRegex(row['reason'], 'ucx is unavailable: .*UCX')

    def test_a_case_that_fails_on_one_rank_alone(self):
        self.write('long.yaml', LONG.replace('RANKS', '2'))
        ids = [row['id'] for row in self.plans('long.yaml')]
        (self.folder / f'out/{ids[1]}.safetensors.tmp/x').mkdir(parents=True)
        done = self.launch(2, 'run', 'long.yaml', '--out', 'out', '--save-outputs')
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual([row['exit'] for row in self.rows('out')], [0, 1, 0])
        self.assertIn('cannot create the file', self.rows('out')[1]['reason'])

    def plans(self, file):
        return json.loads(self.ringfold('plan', file, '--json').stdout)['cases']

    def test_one_process_speaks_for_all(self):
        for arguments, code in ((['list', 'strategies'], 0), (['--version'], 0), (['run', '--bogus'], 2),
                                (['plan', 'long.yaml'], 3)):
            with self.subTest(' '.join(arguments)):
                alone = self.ringfold(*arguments, code=code)
                done = self.launch(3, *arguments, env={'TERM': 'xterm'})
                self.assertEqual(done.returncode, code)
                self.assertEqual(done.stdout, alone.stdout)
                self.assertEqual(self.ours(done.stderr), alone.stderr.splitlines())

    def test_one_process_is_started_otherwise(self):
        self.write('long.yaml', LONG.replace('RANKS', '2'))
        good = ['-n', '1', PROGRAM, 'run', 'long.yaml']
        own = r'ringfold: rank 1 \(host \S+, pid \d+\): '
        for bad, said in ((['run', 'long.yaml', '--nonsense'], 'The following argument was not expected: --nonsense .*'),
                          (['run', 'long.yaml', '--resume'], '--resume needs --out DIR'),
                          (['list', 'kernels'], "it was started as 'ringfold list', and has no part in this run")):
            bad = ['-n', '1', PROGRAM, *bad]
            with self.subTest(said):
                done = self.launch_command(good + [':'] + bad)
                self.assertEqual(done.returncode, 2, done.stderr)
                line, = self.ours(done.stderr)
                self.assertRegex(line, f'^{own}{said}$')
                done = self.launch_command(bad + [':'] + good)
                self.assertEqual(done.returncode, 2, done.stderr)
                line, = self.ours(done.stderr)
                # Rank 0 has said its error itself; what is none is said by the one that waits for it.
                self.assertRegex(line, rf"^{own}rank 0 \(host \S+, pid \d+\): {said}$" if 'list' in bad else f'^ringfold: {said}$')

    def test_drill_that_rehearses_nothing(self):
        self.write('long.yaml', LONG.replace('RANKS', '2'))
        done = self.launch(2, 'run', 'long.yaml', drill='rank=2 at=merge do=exit')
        self.assertEqual(done.returncode, 2)
        self.assertEqual(self.ours(done.stderr), ['ringfold: RINGFOLD_DRILL: there is no rank 2 among 2'])

    def test_drill_whose_place_is_never_reached(self):
        self.write('long.yaml', LONG.replace('RANKS', '2'))
        # naive_ring folds into one state and merges none; three cases are written, of five forwards each.
        for place, said in (('merge', 'merge 0 times, not 1; but to launch 1, rendezvous 1, warm-up 3, exchange 15, '),
                            ('write:4', 'write 3 times, not 4; but to launch 1, rendezvous 1, warm-up 3, exchange 15, ')):
            done = self.launch(2, 'run', 'long.yaml', drill=f'rank=1 at={place} do=exit')
            self.assertEqual(done.returncode, 0, done.stderr)
            told = [line for line in self.ours(done.stderr) if 'RINGFOLD_DRILL' in line]
            self.assertEqual(len(told), 1, done.stderr)
            self.assertIn(f'ringfold: RINGFOLD_DRILL: nothing was rehearsed: rank 1 came to {said}', told[0])
        done = self.launch(2, 'run', 'long.yaml', 'cluster.sp=3', drill='rank=1 at=merge do=exit')
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn('rank 1 came to merge 0 times, not 1; but to launch 1, rendezvous 1\n', done.stderr)
        alone = self.ringfold('run', 'long.yaml', 'transport=in_process', 'inputs.seed=1',
                              env={**os.environ, 'RINGFOLD_DRILL': 'rank=1 at=exchange do=exit'})
        self.assertIn('rank 1 came to exchange 0 times, not 1; but to warm-up 1\n', alone.stderr)

    def test_interrupted(self):
        self.write('long.yaml', LONG.replace('RANKS', '2'))
        with subprocess.Popen(MPIRUN + ['-n', '2', PROGRAM, 'run', 'long.yaml', 'measure.repeats=1000', '--out', 'out'],
                              cwd=self.folder, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as launcher:
            end = time.monotonic() + 60
            while not (self.folder / 'out').exists() and time.monotonic() < end:
                time.sleep(0.05)
            time.sleep(0.5)
            launcher.send_signal(signal.SIGINT)
            text = launcher.stderr.read()
        self.assertRegex(text, r'(?m)^ringfold: .*interrupted; go on with: mpirun -n 2 \./dev run long\.yaml .*--resume --out out')
        self.assertNotIn('has died', text)


if __name__ == '__main__':
    main_with_ranks()
