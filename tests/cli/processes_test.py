"""ringfold run with ranks that are processes of mpirun: same results as threads, and who died."""

import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time

from harness import PATIENCE, PROGRAM, ProgramTest, main

MPIRUN = ['mpirun', '--allow-run-as-root', '--oversubscribe']
os.environ.setdefault('OMPI_MCA_plm_rsh_agent', '/bin/true')  # looked for even where all ranks are here

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


def is_running(pid):
    try:
        return pathlib.Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()[0] not in 'ZX'
    except OSError:
        return False


class Processes(ProgramTest):
    def launch(self, ranks, *arguments, drill='', env=None):
        environment = {**(env or {}), 'RINGFOLD_DRILL': drill} if drill else env
        return self.launch_command(['-n', str(ranks), PROGRAM, *arguments], environment)

    def launch_command(self, command, env=None):
        environment = {**os.environ, 'TERM': 'dumb', **(env or {})}
        return subprocess.run(MPIRUN + command, cwd=self.folder, timeout=PATIENCE,
                              text=True, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)

    def ours(self, done):
        """The program's own lines: what the launcher says of it left out."""
        return [line for line in done.stderr.splitlines() if line.startswith(('ringfold: ', 'long.yaml', 'ugly.yaml'))]

    def assert_nobody_left(self, text):
        pids = set(re.findall(r'pid (\d+)', text))
        self.assertTrue(pids)
        end = time.monotonic() + 5
        while any(is_running(pid) for pid in pids) and time.monotonic() < end:
            time.sleep(0.05)
        self.assertEqual([pid for pid in pids if is_running(pid)], [])

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
        line, = self.ours(done)
        self.assertEqual(line, 'ringfold: cluster.sp 2 x cluster.tp 1 = 2 ranks, but the launcher started 3 processes')
        done = self.launch(2, 'run', 'long.yaml', 'transport=in_process')
        self.assertEqual(done.returncode, 3)
        line, = self.ours(done)
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
            line, = self.ours(done)
            self.assertRegex(line, said)

    def test_different_builds(self):
        self.write('long.yaml', LONG.replace('RANKS', '2'))
        other = self.folder / 'other_build'
        shutil.copy(PROGRAM, other)
        with open(other, 'ab') as program:
            program.write(b'another')
        done = self.launch_command(['-n', '1', PROGRAM, 'run', 'long.yaml', ':', '-n', '1', other, 'run', 'long.yaml'])
        self.assertEqual(done.returncode, 3, done.stderr)
        line, = self.ours(done)
        self.assertRegex(line, 'rank 1 .* has another build')

    def test_no_usable_transport(self):
        self.write('long.yaml', LONG.replace('RANKS', '2'))
        done = self.launch(2, 'run', 'long.yaml', '--out', 'out', env={'UCX_TLS': 'nonsense'})
        self.assertEqual(done.returncode, 4, done.stderr)
        for row in self.rows('out'):
            self.assertEqual((row['status'], row['exit']), ('skipped', 4))
            self.assertRegex(row['reason'], 'ucx is unavailable: .*UCX')

    def lose(self, ranks, victim, place, deed, code):
        """Loses a rank in the second case; earlier rows stay, the row and the survivors name it, --resume goes on."""
        drill = f'rank={victim} at={place} do={deed}'
        with self.subTest(ranks=ranks, drill=drill):
            shutil.rmtree(self.folder / 'out', ignore_errors=True)
            self.write('long.yaml', LONG.replace('RANKS', str(ranks)))
            done = self.launch(ranks, 'run', 'long.yaml', '--out', 'out', drill=drill)
            self.assertNotEqual(done.returncode, 0)
            name = rf'rank {victim} \(host \S+, pid \d+\)'
            verdict = {7: f'{name} has died', 6: f'{name} (gives no sign of life|shows no progress)'}[code]
            for rank in set(range(ranks)) - {victim}:
                self.assertRegex(done.stderr, rf'(?m)^ringfold: rank {rank} \(host \S+, pid \d+\): {verdict}', drill)
            self.assert_nobody_left(done.stderr)
            rows = self.rows('out')
            self.assertGreaterEqual(len(rows), 1)
            self.assertEqual((rows[0]['status'], rows[0]['exit']), ('passed', 0))
            if victim != 0:
                self.assertEqual([row['exit'] for row in rows if row['exit'] != 0][:1], [code])
                self.assertRegex(rows[-1]['reason'], verdict)
                if deed == 'SIGSTOP':
                    self.assertEqual(done.returncode, code)
            done = self.launch(ranks, 'run', 'long.yaml', '--out', 'out', '--resume')
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual([row['exit'] for row in self.rows('out')], [0, 0, 0])

    def test_killed(self):
        self.lose(4, 2, 'transfer:20', 'SIGKILL', 7)
        self.lose(2, 1, 'warm-up:2', 'SIGSEGV', 7)
        self.lose(4, 1, 'attend:15', 'exit', 7)
        self.lose(8, 5, 'transfer:50', 'SIGKILL', 7)
        self.lose(4, 0, 'transfer:30', 'SIGKILL', 7)

    def test_stopped(self):
        self.lose(4, 3, 'transfer:20', 'SIGSTOP', 6)
        self.lose(2, 1, 'attend:15', 'loop', 6)

    def test_stopped_between_cases(self):
        # Nobody has a minute for a process that gives no sign of life: the experiment's deadline holds.
        for victim in (0, 1):
            with self.subTest(victim=victim):
                out = f'out{victim}'
                self.write('long.yaml', LONG.replace('RANKS', '2'))
                done = self.launch(2, 'run', 'long.yaml', '--out', out, drill=f'rank={victim} at=write:1 do=SIGSTOP')
                self.assertEqual(done.returncode, 6, done.stderr)
                name = r'rank {} \(host \S+, pid \d+\)'
                self.assertRegex(done.stderr, rf'(?m)^ringfold: {name.format(1 - victim)}: {name.format(victim)} gives no '
                                 rf'sign of life .* \(deadline 2000 ms\); rank {1 - victim} waits for rank {victim} in ')
                self.assert_nobody_left(done.stderr)
                self.assertEqual([row['exit'] for row in self.rows(out)], [0])
                done = self.launch(2, 'run', 'long.yaml', '--out', out, '--resume')
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual([row['exit'] for row in self.rows(out)], [0, 0, 0])

    def test_stopped_before_the_experiment_is_read(self):
        self.write('long.yaml', LONG.replace('RANKS', '2'))
        done = self.launch(2, 'run', 'long.yaml', drill='rank=1 at=rendezvous do=SIGSTOP')
        self.assertEqual(done.returncode, 6, done.stderr)
        self.assertRegex(done.stderr, r'rank 1 \(host \S+, pid \d+\) gives no sign of life .* \(deadline 10000 ms\)')
        self.assert_nobody_left(done.stderr)

    def test_lost_while_rank_0_writes(self):
        self.write('long.yaml', LONG.replace('RANKS', '2'))
        done = self.launch(2, 'run', 'long.yaml', '--out', 'out', drill='rank=1 at=write:2 do=SIGKILL')
        self.assertNotEqual(done.returncode, 0)
        self.assertRegex(done.stderr, r'(?m)^ringfold: rank 0 .*: rank 1 \(host \S+, pid \d+\) has died')
        self.assertEqual([row['exit'] for row in self.rows('out')][:2], [0, 0])
        done = self.launch(2, 'run', 'long.yaml', '--out', 'out', '--resume')
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([row['exit'] for row in self.rows('out')], [0, 0, 0])

    def test_each_survivor_exits_as_the_loss(self):
        self.write('long.yaml', LONG.replace('RANKS', '4'))
        for victim, place, deed, code in ((0, 'transfer:20', 'SIGKILL', '7'), (2, 'transfer:20', 'exit', '7'),
                                          (0, 'launch', 'exit', '7'), (2, 'launch', 'SIGKILL', '7')):
            with self.subTest(victim=victim, place=place, deed=deed):
                shutil.rmtree(self.folder / 'out', ignore_errors=True)
                script = f'trap : TERM; "{PROGRAM}" run long.yaml --out out; code=$?; echo $code > code.$PMIX_RANK; exit $code'
                subprocess.run(MPIRUN + ['--mca', 'odls_base_sigkill_timeout', '5', '-n', '4', 'sh', '-c', script], cwd=self.folder, timeout=60,
                               env={**os.environ, 'RINGFOLD_DRILL': f'rank={victim} at={place} do={deed}'},
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                # The launcher may end a shell before it has written its code.
                codes = {path.read_text().strip() for rank in set(range(4)) - {victim}
                         if (path := self.folder / f'code.{rank}').exists()}
                self.assertEqual(codes, {code})
                for path in self.folder.glob('code.*'):
                    path.unlink()

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

    def test_dead_launcher_leaves_nobody(self):
        self.write('long.yaml', LONG.replace('RANKS', '4'))
        command = [PROGRAM, 'run', 'long.yaml', 'measure.repeats=1000', '--out']
        for out, started in (('direct', command + ['direct']), ('script', ['sh', '-c', shlex.join(command + ['script']) + '; :'])):
            with self.subTest(out):
                self.lose_launcher(out, started)

    def lose_launcher(self, out, started):
        with subprocess.Popen(MPIRUN + ['-n', '4', *started], cwd=self.folder, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as launcher:
            end = time.monotonic() + 60
            while not (self.folder / out).exists() and time.monotonic() < end:
                time.sleep(0.05)
            ours = self.programs_that_write(out)
            self.assertEqual(len(ours), 4)
            launcher.send_signal(signal.SIGKILL)
            end = time.monotonic() + 5
            while any(is_running(pid) for pid in ours) and time.monotonic() < end:
                time.sleep(0.05)
            self.assertEqual([pid for pid in ours if is_running(pid)], [])

    def programs_that_write(self, out):
        ours = []
        for process in pathlib.Path('/proc').glob('[0-9]*'):
            try:
                words = (process / 'cmdline').read_bytes().split(b'\0')
                if words[0] == PROGRAM.encode() and out.encode() in words and (process / 'cwd').samefile(self.folder):
                    ours.append(process.name)
            except OSError:
                continue
        return ours

    def test_one_process_speaks_for_all(self):
        for arguments, code in ((['list', 'strategies'], 0), (['--version'], 0), (['run', '--bogus'], 2),
                                (['plan', 'long.yaml'], 3)):
            with self.subTest(' '.join(arguments)):
                alone = self.ringfold(*arguments, code=code)
                done = self.launch(3, *arguments, env={'TERM': 'xterm'})
                self.assertEqual(done.returncode, code)
                self.assertEqual(done.stdout, alone.stdout)
                self.assertEqual(self.ours(done), alone.stderr.splitlines())

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
                line, = self.ours(done)
                self.assertRegex(line, f'^{own}{said}$')
                done = self.launch_command(bad + [':'] + good)
                self.assertEqual(done.returncode, 2, done.stderr)
                line, = self.ours(done)
                # Rank 0 has said its error itself; what is none is said by the one that waits for it.
                self.assertRegex(line, rf"^{own}rank 0 \(host \S+, pid \d+\): {said}$" if 'list' in bad else f'^ringfold: {said}$')

    def test_drill_that_rehearses_nothing(self):
        self.write('long.yaml', LONG.replace('RANKS', '2'))
        done = self.launch(2, 'run', 'long.yaml', drill='rank=2 at=merge do=exit')
        self.assertEqual(done.returncode, 2)
        self.assertEqual(self.ours(done), ['ringfold: RINGFOLD_DRILL: there is no rank 2 among 2'])

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


def reason_to_skip():
    if shutil.which('mpirun') is None:
        return 'no mpirun'
    listed = subprocess.run([PROGRAM, 'list', 'transports'], text=True, stdout=subprocess.PIPE, check=True).stdout
    return '' if re.search(r'(?m)^ucx\n.*\n +available', listed) else 'ucx is unavailable'


if __name__ == '__main__':
    reason = reason_to_skip()
    if reason:
        print('skipped:', reason)
        sys.exit(77)
    main()
