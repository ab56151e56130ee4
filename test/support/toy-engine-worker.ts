/** The engine's worker over a toy decoder; the "model folder" is its options as JSON. */
import { parentPort, workerData } from 'node:worker_threads'
import type { EngineWorkerData } from '../../src/engine/engine-messages.ts'
import { serveDecoder } from '../../src/engine/engine-server.ts'
import { ToyDecoder } from './toy-decoder.ts'

const { modelDir, scheduling } = workerData as EngineWorkerData
serveDecoder(parentPort!, new ToyDecoder(JSON.parse(modelDir)), scheduling)
