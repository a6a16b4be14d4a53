"""Drives the ringfold program as a user would. A test file is run as: FILE PROGRAM SOURCE_ROOT."""

import json
import os
import pathlib
import pty
import struct
import subprocess
import sys
import tempfile
import unittest

PROGRAM = os.path.abspath(sys.argv[1])
SOURCE_ROOT = pathlib.Path(sys.argv[2]).resolve()
PATIENCE = 600  # far above anything: only a hang takes as long

SMALL = """
name: small
problem:
  sequences: [{query: 33}, {query: 5, cached: 12}]
  heads: {query: 4, kv: 2, dim: 16}
cluster: {sp: 3}
strategies: [naive_ring, balanced_ring, {all_gather: {layout: zigzag}}]
kernel: cpu_reference
measure: {warmup: 1, repeats: 2}
"""

SWEEP = SMALL + """
sweep:
  cluster.sp: [1, 2, 3]
  problem.sequences.0.query: [1, 17]
"""


class ProgramTest(unittest.TestCase):
    """Each test has an empty folder of its own, which is the program's current directory."""

    maxDiff = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix='ringfold-')
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def write(self, name, text):
        (self.folder / name).write_text(text)
        return name

    def ringfold(self, *arguments, code=0, exits=None, **options):
        """Runs the program and checks its exit code, one of `exits` if given; standard output and error as text."""
        options.setdefault('env', {**os.environ, 'TERM': 'dumb'})
        done = subprocess.run([PROGRAM, *map(str, arguments)], cwd=self.folder, timeout=PATIENCE, text=True,
                              stdin=subprocess.DEVNULL, stdout=options.pop('stdout', subprocess.PIPE),
                              stderr=subprocess.PIPE, **options)
        self.assertIn(done.returncode, exits or (code,), f'{arguments}\n{done.stdout}\n{done.stderr}')
        return done

    def on_terminal(self, *arguments, **variables):
        """Runs the program on a terminal of its own; its exit code and all that it shows."""
        leader, follower = pty.openpty()
        env = {key: value for key, value in os.environ.items() if key != 'NO_COLOR'}
        process = subprocess.Popen([PROGRAM, *arguments], cwd=self.folder, stdin=follower, stdout=follower,
                                   stderr=follower, env={**env, 'TERM': 'xterm', **variables})
        os.close(follower)
        text = b''
        while True:
            try:
                piece = os.read(leader, 65536)
            except OSError:
                break
            if not piece:
                break
            text += piece
        os.close(leader)
        return process.wait(timeout=PATIENCE), text.decode()

    def start(self, *arguments):
        return subprocess.Popen([PROGRAM, *map(str, arguments)], cwd=self.folder, text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def rows(self, out):
        text = (self.folder / out / 'results.jsonl').read_text()
        self.assertTrue(text == '' or text.endswith('\n'), 'the last line is torn')
        return [json.loads(line) for line in text.splitlines()]

    def assert_trace_agrees(self, rows, trace):
        """A row and its trace tell the same of the same forward, to within 1 %."""
        of_trace = breakdown_of_trace(trace)
        self.assertEqual(set(of_trace), {row['id'] for row in rows})
        for row in rows:
            breakdown = row['timing']['breakdown']
            for name, values in of_trace[row['id']].items():
                for mine, theirs in zip(breakdown[name], values, strict=True):
                    self.assertAlmostEqual(mine, theirs, delta=0.01 * theirs + 1e-4, msg=f'{row["strategy"]} {name}')

    def tensors(self, path):
        """name -> (dtype, shape, bytes) of a safetensors file."""
        data = (self.folder / path).read_bytes()
        size = struct.unpack('<Q', data[:8])[0]
        header = json.loads(data[8:8 + size])
        body = data[8 + size:]
        return {name: (entry['dtype'], entry['shape'], body[slice(*entry['data_offsets'])])
                for name, entry in header.items() if name != '__metadata__'}


def breakdown_of_trace(trace):
    """case id -> what timing.breakdown says, from the events of a timeline alone: {figure: [rank]}."""
    ids = {event['pid']: event['args']['id'] for event in trace['traceEvents']
           if event['ph'] == 'M' and event['name'] == 'process_name'}
    spans = {}  # (pid, rank) -> kind -> [(begin, end)], in ms
    for event in trace['traceEvents']:
        if event['ph'] == 'X' and event['name'] != 'wait':
            rank, is_exchange = divmod(event['tid'], 2)
            kind = 'exchange' if is_exchange else 'merge' if event['name'] == 'merge' else 'compute'
            span = (event['ts'] / 1e3, (event['ts'] + event['dur']) / 1e3)
            spans.setdefault((event['pid'], rank), {}).setdefault(kind, []).append(span)

    def length(intervals):
        return sum(end - begin for begin, end in intervals)

    out = {}
    for pid, case in ids.items():
        figures = {name: [] for name in ('compute_ms', 'merge_ms', 'communicate_ms', 'exposed_ms')}
        for rank in range(1 + max(rank for other, rank in spans if other == pid)):
            mine = spans[pid, rank]
            busy = mine.get('compute', []) + mine.get('merge', [])
            exchanges = mine.get('exchange', [])
            hidden = sum(max(0, min(a[1], b[1]) - max(a[0], b[0])) for a in exchanges for b in busy)
            figures['compute_ms'].append(length(mine.get('compute', [])))
            figures['merge_ms'].append(length(mine.get('merge', [])))
            figures['communicate_ms'].append(length(exchanges))
            figures['exposed_ms'].append(length(exchanges) - hidden)
        out[case] = figures
    return out


def floats(data):
    return struct.unpack(f'<{len(data) // 4}f', data)


def main():
    program = unittest.main(argv=[sys.argv[0]] + sys.argv[3:], exit=False, verbosity=1)
    result = program.result
    if result.wasSuccessful():
        print(f'All tests passed ({result.testsRun} assertions in {result.testsRun} test cases)')
    else:
        bad = len(result.failures) + len(result.errors)
        print(f'test cases: {result.testsRun} | {result.testsRun - bad} passed | {bad} failed')
    sys.exit(not result.wasSuccessful())
