/** Worker thread that measures a quantised model. */
import { loadModelConfig } from '../../models/load-config.ts'
import { openModelFiles } from '../engine/backends/model-files.ts'
import { bitsPerWeight, stepSize } from '../engine/backends/step-size.ts'
import { answerTask } from '../task-thread.ts'
import { calibrationPrompts } from './calibration.ts'
import { measureDecoder, measureEncoder, measureTower } from './measure.ts'
import type { Measured, ToMeasure } from './measure-thread.ts'
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
    const decoder = await measureDecoder(pair, prompts, features, { threads })
    return { towers, decoder, bitsPerWeight: bitsPerWeight(stepSize(pair.quantised)) }
  } finally {
    await Promise.all([pair.before.checkpoint.close(), pair.quantised.checkpoint.close()])
  }
}

await answerTask(measure)
