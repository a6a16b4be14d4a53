"""ringfold plan: verdicts, tables, diagrams, JSON."""

import json
import os
import resource

from harness import SMALL, ProgramTest, main


class Plan(ProgramTest):
    def setUp(self):
        super().setUp()
        self.write('small.yaml', SMALL)

    def test_every_strategy_has_a_table_and_a_diagram(self):
        text = self.ringfold('plan', 'small.yaml').stdout
        for label in ('naive_ring: proved', 'balanced_ring: proved', 'all_gather layout=zigzag: proved'):
            self.assertIn(label, text)
        self.assertEqual(sum(line.split()[:3] == ['rank', 'steps', 'attends'] for line in text.splitlines()), 3)
        self.assertLessEqual(max(map(len, text.splitlines())), 100)

    def test_json_has_the_plan_of_the_row(self):
        document = json.loads(self.ringfold('plan', 'small.yaml', '--json').stdout)
        self.assertEqual((list(document), document['schema']), (['schema', 'cases'], 1))
        self.ringfold('run', 'small.yaml', '--out', 'out')
        for case, row in zip(document['cases'], self.rows('out'), strict=True):
            self.assertEqual(list(case), ['id', 'strategy', 'options', 'transport', 'kernel', 'verdict', 'reason',
                                          'plan'])
            self.assertEqual((case['verdict'], case['reason']), ('proved', ''))
            for key in ('id', 'strategy', 'options', 'transport', 'kernel', 'plan'):
                self.assertEqual(case[key], row[key])

    def test_operations_of_some_ranks(self):
        document = json.loads(self.ringfold('plan', 'small.yaml', '--json', '--operations', '--ranks', '1-2').stdout)
        for case in document['cases']:
            self.assertEqual([rank['rank'] for rank in case['operations']], [1, 2])
            self.assertTrue(all(rank['operations'] for rank in case['operations']))
        document = json.loads(self.ringfold('plan', 'small.yaml', '--json', '--operations').stdout)
        self.assertEqual([len(case['operations']) for case in document['cases']], [3, 3, 3])
        text = self.ringfold('plan', 'small.yaml', '--operations', '--ranks', '1').stdout
        self.assertGreater(len(text.splitlines()), len(self.ringfold('plan', 'small.yaml', '--ranks', '1').stdout.splitlines()))

    def test_ranks_of_a_sweep_are_those_that_each_case_has(self):
        def ranks_of(text):
            arguments = ['plan', 'small.yaml', 'sweep.cluster.sp=[2, 4, 8]', 'strategies=[naive_ring]', '--ranks', text]
            document = json.loads(self.ringfold(*arguments, '--json', '--operations').stdout)
            listed = [[rank['rank'] for rank in case['operations']] for case in document['cases']]
            tables = self.ringfold(*arguments).stdout.split('rank  steps')[1:]
            shown = [[int(line.split()[0]) for line in table.split('all ranks:')[0].splitlines()[1:]] for table in tables]
            self.assertEqual(shown, listed)
            return listed

        self.assertEqual(ranks_of('1-3'), [[1], [1, 2, 3], [1, 2, 3]])
        self.assertEqual(ranks_of('7,0-1,1'), [[0, 1], [0, 1], [0, 1, 7]])
        self.assertEqual(ranks_of('5'), [[], [], [5]])
        for text in ('0-8', '8', '3-1', '1,', ',1', '1--2', 'x', '99999999999', '-1'):
            self.ringfold('plan', 'small.yaml', 'sweep.cluster.sp=[2, 8]', f'--ranks={text}', code=2)
        self.assertIn('0-3,7', self.ringfold('plan', '--help').stdout)

    def test_planning_needs_neither_transport_nor_kernel(self):
        for missing in ('kernel=cudnn', 'transport=nccl'):
            document = json.loads(self.ringfold('plan', 'small.yaml', missing, '--json').stdout)
            self.assertEqual([(case['verdict'], case['reason']) for case in document['cases']], [('proved', '')] * 3)
            # What passes make of a plan for a device is another matter.
            self.assertEqual(self.ringfold('plan', 'small.yaml', missing, 'passes={join: off, align: off}').stdout,
                             self.ringfold('plan', 'small.yaml').stdout)
        self.ringfold('plan', 'small.yaml', 'kernel=cudnn', 'strategies=[ulysses]', code=4)

    def test_what_a_strategy_cannot_do(self):
        done = self.ringfold('plan', 'small.yaml', 'cluster.sp=5', code=4)
        self.assertIn('balanced_ring: unsupported', done.stdout)
        document = json.loads(self.ringfold('plan', 'small.yaml', 'cluster.sp=5', '--json', code=4).stdout)
        self.assertEqual([case['verdict'] for case in document['cases']], ['proved', 'unsupported', 'proved'])
        self.assertNotIn('plan', document['cases'][1])
        self.assertTrue(document['cases'][1]['reason'])

    def test_sixty_four_ranks_and_large_problems(self):
        document = json.loads(self.ringfold('plan', 'small.yaml', 'cluster.sp=64', 'problem.sequences=[{query: 16Mi}]',
                                            'problem.heads={query: 64, kv: 8, dim: 128}', '--json').stdout)
        for case in document['cases']:
            self.assertEqual(sum(case['plan']['flops']), 4 * 128 * 64 * (2**24 * (2**24 + 1) // 2))

    def test_too_many_ranks_are_refused_before_they_are_planned(self):
        def limit_memory():  # a plan of 20,000 ranks would take some 190 GiB; a sanitizer reserves even more
            if 'RINGFOLD_SANITIZED' not in os.environ:
                resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))

        for ranks in (['cluster.sp=20000'], ['cluster.sp=65536'], ['cluster.sp=8192', 'cluster.tp=4']):
            done = self.ringfold('plan', 'small.yaml', 'problem.sequences=[{query: 1Mi}]', *ranks, '--json', code=4,
                                 preexec_fn=limit_memory)
            for case in json.loads(done.stdout)['cases']:
                self.assertEqual(case['verdict'], 'unsupported')
                self.assertIn('cluster', case['reason'])
        self.assertIn('some 400,000,000 steps; at most 16,777,216 are planned',
                      self.ringfold('plan', 'small.yaml', 'cluster.sp=20000', code=4).stdout)

    def test_a_layer_weighs_its_sources(self):
        layer = ['strategies=[naive_ring]', 'problem.layer={hidden: 256}']
        text = self.ringfold('plan', 'small.yaml', *layer, '--operations').stdout
        for part in ('projected', 'exchange', 'recompute', 'FLOP while it sends a byte', 'project '):
            self.assertIn(part, text)
        self.assertNotIn('estimate', text)
        self.assertLessEqual(max(map(len, self.ringfold('plan', 'small.yaml', *layer).stdout.splitlines())), 120)

        def cheaper(tflops, gbps):
            rates = [f'--tflops={tflops}', f'--gbps={gbps}']
            document = json.loads(self.ringfold('plan', 'small.yaml', *layer, '--json', *rates).stdout)
            sources = document['cases'][0]['sources']
            text = self.ringfold('plan', 'small.yaml', *layer, *rates).stdout
            by_estimate = min(('exchange', 'recompute'), key=lambda source: sources[source]['estimate_ms'])
            self.assertIn(f'{by_estimate} is cheaper by this estimate, which counts arithmetic and links only', text)
            self.assertLessEqual(max(map(len, text.splitlines())), 120)
            return by_estimate, sources

        slow_link, sources = cheaper(1000, 0.001)
        self.assertEqual(slow_link, 'recompute')
        self.assertEqual(cheaper(0.001, 1000)[0], 'exchange')
        self.assertEqual(sources['recompute']['sent_bytes'], 0)
        self.assertGreater(sources['recompute']['projection_flops'], sources['exchange']['projection_flops'])
        # Both files say the same of both.
        other = json.loads(self.ringfold('plan', 'small.yaml', *layer, 'problem.layer.source=recompute', '--json').stdout)
        for source in ('exchange', 'recompute'):
            for field in ('sent_bytes', 'peak_bytes', 'projection_flops', 'flops'):
                self.assertEqual(other['cases'][0]['sources'][source][field], sources[source][field])
        for field in ('projection_flops', 'peak_bytes'):
            self.assertEqual(max(other['cases'][0]['plan'][field]), sources['recompute'][field])
        columns = next(line for line in text.splitlines() if line.startswith('K and V by'))
        self.assertEqual(columns.split()[4:6], ['sent', 'memory'])
        self.ringfold('plan', 'small.yaml', *layer, '--tflops=1', code=2)

    def test_sources_that_cost_the_same(self):
        one_rank = ['strategies=[naive_ring]', 'problem.layer={hidden: 256}', 'cluster.sp=1',
                    'problem.sequences=[{query: 33}]']
        text = self.ringfold('plan', 'small.yaml', *one_rank, '--tflops=1', '--gbps=1').stdout
        self.assertIn('they cost the same: as many FLOP and as many bytes sent', text)
        self.assertIn('they cost the same by this estimate', text)
        self.assertNotIn('cheaper', text)

    def test_rates_that_no_machine_has(self):
        for option, other in (('--tflops', '--gbps'), ('--gbps', '--tflops')):
            for text, fault in (('0', 'is out of range'), ('-1', 'is out of range'), ('nan', 'is not a number'),
                                ('inf', 'is not a number'), ('1e400', 'is out of range'), ('1e9', 'is out of range'),
                                ('1e-320', 'is out of range'), ('x' * 4000, 'is not a number'), ('', 'is not a number')):
                done = self.ringfold('plan', 'small.yaml', f'{option}={text}', f'{other}=1', code=2)
                self.assertIn(f'{fault}; allowed: a number from 1e-6 to 1e6', done.stderr)
                self.assertIn(f'{option}: ', done.stderr)
                self.assertLess(len(done.stderr), 200)

    def test_sweeps_are_labelled(self):
        text = self.ringfold('plan', 'small.yaml', 'sweep.cluster.sp=[1, 2]', 'strategies=[naive_ring]').stdout
        self.assertIn('naive_ring sp=1: proved', text)
        self.assertIn('naive_ring sp=2: proved', text)


if __name__ == '__main__':
    main()
