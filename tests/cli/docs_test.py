"""Every ```sh block of the documentation runs, and every ```yaml block that is an experiment is valid.

A block that cannot run here stands after a line <!-- not run: REASON -->.
"""

import os
import re
import shutil
import subprocess

os.environ.setdefault('OMPI_MCA_plm_rsh_agent', '/bin/true')  # looked for even where all ranks are here

from harness import PATIENCE, PROGRAM, SOURCE_ROOT, ProgramTest, main

BLOCK = re.compile(r'(?P<marker><!-- not run: [^\n]+-->\n)?^```(?P<language>sh|yaml)\n(?P<text>.*?)^```$', re.M | re.S)


class Docs(ProgramTest):
    def blocks(self):
        for path in [SOURCE_ROOT / 'README.md', *sorted((SOURCE_ROOT / 'docs').glob('*.md'))]:
            text = path.read_text()
            for found in BLOCK.finditer(text):
                line = text.count('\n', 0, found.start()) + 1
                yield f'{path.name}:{line}', found['language'], found['text'], found['marker'] is not None

    def setUp(self):
        super().setUp()
        shutil.copytree(SOURCE_ROOT / 'experiments', self.folder / 'experiments')
        (self.folder / 'dev').write_text(f'#!/bin/sh\nexec "{PROGRAM}" "$@"\n')
        os.chmod(self.folder / 'dev', 0o755)

    def has_ucx_and_mpirun(self):
        listed = self.ringfold('list', 'transports').stdout
        return shutil.which('mpirun') is not None and re.search(r'(?m)^ucx\n.*\n +available', listed) is not None

    def test_blocks(self):
        ran = 0
        can_launch = self.has_ucx_and_mpirun()
        for place, language, text, is_marked in self.blocks():
            if is_marked or ('mpirun' in text and not can_launch):
                continue
            with self.subTest(place):
                if language == 'yaml':
                    if 'name:' not in text or 'strategies:' not in text:
                        continue
                    self.write('block.yaml', text)
                    self.ringfold('check', 'block.yaml')
                else:
                    done = subprocess.run(['bash', '-e', '-c', text], cwd=self.folder, stdin=subprocess.DEVNULL,
                                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=PATIENCE)
                    self.assertEqual(done.returncode, 0, done.stdout)
                ran += 1
        self.assertGreater(ran, 0)


if __name__ == '__main__':
    main()
