"""Commands that say what there is: --help, --version, list, doctor, check; completion."""

import json
import subprocess

from harness import SMALL, SOURCE_ROOT, ProgramTest, main


class Machine(ProgramTest):
    def test_help_fits_a_terminal(self):
        for arguments in (['--help'], ['run', '--help'], ['plan', '--help'], ['check', '--help'], ['list', '--help'],
                          ['doctor', '--help'], ['compare', '--help'], ['show', '--help'], ['export', '--help']):
            text = self.ringfold(*arguments).stdout
            self.assertLessEqual(max(map(len, text.splitlines())), 80)
            self.assertIn('ringfold', text)

    def test_help_names_every_command(self):
        text = self.ringfold('--help').stdout
        for command in ('run', 'plan', 'check', 'list', 'compare', 'show', 'export', 'doctor', '--version'):
            self.assertIn(f'\n  {command}', text)

    def test_version(self):
        self.assertRegex(self.ringfold('--version').stdout, r'^ringfold \d+\.\d+\.\d+ \([0-9a-z-]+\)\n$')

    def test_list(self):
        strategies = self.ringfold('list', 'strategies').stdout
        for word in ('naive_ring', 'balanced_ring', 'all_gather', 'layout: contiguous | zigzag'):
            self.assertIn(word, strategies)
        self.assertIn('in_process', self.ringfold('list', 'transports').stdout)
        kernels = self.ringfold('list', 'kernels').stdout
        self.assertIn('cpu_reference', kernels)
        self.assertIn('cpu_fast', kernels)

    def test_doctor(self):
        text = self.ringfold('doctor').stdout
        for word in ('processor', 'cores', 'memory', 'compiler', 'cpu_fast', 'cpu_reference', 'in_process', 'GB/s',
                     'cudnn', 'nccl'):
            self.assertIn(word, text)

    def test_check(self):
        self.write('small.yaml', SMALL)
        self.assertEqual(self.ringfold('check', 'small.yaml').stdout, 'small.yaml: valid, 3 cases\n')
        self.assertEqual(self.ringfold('check', 'small.yaml', 'kernel=cudnn').stdout, 'small.yaml: valid, 3 cases\n')
        self.assertEqual(self.ringfold('check', 'small.yaml', 'strategies=[naive_ring, ulysses]').stdout,
                         'small.yaml: valid, 2 cases\n'
                         "  1 can be neither planned nor run: strategy 'ulysses' is not built yet\n")
        self.write('bad.yaml', SMALL + 'nonsense: 1\n')
        self.assertIn('bad.yaml:10:1: error: ', self.ringfold('check', 'bad.yaml', code=3).stderr)

    def test_schema(self):
        schema = json.loads(self.ringfold('check', '--schema').stdout)
        self.assertIn('strategies', schema['properties'])

    def test_completion(self):
        script = ('source "$0"; COMP_WORDS=(ringfold p); COMP_CWORD=1; _ringfold; echo "${COMPREPLY[@]}"; '
                  'COMP_WORDS=(ringfold run --r); COMP_CWORD=2; _ringfold; echo "${COMPREPLY[@]}"')
        done = subprocess.run(['bash', '-c', script, SOURCE_ROOT / 'experiments/completion.bash'], text=True,
                              stdout=subprocess.PIPE, check=True)
        self.assertEqual(done.stdout.splitlines(), ['plan', '--resume'])


if __name__ == '__main__':
    main()
