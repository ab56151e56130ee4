/** Worker thread that measures a quantised model: ONNX Runtime blocks the thread that it runs in. */
import { parentPort, workerData } from 'node:worker_threads'
import { loadModelConfig } from '../../models/load-config.ts'
import { openModelFiles } from '../engine/backends/model-files.ts'
import { toWireError } from '../errors.ts'
import { calibrationPrompts } from './calibration.ts'
import { measureDecoder, measureEncoder, measureTower } from './measure.ts'
import type { FromMeasureWorker, Measured, ToMeasure } from './measure-thread.ts'
import { openOverlaid } from './overlay.ts'

async function measure({ before, quantised, parts, threads }: ToMeasure): Promise<Measured> {
  const config = await loadModelConfig(before)
  const pair = {
    before: await openModelFiles(before),
    quantised:
      'trial' in quantised
        ? await openOverlaid(before, config, quantised.trial, quantised.file)
        : await openModelFiles(quantised.package),
  }
  try {
    const seen =
      config.graphs.encoder && config.preprocessing
        ? await measureEncoder(pair, config, { threads })
        : undefined
    if (config.embeddingTower) return { towers: await measureTower(pair, config, { threads }) }
    const towers = seen?.towers ?? []
    if (parts === 'encoder' || !config.graphs.decoder) return { towers }
    const prompts = await calibrationPrompts(before, config)
    const features = seen?.features ?? new Map()
    return { towers, decoder: await measureDecoder(pair, prompts, features, { threads }) }
  } finally {
    await Promise.all([pair.before.checkpoint.close(), pair.quantised.checkpoint.close()])
  }
}

const say = (message: FromMeasureWorker) => parentPort!.postMessage(message)
try {
  say({ type: 'measured', measured: await measure(workerData as ToMeasure) })
} catch (error) {
  say({ type: 'failed', error: toWireError(error) })
}
