"""Ranks that are processes of mpirun, and what is left of them."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

from harness import PATIENCE, PROGRAM, ProgramTest, main

MPIRUN = ['mpirun', '--allow-run-as-root', '--oversubscribe']
os.environ.setdefault('OMPI_MCA_plm_rsh_agent', '/bin/true')  # looked for even where all ranks are here


def state_of(pid):
    """Its letter in /proc; '' if there is no such process."""
    try:
        return pathlib.Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()[0]
    except OSError:
        return ''


def is_running(pid):
    return state_of(pid) not in ('', 'Z', 'X')


class RanksTest(ProgramTest):
    def launch(self, ranks, *arguments, drill='', env=None):
        return self.launch_command(['-n', str(ranks), PROGRAM, *arguments], drill, env)

    def launch_command(self, command, drill='', env=None):
        return subprocess.run(MPIRUN + command, cwd=self.folder, timeout=PATIENCE, text=True,
                              env=self.environment(drill, env), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def environment(self, drill='', more=None):
        return {**os.environ, 'TERM': 'dumb', **({'RINGFOLD_DRILL': drill} if drill else {}), **(more or {})}

    def ours(self, text):
        """The program's own lines: what the launcher says of it left out."""
        return [line for line in text.splitlines() if re.match(r'ringfold: |\w+\.yaml', line)]


def reason_to_skip():
    if shutil.which('mpirun') is None:
        return 'no mpirun'
    listed = subprocess.run([PROGRAM, 'list', 'transports'], text=True, stdout=subprocess.PIPE, check=True).stdout
    return '' if re.search(r'(?m)^ucx\n.*\n +available', listed) else 'ucx is unavailable'


def main_with_ranks():
    reason = reason_to_skip()
    if reason:
        print('skipped:', reason)
        sys.exit(77)
    main()
