"""A rank of mpirun is lost at a named place: who is named by whom, what is left, and that --resume goes on."""

import json
import shutil
import socket
import subprocess
import time

from harness import PATIENCE, PROGRAM
from ranks import MPIRUN, RanksTest, is_running, state_of

# Every rank of split_kv has one merge a forward; a case has five forwards, of two exchanges each. Ranks 0 and 1 measure
# their link in the first case, in 3 to 9 transfers. What is sent is large enough to be fetched by whoever receives it.
EXPERIMENT = """
name: losses
problem:
  sequences: [{query: 512}]
  heads: {query: 8, kv: 8, dim: 16}
cluster: {sp: RANKS}
strategies: [split_kv]
transport: ucx
measure: {warmup: 1, repeats: 3, deadline_seconds: DEADLINE}
sweep:
  inputs.seed: [1, 2, 3]
"""
DEADLINE = 2
TOLD = 5  # seconds in which a death is told, and after which nobody is left, at most
TOLD_AFTER_DEADLINE = 2

# Tells the rank's pid, and becomes it.
AS_RANK = 'echo $$ > pid.$PMIX_RANK; exec "$0" "$@"'
# Tells its exit code, too; a launcher that takes its time lets it.
AS_PARENT = f"trap : TERM; sh -c '{AS_RANK}' \"$0\" \"$@\"; code=$?; echo $code > code.$PMIX_RANK; exit $code"


# Open MPI's mpirun sleeps between asking ranks to end and killing them, and whoever ends cuts that short by up to a
# second: so by default the second survivor's end is that of all the rest, whatever they were about to return.
PATIENT = ['--mca', 'odls_base_sigkill_timeout', '8']


class LossesTest(RanksTest):
    def write_experiment(self, ranks, deadline=DEADLINE):
        self.write('losses.yaml', EXPERIMENT.replace('RANKS', str(ranks)).replace('DEADLINE', str(deadline)))

    def numbers(self, what):
        """rank -> the number in the file WHAT.RANK."""
        return {int(path.suffix[1:]): int(text) for path in self.folder.glob(f'{what}.*') if (text := path.read_text())}

    def start(self, ranks, script, *options, drill=''):
        for what in ('pid', 'code'):
            for path in self.folder.glob(f'{what}.*'):
                path.unlink()
        shutil.rmtree(self.folder / 'out', ignore_errors=True)
        with open(self.folder / 'stderr', 'w') as stderr:
            return subprocess.Popen(
                [*MPIRUN, *options, '-n', str(ranks), 'sh', '-c', script, PROGRAM, 'run', 'losses.yaml', '--out', 'out'],
                cwd=self.folder, env=self.environment(drill), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=stderr)

    def running(self):
        return [pid for pid in self.numbers('pid').values() if is_running(pid)]

    def run_drill(self, ranks, victim, place, deed, script=AS_RANK, options=()):
        """What the launcher returned, and for how many seconds any rank lived on once one was lost."""
        lost = None
        patience = time.monotonic() + PATIENCE
        with self.start(ranks, script, *options, drill=f'rank={victim} at={place} do={deed}') as launcher:
            while (launcher.poll() is None or self.running()) and time.monotonic() < patience:
                pid = self.numbers('pid').get(victim)
                if lost is None and pid and state_of(pid) in ('', 'Z', 'X', 'T'):
                    lost = time.monotonic()
                time.sleep(0.02)
        self.assertEqual(self.running(), [])
        self.assertEqual(len(self.numbers('pid')), ranks)
        self.text = (self.folder / 'stderr').read_text()
        return launcher.returncode, time.monotonic() - (lost or 0)

    def name_of(self, rank):
        return f'rank {rank} (host {socket.gethostname()}, pid {self.numbers("pid")[rank]})'

    def lose(self, ranks, victim, place, deed):
        self.write_experiment(ranks)
        code, said = {'SIGSTOP': (6, 'gives no sign of life'), 'loop': (6, 'shows no progress')}.get(deed, (7, 'has died'))
        returned, seconds = self.run_drill(ranks, victim, place, deed)
        if code == 6:
            self.assertEqual(returned, 6)
        self.assertNotEqual(returned, 0)
        if deed != 'loop':  # of which nothing tells when it begins
            self.assertLess(seconds, TOLD + (TOLD if code == 7 else DEADLINE + TOLD_AFTER_DEADLINE))
        verdict = f'{self.name_of(victim)} {said}'
        self.check_words(ranks, victim, place, verdict)
        self.check_rows(victim, place, code, verdict)
        self.check_resume(ranks)

    def check_words(self, ranks, victim, place, verdict):
        lines = self.ours(self.text)
        self.assertNotIn('RINGFOLD_DRILL', self.text)
        self.assertNotIn('interrupted', '\n'.join(lines))
        survivors = set(range(ranks)) - {victim}
        if place == 'rendezvous':
            # Rank 0, if it does not know yet who it is, speaks for all; only those that have met are known to wait.
            lines = [line for line in lines if verdict in line]
            names = [line.removeprefix('ringfold: ').partition(verdict)[0] for line in lines]
            allowed = [{'', f'{self.name_of(0)}: '} if rank == 0 else {f'{self.name_of(rank)}: '} for rank in survivors]
            self.assertTrue(len(names) == len(allowed) and all(one & set(names) for one in allowed), self.text)
            self.assertRegex(lines[0], r'; rank 0 (\(host \S+, pid \d+\) )?waits for ')
            return
        for rank in survivors:
            line = next((line for line in lines if line.startswith(f'ringfold: {self.name_of(rank)}: {verdict}')), '')
            self.assertTrue(line, f'nothing of rank {rank} that {verdict}:\n{self.text}')
            # Without rank 0, the hub, each knows of itself only.
            for other in {rank} if victim == 0 else survivors:
                self.assertRegex(line, rf'; rank {other}((, operation \d+ \(exchange\))? waits for rank \d+ | is in operation \d+ \()')

    def check_rows(self, victim, place, code, verdict):
        if place == 'rendezvous':
            self.assertFalse((self.folder / 'out').exists())
            return
        rows = self.rows('out')
        exits = [row['exit'] for row in rows[:2]]
        if victim == 0:  # who was stopped goes on to write, until the launcher ends it
            self.assertIn(exits, [[0], [0, 6]] if code == 6 else [[0]])
        elif place.startswith('write:'):  # between cases
            self.assertEqual(exits, [0] * int(place.removeprefix('write:')))
        else:
            self.assertEqual(exits, [0, code])
            self.assertTrue(rows[1]['reason'].startswith(verdict), rows[1]['reason'])

    def check_resume(self, ranks):
        results = self.folder / 'out/results.jsonl'
        before = results.read_text().splitlines() if results.exists() else []
        before = [line for line in before if json.loads(line)['exit'] == 0]
        done = self.launch(ranks, 'run', 'losses.yaml', '--out', 'out', '--resume')
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([row['exit'] for row in self.rows('out')], [0, 0, 0])
        self.assertEqual(results.read_text().splitlines()[:len(before)], before)

    def lose_each(self, losses):
        for loss in losses:
            with self.subTest(loss):
                self.lose(*loss)

    def check_codes(self, losses, code):
        """Of all survivors."""
        for ranks, victim, place, deed in losses:
            with self.subTest((ranks, victim, place, deed)):
                self.write_experiment(ranks)
                self.run_drill(ranks, victim, place, deed, AS_PARENT, PATIENT)
                codes = self.numbers('code')
                codes.pop(victim, None)
                self.assertEqual(codes, {rank: code for rank in range(ranks) if rank != victim}, self.text)
