"""Every experiment file that is shipped is valid and runs, those that take long with smaller numbers."""

import shutil
import subprocess
import sys

from harness import SOURCE_ROOT, ProgramTest, main

# What makes each file small enough for a test.
REDUCED = {
    'quickstart': ['problem.sequences=[{query: 200}, {query: 10, cached: 40}]'],
    'strategies': ['problem.sequences.0.query=150', 'measure.repeats=1'],
    'ragged_prefix': ['problem.heads={query: 10, kv: 5, dim: 16}', 'measure.repeats=1'],
    'gqa': ['problem.sequences.0.query=150', 'measure.repeats=1'],
    'from_numpy': [],
    'gpus': ['measure.repeats=3'],
    'serving': ['problem.rounds=[{query: [150, 30]}, {query: [20, 0]}, {query: [1, 1], repeat: 2}]',
                'measure.repeats=1'],
    'windows': ['problem.sequences.0.query=150', 'measure.repeats=1'],
    'layer': ['problem.sequences=[{query: 150}]', 'problem.layer.hidden=64', 'measure.repeats=1'],
    'tp_sp': ['problem.sequences=[{query: 150}]', 'measure.repeats=1'],
}
# Skipped, with the reason, where there are none.
NEED_GPUS = {'gpus'}


class Shipped(ProgramTest):
    def setUp(self):
        super().setUp()
        shutil.copytree(SOURCE_ROOT / 'experiments', self.folder / 'experiments',
                        ignore=lambda _, names: [name for name in names if not name.endswith(('.yaml', '.py'))])

    def test_this_test_knows_them_all(self):
        names = {path.stem for path in (self.folder / 'experiments').glob('*.yaml')}
        self.assertEqual(names, set(REDUCED))

    def write_inputs(self):
        """With the script where there is a NumPy; else in its place, so that the file that reads them still runs."""
        script = self.folder / 'experiments/make_qkv.py'
        has_numpy = subprocess.run([sys.executable, '-c', 'import numpy'], stderr=subprocess.DEVNULL).returncode == 0
        if has_numpy:
            subprocess.run([sys.executable, script], check=True)
            return
        print('no NumPy here: inputs by ringfold itself in place of make_qkv.py')
        self.ringfold('run', 'experiments/from_numpy.yaml', 'inputs={generate: gauss}', 'strategies=[naive_ring]',
                      '--out', 'made', '--save-inputs')
        made = self.rows('made')[0]['id']
        shutil.copy(self.folder / f'made/{made}.inputs.safetensors', self.folder / 'experiments/qkv.safetensors')

    def test_all_run(self):
        self.write_inputs()
        for name, overrides in REDUCED.items():
            file = f'experiments/{name}.yaml'
            self.assertIn('valid', self.ringfold('check', file).stdout)
            exits = (0, 4) if name in NEED_GPUS else (0,)
            done = self.ringfold('run', file, *overrides, '--out', name, exits=exits)
            rows = self.rows(name)
            self.assertGreater(len(rows), 1)
            self.assertEqual({row['status'] for row in rows}, {'skipped' if done.returncode == 4 else 'passed'})
            if done.returncode == 4:
                self.assertEqual([row['reason'] for row in rows if not row['reason']], [])


if __name__ == '__main__':
    main()
