"""Ranks of mpirun that stop or hang, mpirun that dies, and what survivors of any loss return."""

import os
import signal
import time

from harness import PATIENCE
from losses import AS_PARENT, AS_RANK, TOLD, LossesTest
from ranks import main_with_ranks

STOPS = [
    (2, 0, 'warm-up:2', 'SIGSTOP'),
    (4, 3, 'transfer:18', 'SIGSTOP'),
    (8, 2, 'merge:8', 'SIGSTOP'),
    (2, 1, 'attend:8', 'loop'),
    (2, 0, 'write:1', 'SIGSTOP'),
    (4, 2, 'write:1', 'SIGSTOP'),
]


class Stops(LossesTest):
    def test_stops(self):
        self.lose_each(STOPS)

    def test_stopped_before_the_experiment_is_read(self):
        # The experiment's deadline is not known yet.
        self.write_experiment(2)
        returned, _ = self.run_drill(2, 1, 'rendezvous', 'SIGSTOP')
        self.assertEqual(returned, 6)
        self.assertRegex(self.text, r'rank 1 \(host \S+, pid \d+\) gives no sign of life .* \(deadline 10000 ms\)')
        self.assertFalse((self.folder / 'out').exists())

    def test_survivors_return_what_was_lost(self):
        self.check_codes([(8, 3, 'transfer:18', 'SIGKILL'), (4, 0, 'merge:8', 'SIGSEGV'), (2, 1, 'write:2', 'exit'),
                          (4, 0, 'launch', 'exit'), (4, 2, 'launch', 'SIGKILL')], 7)
        self.check_codes([(4, 2, 'merge:8', 'SIGSTOP')], 6)

    def test_dead_launcher_leaves_nobody_and_all_rows(self):
        # Started by the launcher, or by its script; one rank stands still, so that all are there.
        for ranks, script in ((2, AS_RANK), (4, AS_PARENT), (8, AS_RANK)):
            with self.subTest(ranks=ranks, script=script):
                self.write_experiment(ranks, deadline=600)
                self.lose_launcher(ranks, script)
                row, = self.rows('out')
                self.assertEqual(row['exit'], 0)
                self.check_resume(ranks)

    def lose_launcher(self, ranks, script):
        results = self.folder / 'out/results.jsonl'
        with self.start(ranks, script, drill=f'rank={ranks - 1} at=merge:8 do=loop') as launcher:
            patience = time.monotonic() + PATIENCE
            while not (results.exists() and results.read_text().endswith('\n')) and time.monotonic() < patience:
                time.sleep(0.05)
            self.assertEqual(len(self.running()), ranks)
            launcher.send_signal(signal.SIGKILL)
        end = time.monotonic() + TOLD
        while self.running() and time.monotonic() < end:
            time.sleep(0.05)
        left = self.running()
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        self.assertEqual(left, [])


if __name__ == '__main__':
    main_with_ranks()
