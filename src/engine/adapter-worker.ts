/** Entry of the thread that reads adapters for the engine: the step loop waits for no disk and packs nothing. */
import { parentPort, type Transferable, workerData } from 'node:worker_threads'
import { adapterBaseOf } from '../adapters/model-base.ts'
import { toWireError, type WireError } from '../errors.ts'
import type { Backend, PreparedAdapter } from './backend.ts'
import { createBackend } from './backends/create.ts'
import { prepareAdapter, type WantedAdapter } from './prepare-adapter.ts'

export interface AdapterWorkerData {
  readonly modelDir: string
  readonly backend: Backend['name']
  readonly maxRank: number
}

/** Answers come in the order of the questions. */
export type AdapterAnswer = { readonly prepared: PreparedAdapter } | { readonly error: WireError }

const { modelDir, backend, maxRank } = workerData as AdapterWorkerData
const port = parentPort!
const base = adapterBaseOf(modelDir)
const runtime = createBackend(backend)
// Whoever asks first hears why.
for (const start of [base, runtime]) start.catch(() => {})
let line: Promise<void> = Promise.resolve()

port.on('message', (wanted: WantedAdapter) => {
  line = line.then(() => answer(wanted))
})

async function answer(wanted: WantedAdapter): Promise<void> {
  try {
    const prepared = await prepareAdapter(await runtime, await base, wanted, maxRank)
    post({ prepared }, [prepared.memory.buffer as ArrayBuffer])
  } catch (error) {
    const { code, message } = toWireError(error)
    // Requests are told, and where the folder lies is nothing to them.
    const text = message.replaceAll(`${wanted.folder}/`, '').replaceAll(`${wanted.folder}: `, '')
    post({ error: { code, message: text } })
  }
}

function post(message: AdapterAnswer, transfer: Transferable[] = []): void {
  port.postMessage(message, transfer)
}
