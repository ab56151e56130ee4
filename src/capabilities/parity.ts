/** What `npm run parity` measured, as the server ships it: how far each family's stages are from the published code's. */
import { readFile } from 'node:fs/promises'

/** One recorded case on one backend. */
export interface ParityCase {
  /** `model_type` of the case's checkpoint. */
  readonly family: string
  readonly case: string
  readonly backend: string
  readonly stages: readonly ParityStage[]
}

export interface ParityStage {
  readonly stage: string
  /** Tensors, texts and tables of the stage that agreed. */
  readonly compared: number
  /** Largest difference over the largest magnitude of its tensor; null: integers and texts, all equal. */
  readonly relativeError: number | null
}

export interface ParityRecord {
  /** What was computed with. */
  readonly dtype: 'float32'
  /** Largest relative error with which a stage still agrees. */
  readonly tolerance: number
  readonly cases: readonly ParityCase[]
}

/** Written by `aerie parity --record`, beside the page for people. */
const RECORD = new URL('../../docs/parity.json', import.meta.url)

/** What was measured for a family on a backend; undefined where nothing was, or the record is not shipped. */
export async function familyParity(
  family: string,
  backend: string,
  file: URL = RECORD,
): Promise<ParityRecord | undefined> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  const record = JSON.parse(text) as ParityRecord // ours; a test holds it against its own writer
  const cases = record.cases.filter((c) => c.family === family && c.backend === backend)
  return cases.length === 0 ? undefined : { ...record, cases }
}
