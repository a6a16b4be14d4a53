"""No result is torn or lost: SIGKILL, SIGINT, torn lines, --resume."""

import json
import os
import random
import signal
import time

from harness import SWEEP, ProgramTest, main

# Sanitized programs are slow, and what they would find shows at the first kill.
KILLS = int(os.environ.get('RINGFOLD_KILLS', '5' if 'RINGFOLD_SANITIZED' in os.environ else '200'))


def without_timings(rows):
    for row in rows:
        for rate in ('peak_gflops_core', 'link_gbps'):
            row['environment'].pop(rate, None)
    return [{key: value for key, value in row.items() if key != 'timing'} for row in rows]


class Resume(ProgramTest):
    def setUp(self):
        super().setUp()
        self.write('sweep.yaml', SWEEP)
        begin = time.monotonic()
        self.ringfold('run', 'sweep.yaml', '--out', 'whole')
        self.seconds = time.monotonic() - begin
        self.whole = without_timings(self.rows('whole'))

    def test_killed_at_random_moments(self):
        seed = random.randrange(2**32)
        moments = random.Random(seed)
        print(f'seed {seed}')
        killed = runs = 0
        while killed < KILLS:
            runs += 1
            # The run, and what resumes it, until one comes to its end or has been killed ten times.
            out, end = f'out{runs}', min(killed + 10, KILLS)
            process = self.start('run', 'sweep.yaml', '--out', out)
            while self.kill_within(process, moments.uniform(0, self.seconds)):
                killed += 1
                self.check_lines(out)
                if killed == end:
                    break
                process = self.start('run', 'sweep.yaml', '--out', out, '--resume')
            self.ringfold('run', 'sweep.yaml', '--out', out, '--resume')
            self.assertEqual(without_timings(self.rows(out)), self.whole)
        self.assertEqual(killed, KILLS)

    def kill_within(self, process, seconds):
        """Whether it was still there to be killed."""
        time.sleep(seconds)
        process.kill()
        process.communicate()
        self.assertIn(process.returncode, (0, -signal.SIGKILL))
        return process.returncode != 0

    def check_lines(self, out):
        """All but a torn last line are rows, each of another case."""
        file = self.folder / out / 'results.jsonl'
        lines = file.read_bytes().split(b'\n')[:-1] if file.exists() else []
        ids = [json.loads(line)['id'] for line in lines]
        self.assertEqual(ids, [row['id'] for row in self.whole[:len(ids)]])

    def test_any_torn_last_line_is_dropped(self):
        lines = (self.folder / 'whole/results.jsonl').read_bytes().splitlines(keepends=True)
        os.mkdir(self.folder / 'torn')
        for length in (1, 10, len(lines[5]) // 2, len(lines[5]) - 1):
            (self.folder / 'torn/results.jsonl').write_bytes(b''.join(lines[:5]) + lines[5][:length])
            self.ringfold('run', 'sweep.yaml', '--out', 'torn', '--resume')
            self.assertEqual(without_timings(self.rows('torn')), self.whole)
            self.assertEqual((self.folder / 'torn/results.jsonl').read_bytes().splitlines(keepends=True)[:5], lines[:5])

    def test_rows_that_may_end_otherwise_run_again(self):
        rows = self.rows('whole')
        for code in (1, 4, 5, 6, 7, 9):
            changed = [dict(row) for row in rows]
            changed[7].update(exit=code, status='failed', reason='planted')
            (self.folder / 'whole/results.jsonl').write_text(''.join(json.dumps(row) + '\n' for row in changed))
            runs_again = code in (1, 4, 6, 7)
            self.ringfold('run', 'sweep.yaml', '--out', 'whole', '--resume', code=0 if runs_again else code)
            self.assertEqual(self.rows('whole')[7]['reason'], '' if runs_again else 'planted')
            self.assertEqual(len(self.rows('whole')), len(rows))

    def test_resume_of_a_whole_run_changes_nothing(self):
        before = (self.folder / 'whole/results.jsonl').read_bytes()
        self.ringfold('run', 'sweep.yaml', '--out', 'whole', '--resume')
        self.assertEqual((self.folder / 'whole/results.jsonl').read_bytes(), before)

    def test_resume_may_start_a_folder(self):
        self.ringfold('run', 'sweep.yaml', '--out', 'new', '--resume')
        self.assertEqual(without_timings(self.rows('new')), self.whole)

    def test_a_line_that_is_no_row_is_not_overwritten(self):
        path = self.folder / 'whole/results.jsonl'
        path.write_text('my notes\n' + path.read_text())
        before = path.read_bytes()
        self.assertIn('results.jsonl:1', self.ringfold('run', 'sweep.yaml', '--out', 'whole', '--resume', code=2).stderr)
        self.assertEqual(path.read_bytes(), before)


class Interrupted(ProgramTest):
    def long_run(self, out):
        self.write('sweep.yaml', SWEEP)
        arguments = ['run', 'sweep.yaml', 'measure.repeats=50', 'problem.sequences.1.query=400']
        process = self.start(*arguments, '--out', out)
        path = self.folder / out / 'results.jsonl'
        while process.poll() is None and not (path.exists() and path.stat().st_size > 0):
            time.sleep(0.005)
        self.assertIsNone(process.poll(), 'it ended too soon for this test')
        return arguments, process

    def test_interrupted_run_says_how_to_go_on(self):
        for number, kind in enumerate((signal.SIGINT, signal.SIGTERM)):
            out = f'out {number}'
            arguments, process = self.long_run(out)
            process.send_signal(kind)
            _, errors = process.communicate(timeout=60)
            self.assertEqual(process.returncode, 130, errors)
            self.assertIn(f"--resume --out 'out {number}'", errors)
            count = len(self.rows(out))
            self.assertGreater(count, 0)
            self.assertLess(count, 18)
            self.ringfold(*arguments, '--out', out, '--resume')
            self.assertEqual(len({row['id'] for row in self.rows(out)}), 18)

    def test_interrupted_twice_it_ends_at_once_with_a_line(self):
        _, process = self.long_run('out')
        # Both come before it can do anything about the first.
        for kind in (signal.SIGSTOP, signal.SIGINT, signal.SIGTERM, signal.SIGCONT):
            process.send_signal(kind)
        _, errors = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130, errors)
        self.assertEqual([line for line in errors.splitlines() if 'ringfold: ' in line], ['ringfold: interrupted'])

    def test_two_runs_never_write_the_same_folder(self):
        arguments, process = self.long_run('out')
        process.send_signal(signal.SIGSTOP)  # it keeps its lock for as long as this test needs
        for more in ([], ['--resume']):
            self.assertIn('another run', self.ringfold(*arguments, '--out', 'out', *more, code=2).stderr)
        process.kill()
        process.communicate()


if __name__ == '__main__':
    main()
