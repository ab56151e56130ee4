/** The engine's worker over a toy decoder, with states if its options have slots; the "model folder" is those as JSON. */
import { parentPort, workerData } from 'node:worker_threads'
import type { EngineWorkerData } from '../../src/engine/engine-messages.ts'
import { serveDecoder } from '../../src/engine/engine-server.ts'
import { RecurrentToyDecoder } from './recurrent-toy-decoder.ts'
import { ToyDecoder } from './toy-decoder.ts'

const data = workerData as EngineWorkerData
const options = JSON.parse(data.modelDir)
const decoder = 'slots' in options ? new RecurrentToyDecoder(options) : new ToyDecoder(options)
serveDecoder(parentPort!, decoder, data)
