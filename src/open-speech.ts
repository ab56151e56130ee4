/** Opens a speech model: the parts that hear and write, put together. */
import type { CapabilityDocument } from './capabilities/document.ts'
import type { Config } from './config.ts'
import { chooseBackend } from './engine/backends/choose.ts'
import { Sounds } from './media/sound/sounds.ts'
import { SoundSpool } from './media/sound/spool.ts'
import { type FoundModel, factsOf } from './model-facts.ts'
import { limitsInForce, soundOptions } from './part-options.ts'
import type { SpeechService } from './speech/contract.ts'
import { LANGUAGES } from './speech/languages.ts'
import { type Recogniser, startRecogniser } from './speech/recogniser.ts'
import { createSpeechService } from './speech/service.ts'
import { startAll } from './start-all.ts'
import type { Logger } from './telemetry/logger.ts'
import { Tokenizer } from './tokenizer/tokenizer.ts'

/** What the route of transcriptions needs, whatever is served. */
export interface Hearing {
  readonly speech: SpeechService
  readonly inbox: SoundSpool
  readonly maxSoundBytes: number
  readonly languageName: (code: string) => string
}

export interface OpenSpeech {
  readonly document: CapabilityDocument
  readonly hearing: Hearing
  readonly recogniser: Recogniser
  readonly sounds: Sounds
  dispose(): Promise<void>
}

function hearing(config: Config, speech: SpeechService, inbox: SoundSpool): Hearing {
  return {
    speech,
    inbox,
    maxSoundBytes: config.maxSoundBytes,
    languageName: (code) => LANGUAGES[code] ?? code,
  }
}

/** Of a server whose model writes nothing down: every request is refused by the model's name. `inbox`: of all its sounds. */
export function deaf(config: Config, name: string, inbox: SoundSpool): Hearing {
  const { deadlineMs } = config
  const sounds = new Sounds(soundOptions(config))
  const nobody = createSpeechService({ models: [], others: [name], sounds, deadlineMs })
  return hearing(config, nobody, inbox)
}

/** Loads a speech model and its worker. Rejects with `invalid_package`, `invalid_config` or `backend_failure`. */
export async function openSpeech(
  found: FoundModel,
  config: Config,
  logger: Logger,
): Promise<OpenSpeech> {
  const { directory: modelDir, name, model } = found
  const { threads, deadlineMs } = config
  const backend = chooseBackend(config.backend, model.graphs)
  logger.info({ backend: backend.name, threads }, `the model runs on ${backend.text}`)
  const [facts, tokenizer, recogniser] = await startAll([
    factsOf(found, backend.name),
    Tokenizer.load(modelDir),
    startRecogniser({
      ...{ modelDir, backend: backend.name, threads, logger },
      maxRows: config.speechBatch,
      maxWaiting: config.maxWaiting,
    }),
  ])
  const options = soundOptions(config)
  const sounds = new Sounds(options)
  const served = { id: name, speech: model.speech!, tokenizer, recogniser }
  const service = createSpeechService({ models: [served], others: [], sounds, deadlineMs })
  const heard = hearing(config, service, new SoundSpool(options.spool))
  return {
    document: {
      ...facts,
      inputModalities: ['audio'],
      outputModalities: ['text'],
      chat: undefined,
      embeddings: undefined,
      imageTokens: undefined,
      limits: limitsInForce(config, 0),
    },
    hearing: heard,
    recogniser,
    sounds,
    async dispose() {
      await Promise.all([recogniser.dispose(), sounds.dispose()])
    },
  }
}
