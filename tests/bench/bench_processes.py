#!/usr/bin/env python3
"""The strategy comparison with ranks that are processes next to ranks that are threads, over the same transport.

bench_processes.py RINGFOLD SOURCE_ROOT [ROUNDS]

Runs take turns, so that whatever else the machine does meets all of them. Prints the median over rounds of each run's
median forward, and its least and greatest. Prints a table; asserts nothing.
"""

import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

WAYS = {
    'in_process threads': ([], 'in_process'),
    'ucx threads': ([], 'ucx'),
    'ucx processes': (['mpirun', '--allow-run-as-root', '--oversubscribe', '-n', '4'], 'ucx'),
}


def run(program, experiment, folder, way):
    launcher, transport = WAYS[way]
    done = subprocess.run(launcher + [program, 'run', experiment, 'cluster.sp=4', f'transport={transport}', '--out', folder],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        sys.exit(f'{way}: exit {done.returncode}\n{done.stdout}')
    rows = [json.loads(line) for line in (pathlib.Path(folder) / 'results.jsonl').read_text().splitlines()]
    shutil.rmtree(folder)
    for row in rows:
        options = ' '.join(f'{key}={value}' for key, value in row['options'].items())
        tokens = sum(sequence['query'] for sequence in row['case']['problem']['sequences'])
        yield (row['strategy'] + ' ' + options, tokens), row['timing']['median_ms']


def main():
    program, root = sys.argv[1], pathlib.Path(sys.argv[2])
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 5
    if not shutil.which('mpirun'):
        sys.exit('no mpirun')
    times = {}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            for way in WAYS:
                for key, ms in run(program, str(root / 'experiments/strategies.yaml'), folder + '/out', way):
                    times.setdefault(key, {}).setdefault(way, []).append(ms)
    print(f'experiments/strategies.yaml, 4 ranks on {len(os.sched_getaffinity(0))} cores; '
          f'ms: median (least - greatest) of {rounds} runs')
    print(f'{"strategy":<34} {"tokens":>7}' + ''.join(f' {way:>26}' for way in WAYS))
    for (strategy, tokens), ways in times.items():
        cells = [f'{statistics.median(ms):.3g} ({min(ms):.3g} - {max(ms):.3g})' for ms in (ways[way] for way in WAYS)]
        print(f'{strategy:<34} {tokens:>7}' + ''.join(f' {cell:>26}' for cell in cells))


if __name__ == '__main__':
    main()
