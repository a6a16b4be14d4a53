"""--save-outputs and --save-inputs, and inputs read from a file."""

import json
import math
import struct

from harness import SMALL, ProgramTest, floats, main


def attention(tensors, lengths, heads, dim):
    """The obvious way, for a batch of (cached, query): out and lse in the order of the files."""
    q, k, v = (floats(tensors[name][2]) for name in ('q', 'k', 'v'))
    query_heads, kv_heads = heads
    out, lse, first_q, first_k = [], [], 0, 0
    for cached, query in lengths:
        for token in range(query):
            for head in range(query_heads):
                at = ((first_q + token) * query_heads + head) * dim
                row = q[at:at + dim]
                keys = range(cached + token + 1)
                base = [((first_k + key) * kv_heads + head * kv_heads // query_heads) * dim for key in keys]
                logits = [sum(a * b for a, b in zip(row, k[b:b + dim])) / math.sqrt(dim) for b in base]
                top = max(logits)
                weights = [math.exp(x - top) for x in logits]
                total = sum(weights)
                lse.append(top + math.log(total))
                out += [sum(w * v[b + c] for w, b in zip(weights, base)) / total for c in range(dim)]
        first_q += query
        first_k += cached + query
    return out, lse


class Outputs(ProgramTest):
    def setUp(self):
        super().setUp()
        self.write('small.yaml', SMALL)

    def test_saved_outputs_are_attention_of_saved_inputs(self):
        for placement in ('native', 'zigzag'):
            self.ringfold('run', 'small.yaml', f'problem.placement={placement}', '--out', placement, '--save-outputs',
                          '--save-inputs')
            for row in self.rows(placement):
                inputs = self.tensors(f'{placement}/{row["id"]}.inputs.safetensors')
                self.assertEqual({name: tensor[:2] for name, tensor in inputs.items()},
                                 {'q': ('F32', [38, 4, 16]), 'k': ('F32', [50, 2, 16]), 'v': ('F32', [50, 2, 16])})
                outputs = self.tensors(f'{placement}/{row["id"]}.safetensors')
                self.assertEqual({name: tensor[:2] for name, tensor in outputs.items()},
                                 {'out': ('F32', [38, 4, 16]), 'lse': ('F32', [38, 4])})
                expected = attention(inputs, [(0, 33), (12, 5)], (4, 2), 16)
                for name, values in zip(('out', 'lse'), expected, strict=True):
                    for a, b in zip(floats(outputs[name][2]), values, strict=True):
                        self.assertAlmostEqual(a, b, delta=1e-5)

    def test_saved_inputs_give_the_same_outputs(self):
        for dtype in ('fp32', 'bf16', 'fp16'):
            self.ringfold('run', 'small.yaml', f'problem.dtype={dtype}', '--out', dtype, '--save-outputs',
                          '--save-inputs')
            for row in self.rows(dtype):
                again = f'{dtype}-{row["strategy"]}'
                self.ringfold('run', 'small.yaml', f'problem.dtype={dtype}',
                              f'inputs={{file: {dtype}/{row["id"]}.inputs.safetensors}}', '--out', again,
                              '--save-outputs')
                same = next(other for other in self.rows(again) if other['strategy'] == row['strategy'])
                self.assertEqual(self.tensors(f'{dtype}/{row["id"]}.safetensors'),
                                 self.tensors(f'{again}/{same["id"]}.safetensors'))
                self.assertEqual(same['numerics'], row['numerics'])

    def test_outputs_of_16_bit_cases_hold_rounded_values(self):
        self.ringfold('run', 'small.yaml', 'problem.dtype=bf16', '--out', 'out', '--save-outputs')
        for row in self.rows('out'):
            data = self.tensors(f'out/{row["id"]}.safetensors')['out'][2]
            self.assertTrue(all(low == 0 for low in data[0::4]) and all(low == 0 for low in data[1::4]))

    def test_timeline(self):
        self.ringfold('run', 'small.yaml', '--out', 'out', '--timeline', 'timeline.json')
        trace = json.loads((self.folder / 'timeline.json').read_text())
        events = trace['traceEvents']
        self.assertEqual(sum(event['ph'] == 'M' for event in events), 3 * (1 + 3 * 2))
        done = [event for event in events if event['ph'] == 'X']
        self.assertEqual({(event['pid'], event['tid']) for event in done}, {(p, t) for p in range(3) for t in range(6)})
        self.assertEqual([clocks['uncertainty_us'] for clocks in trace['otherData']['clock_offsets']], [[0] * 3] * 3)
        self.assert_trace_agrees(self.rows('out'), trace)
        self.assertEqual({'attend', 'exchange', 'finish'} - {event['name'] for event in done}, set())
        self.assertTrue(all(event['ts'] >= 0 and event['dur'] >= 0 for event in done))

    def test_a_timeline_that_cannot_be_written_is_noticed_before_anything_runs(self):
        for path in ('/no/dir/t', '.'):
            done = self.ringfold('run', 'small.yaml', '--out', 'out', '--timeline', path, code=1)
            self.assertIn(f'cannot write {path}: ', done.stderr)
            self.assertFalse((self.folder / 'out').exists())

    def test_a_timeline_whose_disk_is_full_costs_no_results(self):
        done = self.ringfold('run', 'small.yaml', '--out', 'out', '--timeline', '/dev/full', code=1)
        self.assertIn('cannot write /dev/full: ', done.stderr)
        self.assertIn('3 passed', done.stdout)
        self.assertEqual(len(self.rows('out')), 3)

    def test_a_run_that_is_refused_leaves_timelines_alone(self):
        self.ringfold('run', 'small.yaml', '--out', 'out')
        self.write('old.json', 'kept')
        for name in ('old.json', 'new.json'):
            self.ringfold('run', 'small.yaml', '--out', 'out', '--timeline', name, code=2)
        self.assertEqual((self.folder / 'old.json').read_text(), 'kept')
        self.assertFalse((self.folder / 'new.json').exists())

    def test_a_bad_input_file(self):
        self.ringfold('run', 'small.yaml', '--out', 'out', '--save-inputs')
        name = f'out/{self.rows("out")[0]["id"]}.inputs.safetensors'
        data = (self.folder / name).read_bytes()
        (self.folder / 'cut.safetensors').write_bytes(data[:-1])
        (self.folder / 'head.safetensors').write_bytes(data[:5])
        for file, override in (('none', ''), ('cut', ''), ('head', ''), (None, 'problem.heads.dim=8')):
            path = name if file is None else f'{file}.safetensors'
            overrides = [f'inputs={{file: {path}}}'] + ([override] if override else [])
            for command in (['check'], ['run', '--out', 'bad']):
                done = self.ringfold(command[0], 'small.yaml', *overrides, *command[1:], code=3)
                self.assertIn('override:1:', done.stderr)
                self.assertFalse((self.folder / 'bad').exists())

    def test_a_layer_reads_the_hidden_states_and_weights_that_it_saves(self):
        layer = 'problem.layer={hidden: 24}'
        self.ringfold('run', 'small.yaml', layer, '--out', 'out', '--save-inputs', '--save-outputs')
        for row in self.rows('out'):
            name = f'out/{row["id"]}.inputs.safetensors'
            shapes = {tensor: entry[1] for tensor, entry in self.tensors(name).items()}
            self.assertEqual(shapes, {'x': [50, 24], 'wq': [24, 64], 'wk': [24, 32], 'wv': [24, 32]})
        override = f'inputs={{file: {name}}}'
        self.ringfold('run', 'small.yaml', layer, override, '--out', 'again', '--save-outputs')
        for row, same in zip(self.rows('out'), self.rows('again'), strict=True):
            self.assertEqual(same['status'], 'passed')
            self.assertEqual(self.tensors(f'out/{row["id"]}.safetensors'),
                             self.tensors(f'again/{same["id"]}.safetensors'))
        for change, message in (
                ('problem.layer.hidden=32', "tensor 'x' has shape [50, 24], the problem needs [50, 32]"),
                ('problem.heads.query=2', "tensor 'wq' has shape [24, 64], the problem needs [24, 32]"),
                ('problem.heads.kv=4', "tensor 'wk' has shape [24, 32], the problem needs [24, 64]")):
            for command in (['check'], ['run', '--out', 'bad']):
                done = self.ringfold(command[0], 'small.yaml', override, layer, change, *command[1:], code=3)
                self.assertEqual(done.stderr, f'override:1:15: error: inputs.file: {name}: {message}\n')
        # Q, K and V are not hidden states, and the other way round.
        done = self.ringfold('check', 'small.yaml', override, code=3)
        self.assertIn("there is no tensor 'q'", done.stderr)

    def test_a_value_that_is_not_finite_in_an_input_file(self):
        self.ringfold('run', 'small.yaml', '--out', 'out', '--save-inputs')
        data = (self.folder / f'out/{self.rows("out")[0]["id"]}.inputs.safetensors').read_bytes()
        header = 8 + struct.unpack('<Q', data[:8])[0]
        starts = {name: entry['data_offsets'][0] for name, entry in json.loads(data[8:header]).items()
                  if name != '__metadata__'}
        # k and v hold 33 + 17 tokens, 2 kv heads of 16: token 40 is position 7 of the second sequence.
        for tensor, index, value, override, place, number in (
                ('k', (40 * 2 + 1) * 16 + 3, math.nan, [],
                 '[40, 1, 3] (sequence 1, position 7, head 1, channel 3)', 'nan; allowed: finite numbers'),
                ('v', 0, -math.inf, [],
                 '[0, 0, 0] (sequence 0, position 0, head 0, channel 0)', '-inf; allowed: finite numbers'),
                ('q', 37 * 64 + 63, math.inf, [],
                 '[37, 3, 15] (sequence 1, position 16, head 3, channel 15)', 'inf; allowed: finite numbers'),
                ('q', 5, 1e6, ['problem.dtype=fp16'],
                 '[0, 0, 5] (sequence 0, position 0, head 0, channel 5)', '1000000, which is infinite in fp16')):
            message = f"bad.safetensors: tensor '{tensor}' at {place} is {number}"
            at = header + starts[tensor] + 4 * index
            (self.folder / 'bad.safetensors').write_bytes(data[:at] + struct.pack('<f', value) + data[at + 4:])
            for command in (['check'], ['run', '--out', 'bad']):
                done = self.ringfold(command[0], 'small.yaml', 'inputs={file: bad.safetensors}', *override,
                                     *command[1:], code=3)
                self.assertEqual(done.stderr, f'override:1:15: error: inputs.file: {message}\n')
                self.assertFalse((self.folder / 'bad').exists())
        self.ringfold('check', 'small.yaml', 'inputs={file: bad.safetensors}')  # in fp32 it is a number

    def test_values_that_are_no_normal_numbers(self):
        self.ringfold('run', 'small.yaml', '--out', 'out', '--save-inputs')
        data = bytearray((self.folder / f'out/{self.rows("out")[0]["id"]}.inputs.safetensors').read_bytes())
        header = 8 + struct.unpack('<Q', data[:8])[0]
        begin, end = (header + at for at in json.loads(data[8:header])['v']['data_offsets'])
        data[begin:end] = struct.pack(f'<{(end - begin) // 4}f', *(1e-41 * value for value in floats(data[begin:end])))
        (self.folder / 'tiny.safetensors').write_bytes(data)
        for kernel in ('cpu_reference', 'cpu_fast'):
            self.ringfold('run', 'small.yaml', 'inputs={file: tiny.safetensors}', f'kernel={kernel}', '--out', kernel)

    def test_hidden_states_and_weights_that_are_finite_and_project_to_what_is_not(self):
        layer = 'problem.layer={hidden: 24}'
        self.ringfold('run', 'small.yaml', layer, '--out', 'out', '--save-inputs')
        data = (self.folder / f'out/{self.rows("out")[0]["id"]}.inputs.safetensors').read_bytes()
        header = 8 + struct.unpack('<Q', data[:8])[0]
        starts = {name: entry['data_offsets'][0] for name, entry in json.loads(data[8:header]).items()
                  if name != '__metadata__'}

        def put(*elements):
            changed = bytearray(data)
            for tensor, index, value in elements:
                struct.pack_into('<f', changed, header + starts[tensor] + 4 * index, value)
            (self.folder / 'huge.safetensors').write_bytes(changed)

        # x has 33 + 17 tokens: row 40 is position 7 of the second sequence, which is cached, row 49 is new.
        for elements, overrides, message in (
                ([('x', 40 * 24 + 2, 1e20), ('wk', 2 * 32 + 19, -1e20)], [],
                 "'k' at [40, 1, 3] (sequence 1, position 7, head 1, channel 3), projected from 'x' and 'wk', sums up "
                 'to 1e+40, which is infinite in fp32'),
                ([('x', 49 * 24, 1e20), ('wq', 63, 1e20)], ['problem.dtype=bf16'],
                 "'q' at [37, 3, 15] (sequence 1, position 16, head 3, channel 15), projected from 'x' and 'wq', sums "
                 'up to 9.95e+39, which is infinite in bf16'),
                ([('x', 0, 1024), ('wv', 0, 1024)], ['problem.dtype=fp16'],
                 "'v' at [0, 0, 0] (sequence 0, position 0, head 0, channel 0), projected from 'x' and 'wv', sums up "
                 'to 1.05e+06, which is infinite in fp16'),
                # Finite in the end, but on the way only in some orders.
                ([('x', 0, 1e19), ('x', 1, 1e19), ('wv', 0, 3e19), ('wv', 32, -3e19)], [],
                 "'v' at [0, 0, 0] (sequence 0, position 0, head 0, channel 0), projected from 'x' and 'wv', sums up "
                 'to 6e+38, which is infinite in fp32')):
            put(*elements)
            for command in (['check'], ['run', '--out', 'bad']):
                done = self.ringfold(command[0], 'small.yaml', 'inputs={file: huge.safetensors}', layer, *overrides,
                                     *command[1:], code=3)
                self.assertEqual(done.stderr, 'override:1:15: error: inputs.file: huge.safetensors: tensor '
                                 f'{message}\n')
                self.assertFalse((self.folder / 'bad').exists())
        # No query is projected of a cached token, so that it may be as large as it will.
        put(('x', 40 * 24 + 2, 1e20), ('wq', 2 * 64, 1e20))
        self.ringfold('check', 'small.yaml', 'inputs={file: huge.safetensors}', layer)
        self.ringfold('check', 'small.yaml', 'inputs={file: huge.safetensors}', layer,
                      'problem.sequences=[{query: 33}, {query: 17}]', code=3)


if __name__ == '__main__':
    main()
