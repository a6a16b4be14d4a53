"""What a failed case looks like: row, reason and exit code, by honest means where there are, else by defective plugins."""

import json
import os
import struct
import subprocess
import sys

DEFECTIVE = os.path.abspath(sys.argv.pop(3))

from harness import PATIENCE, SMALL, ProgramTest, main  # noqa: E402

RING = SMALL.replace('[naive_ring, balanced_ring, {all_gather: {layout: zigzag}}]', '[naive_ring]')


class Failures(ProgramTest):
    def setUp(self):
        super().setUp()
        self.write('ring.yaml', RING)

    def defective(self, *arguments, code):
        done = subprocess.run([DEFECTIVE, *arguments], cwd=self.folder, timeout=PATIENCE, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, code, f'{arguments}\n{done.stdout}\n{done.stderr}')
        return done

    def failed_row(self, out, status, code):
        row, = self.rows(out)
        self.assertEqual((row['status'], row['exit']), (status, code), row['reason'])
        self.assertNotIn('timing', row)
        self.assertEqual('plan' in row, code != 9)
        return row

    def test_numbers_beyond_fp32_fail_numerically(self):
        # Logits of 1e41: the reference, in fp64, has them, fp32 does not.
        tensors = {'q': (38, 4), 'k': (50, 2), 'v': (50, 2)}
        header, data = {}, b''
        for name, (rows, heads) in tensors.items():
            value = 1.0 if name == 'v' else 1e20
            piece = struct.pack('<f', value) * (rows * heads * 16)
            header[name] = {'dtype': 'F32', 'shape': [rows, heads, 16],
                            'data_offsets': [len(data), len(data) + len(piece)]}
            data += piece
        text = json.dumps(header).encode()
        (self.folder / 'huge.safetensors').write_bytes(struct.pack('<Q', len(text)) + text + data)
        self.ringfold('run', 'ring.yaml', 'inputs={file: huge.safetensors}', 'kernel=cpu_fast', '--out', 'out', code=5)
        row, = self.rows('out')
        self.assertEqual((row['status'], row['exit']), ('failed', 5))
        self.assertRegex(row['reason'], r'of sequence 0, position \d+, head \d \(rank \d\) is not finite')

    def test_a_kernel_that_is_off_fails_numerically_and_the_next_case_runs(self):
        self.defective('run', 'ring.yaml', 'sweep.kernel=[off, cpu_reference]', '--out', 'out', code=5)
        rows = self.rows('out')
        self.assertEqual([(row['status'], row['exit']) for row in rows], [('failed', 5), ('passed', 0)])
        self.assertRegex(rows[0]['reason'], r'output of sequence 0, position \d+, head 0 \(rank \d\) is off by 0\.0')
        self.assertGreater(rows[0]['numerics']['output']['error'], rows[0]['numerics']['output']['bound'])

    def test_a_deadline_shorter_than_the_work_between_signs_of_life(self):
        # cpu_reference shows that it lives every 16 rows: tens of ms with rows of 2048 keys x 1024 channels. Rank 0,
        # which sees fewer keys under a causal mask, waits for rank 1.
        self.ringfold('run', 'ring.yaml', 'problem.sequences=[{query: 2048}]',
                      'problem.heads={query: 1, kv: 1, dim: 1024}', 'cluster.sp=2', 'measure.reference_seconds=0',
                      'measure.deadline_seconds=0.005', '--out', 'out', code=6)
        reason = self.failed_row('out', 'failed', 6)['reason']
        self.assertRegex(reason, r'^rank [01] shows no progress .* \(deadline 5 ms\)')

    def test_a_rank_stuck_when_all_others_are_done_passes_the_deadline(self):
        self.defective('run', 'ring.yaml', 'kernel=stuck', 'measure.deadline_seconds=0.5', '--out', 'out', code=6)
        self.assertRegex(self.failed_row('out', 'failed', 6)['reason'], r'^rank \d shows no progress in operation \d \(attend\) for ')

    def test_a_message_that_never_comes_passes_the_deadline(self):
        self.defective('run', 'ring.yaml', 'transport=dropping', 'measure.deadline_seconds=0.3', '--out', 'out', code=6)
        self.assertIn('(deadline 300 ms)', self.failed_row('out', 'failed', 6)['reason'])

    def test_a_broken_connection_is_a_lost_peer_and_its_rank_is_named_first(self):
        for number in range(10):  # nobody that is freed may be quicker
            out = f'out{number}'
            self.defective('run', 'ring.yaml', 'transport=resetting', '--out', out, code=7)
            reason = self.failed_row(out, 'failed', 7)['reason']
            self.assertTrue(reason.startswith('connection of rank 1 to rank 2 was reset in operation 0'), reason)
            self.assertNotIn('freed', reason)

    def test_a_changed_bit_is_found_in_a_warm_up_and_named(self):
        self.defective('run', 'ring.yaml', 'transport=flipping', '--out', 'out', code=7)
        self.assertRegex(self.failed_row('out', 'failed', 7)['reason'],
                         r'^message from rank 0 to rank 1, operation 0, .*: its bytes are not the ones sent')

    def test_a_bit_that_changes_in_repeats_only_is_found_by_comparison(self):
        for warmup in (0, 1, 2):
            out = f'out{warmup}'
            transport = 'flipping' if warmup == 0 else 'flipping_later'
            done = self.defective('run', 'ring.yaml', f'transport={transport}', f'measure.warmup={warmup}', '--out', out,
                                  code=7 if warmup == 0 else 5)
            reason = self.failed_row(out, 'failed', done.returncode)['reason']
            self.assertIn('the ones sent' if warmup == 0 else 'not bit by bit', reason)

    def test_a_strategy_that_loses_a_key_is_refuted(self):
        self.defective('run', 'ring.yaml', 'strategies=[forgetful_ring]', '--out', 'out', code=9)
        reason = self.failed_row('out', 'refuted', 9)['reason']
        self.assertRegex(reason, r'^rank 2, operation \d+ \(finish\): .* have not attended keys ')
        plan = json.loads(self.defective('plan', 'ring.yaml', 'strategies=[forgetful_ring]', '--json', code=9).stdout)
        self.assertEqual((plan['cases'][0]['verdict'], plan['cases'][0]['reason']), ('refuted', reason))


if __name__ == '__main__':
    main()
