"""Rounds: prefill, extend and decode in one experiment, as a user runs it."""

import json

from harness import ProgramTest, floats, main

SERVING = """
name: serving
problem:
  rounds: [{query: [40, 9]}, {query: [20, 0]}, {query: [1, 3], repeat: 2}]
  heads: {query: 4, kv: 2, dim: 16}
cluster: {sp: 3}
strategies: [balanced_ring, {split_kv: {combine: tree}}]
measure: {warmup: 1, repeats: 2}
"""
QUERIES = [[40, 9], [20, 0], [1, 3], [1, 3]]


class Rounds(ProgramTest):
    def setUp(self):
        super().setUp()
        self.write('serving.yaml', SERVING)

    def test_a_row_a_round(self):
        done = self.ringfold('run', 'serving.yaml', '--out', 'out')
        self.assertIn('8 passed', done.stdout)
        rows = self.rows('out')
        for row in rows:
            self.assertEqual(row['id'][16:], f'-r{row["round"]}')
            cached = [sum(query[s] for query in QUERIES[:row['round']]) for s in range(2)]
            self.assertEqual(row['case']['problem']['sequences'],
                             [{'query': q, 'cached': c} for q, c in zip(QUERIES[row['round']], cached)])
        self.assertEqual(sorted((row['round'], row['strategy']) for row in rows),
                         [(r, s) for r in range(4) for s in ('balanced_ring', 'split_kv')])
        self.assertEqual(len({row['id'][:16] for row in rows}), 2)

    def test_rounds_give_what_one_forward_gives_and_read_its_inputs(self):
        whole = ['problem.sequences=[{query: 62}, {query: 15}]', 'strategies=[naive_ring]', 'problem.rounds=1']
        self.ringfold('run', 'serving.yaml', *whole, '--out', 'whole', '--save-outputs', '--save-inputs', code=0)
        single = self.rows('whole')[0]['id']
        expected = floats(self.tensors(f'whole/{single}.safetensors')['out'][2])
        file = f'inputs={{file: whole/{single}.inputs.safetensors}}'
        for more in ([], ['problem.kv.page_size=7'], ['transport=in_process', 'problem.placement=zigzag']):
            folder = f'rounds{len(more)}{more[-1][:9] if more else ""}'
            self.ringfold('run', 'serving.yaml', file, *more, '--out', folder, '--save-outputs')
            for row in self.rows(folder):
                got = floats(self.tensors(f'{folder}/{row["id"]}.safetensors')['out'][2])
                at = 0
                for s, queries in enumerate(QUERIES[row['round']]):
                    first = (0, 62)[s] + sum(query[s] for query in QUERIES[:row['round']])
                    count = queries * 4 * 16
                    for a, b in zip(got[at:at + count], expected[first * 64:first * 64 + count], strict=True):
                        self.assertAlmostEqual(a, b, delta=1e-5)
                    at += count
                self.assertEqual(at, len(got))

    def test_rounds_with_a_strategy_of_their_own(self):
        decode = 'problem.rounds.2.strategy={split_kv: {combine: gather}}'
        done = self.ringfold('run', 'serving.yaml', decode, 'strategies=[balanced_ring, naive_ring]', '--out', 'out')
        for prefill in ('balanced_ring', 'naive_ring'):
            self.assertIn(f'split_kv combine=gather after {prefill} ', done.stdout)
        rows = self.rows('out')
        self.assertEqual(sorted((row['round'], row['strategy']) for row in rows),
                         [(r, s) for r in (0, 1) for s in ('balanced_ring', 'naive_ring')] +
                         [(r, 'split_kv') for r in (2, 3) for _ in range(2)])
        for row in rows[4:]:
            self.assertEqual((row['status'], row['options']), ('passed', {'combine': 'gather'}))
        # A row's case makes the same rows again.
        case = {'name': 'again', **rows[-1]['case']}
        case['problem'].pop('sequences')
        self.write('again.yaml', json.dumps(case))
        self.ringfold('run', 'again.yaml', '--out', 'again')
        self.assertIn(rows[-1]['id'], [row['id'] for row in self.rows('again')])

    def test_resume_goes_on_with_the_rounds_that_are_missing(self):
        self.ringfold('run', 'serving.yaml', '--out', 'out')
        path = self.folder / 'out/results.jsonl'
        lines = path.read_text().splitlines(keepends=True)
        path.write_text(''.join(lines[:3]))
        self.ringfold('run', 'serving.yaml', '--out', 'out', '--resume')
        self.assertEqual({row['id'] for row in self.rows('out')}, {row['id'] for row in map(json.loads, lines)})

    def test_other_commands_know_rounds(self):
        self.assertIn('proved', self.ringfold('plan', 'serving.yaml').stdout)
        self.ringfold('check', 'serving.yaml')
        self.ringfold('run', 'serving.yaml', '--out', 'out')
        self.ringfold('run', 'serving.yaml', '--out', 'again')
        self.assertIn('8', self.ringfold('compare', 'out', 'again').stdout)
        self.ringfold('report', 'out', '-o', 'report.html')

    def test_more_rounds_than_memory_holds_are_named_before_the_run(self):
        done = self.ringfold('run', 'serving.yaml', 'problem.rounds=[{query: [4, 4]}, {query: [1G, 0]}]', '--out', 'out',
                             code=4)
        self.assertIn('problem.rounds: K and V of all rounds take', done.stdout)
        self.assertEqual({row['status'] for row in self.rows('out')}, {'skipped'})

    def test_a_layer_keeps_what_is_cached_of_a_sequence_that_pauses(self):
        for strategy in ('naive_ring', 'balanced_ring', 'all_gather', 'window_halo'):
            self.ringfold('run', 'serving.yaml', 'problem.rounds=[{query: [1, 1]}, {query: [0, 1]}, {query: [1, 1]}]',
                          'problem.layer={hidden: 24}', f'strategies=[{strategy}]', '--out', strategy)

    def test_a_layer_that_recomputes_is_refused_with_one_reason(self):
        reason = 'problem.rounds: with problem.layer.source: recompute no K and V are kept from round to round'
        for placement in ('native', 'heads'):
            case = ['serving.yaml', 'problem.layer={hidden: 24, source: recompute}', f'problem.placement={placement}']
            self.assertIn(f'8 can be neither planned nor run: {reason}', self.ringfold('check', *case).stdout)
            document = json.loads(self.ringfold('plan', *case, '--json', code=4).stdout)
            self.assertEqual({planned['reason'] for planned in document['cases']}, {reason})
            self.ringfold('run', *case, '--out', placement, code=4)
            self.assertEqual({(row['status'], row['reason']) for row in self.rows(placement)}, {('skipped', reason)})
        # Nor does a plan that exchanges weigh what cannot be.
        document = json.loads(self.ringfold('plan', 'serving.yaml', 'problem.layer={hidden: 24}', '--json').stdout)
        self.assertEqual({tuple(planned['sources']) for planned in document['cases']}, {('exchange',)})


if __name__ == '__main__':
    main()
