/** A grammar thread that falls over on the literal `exit` and never comes back from `loop`; else like any other. */
import { parentPort } from 'node:worker_threads'
import type { ToGrammar } from '../../src/grammar/grammar-messages.ts'

parentPort!.on('message', (message: ToGrammar) => {
  const text =
    message.type === 'compile' && message.constraint.kind === 'literal' && message.constraint.text
  if (text === 'exit') process.exit(1)
  while (text === 'loop') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50)
})
await import('../../src/grammar/grammar-worker.ts')
