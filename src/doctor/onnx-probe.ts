/** A program of its own: runs y = x + x through ONNX Runtime and fails unless y is right. */
import { InferenceSession, Tensor } from 'onnxruntime-node'

/** ModelProto: ir_version 8, opset 13, one Add node, float inputs and outputs `x`, `y` of shape [2]. */
const MODEL = Buffer.from(
  [
    '0808', // ir_version
    '3a35', // graph
    '0a0e0a01780a0178120179', // node: inputs x and x, output y
    '2203416464', // its op_type, Add
    '120170', // graph name
    '5a0f0a0178120a0a08080112040a020802', // input x: float [2]
    '620f0a0179120a0a08080112040a020802', // output y: float [2]
    '42040a00100d', // opset_import: default domain, version 13
  ].join(''),
  'hex',
)
const session = await InferenceSession.create(MODEL, { intraOpNumThreads: 1 })
const { y } = await session.run({ x: new Tensor('float32', [1, 2.5], [2]) })
const [first, second] = (y?.data ?? []) as Float32Array
if (first !== 2 || second !== 5) throw new Error(`1 + 1, 2.5 + 2.5 gave ${first}, ${second}`)
