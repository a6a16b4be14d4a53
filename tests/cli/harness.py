"""Drives the ringfold program as a user would. A test file is run as: FILE PROGRAM SOURCE_ROOT."""

import json
import os
import pathlib
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

    def ringfold(self, *arguments, code=0, **options):
        """Runs the program and checks its exit code; standard output and error as text."""
        options.setdefault('env', {**os.environ, 'TERM': 'dumb'})
        done = subprocess.run([PROGRAM, *map(str, arguments)], cwd=self.folder, timeout=PATIENCE, text=True,
                              stdin=subprocess.DEVNULL, stdout=options.pop('stdout', subprocess.PIPE),
                              stderr=subprocess.PIPE, **options)
        self.assertEqual(done.returncode, code, f'{arguments}\n{done.stdout}\n{done.stderr}')
        return done

    def start(self, *arguments):
        return subprocess.Popen([PROGRAM, *map(str, arguments)], cwd=self.folder, text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def rows(self, out):
        text = (self.folder / out / 'results.jsonl').read_text()
        self.assertTrue(text == '' or text.endswith('\n'), 'the last line is torn')
        return [json.loads(line) for line in text.splitlines()]

    def tensors(self, path):
        """name -> (dtype, shape, bytes) of a safetensors file."""
        data = (self.folder / path).read_bytes()
        size = struct.unpack('<Q', data[:8])[0]
        header = json.loads(data[8:8 + size])
        body = data[8 + size:]
        return {name: (entry['dtype'], entry['shape'], body[slice(*entry['data_offsets'])])
                for name, entry in header.items() if name != '__metadata__'}


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
