/** Worker thread of {@link checkText}: loads the text part of a model, and renders and encodes a short conversation. */
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import { loadModelText } from '../chat/model.ts'
import { AerieError, toWireError } from '../errors.ts'
import { isModelFile } from '../model-file.ts'
import { encoderHere } from '../tokenizer/encoder-here.ts'
import { Tokenizer } from '../tokenizer/tokenizer.ts'
import { openModelSource } from '../weights/model-source.ts'
import type { FromTextCheck, TextFacts, TextToCheck } from './text-check.ts'

/** Scripts, numbers, blanks and runs, as those that are known to blow up regular expressions. */
const TRIAL_TEXTS = [
  'The quick brown fox, 12 345.67 times: "ünïcödé" 漢字 😀\n\n\t  if (x) { y = 1 }',
  'a'.repeat(2000),
  ' '.repeat(2000),
  `${'1'.repeat(500)}!${'ab '.repeat(500)}!`,
]
const SPECIAL = ['bos_token', 'eos_token', 'pad_token', 'unk_token'] as const
/** In the order in which the loader looks for them. */
const TOKENIZER_FILES = ['tokenizer.json', 'tokenizer.model', 'spiece.model', 'vocab.json']
/** Where a GGUF file has its own. */
const GGUF_TOKENS = 'tokenizer.ggml.tokens'

const say = (message: FromTextCheck) => parentPort!.postMessage(message)

async function examine(modelDir: string): Promise<TextFacts | undefined> {
  const { model } = await openModelSource(modelDir)
  const { family, config, embeddingTower, speech, messageContent, picturePrompt } = model
  if (embeddingTower && !embeddingTower.text) return undefined
  const directory = join(modelDir, family.textFolder ?? '')
  const tokenizer = await Tokenizer.load(directory)
  if (speech || embeddingTower) {
    // It has no conversations; what it writes or reads is of its vocabulary all the same.
    say({ type: 'loaded' })
    for (const written of TRIAL_TEXTS) encodes(tokenizer, written)
    return undefined
  }
  const text = await loadModelText(directory, {
    conversationOf: (has) => family.conversation?.(config, has),
    needsTemplate: picturePrompt !== undefined,
    load: async () => encoderHere(tokenizer),
  })
  say({ type: 'loaded' })
  const remarks: string[] = []
  for (const written of TRIAL_TEXTS) encodes(tokenizer, written)
  if (text.template.isMissing) {
    remarks.push(
      'no chat template: it continues texts (/v1/completions), and answers no conversations',
    )
  } else {
    const said = 'Hello'
    const content = messageContent === 'parts' ? [{ type: 'text' as const, text: said }] : said
    const rendered = text.template.render([{ role: 'user', content }])
    if (!rendered.includes(said))
      remarks.push('chat template: what the user says is not in the prompt')
    encodes(tokenizer, rendered)
  }
  const special: TextFacts['tokenizer']['special'] = {}
  for (const name of SPECIAL) {
    const value = tokenizer.config[name]
    const content = typeof value === 'object' && value !== null && 'content' in value
    const written: unknown = content ? value.content : value
    if (typeof written !== 'string') continue
    const id = tokenizer.idOf(written)
    if (id === undefined)
      remarks.push(`${name} ${JSON.stringify(written)} is not in the vocabulary`)
    else special[name] = { text: written, id }
  }
  const isFile = await isModelFile(modelDir)
  return {
    prompt: text.template.source,
    tokenizer: {
      source: isFile ? GGUF_TOKENS : await tokenizerFile(directory),
      tokens: tokenizer.size,
      special,
      stop: [...text.stopTokenIds],
    },
    remarks,
  }
}

/** What the library says of a vocabulary that it can load and not use is about the checkpoint. */
function encodes(tokenizer: Tokenizer, text: string): void {
  try {
    tokenizer.encode(text)
  } catch (cause) {
    if (cause instanceof AerieError) throw cause
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new AerieError('invalid_package', `tokenizer: cannot encode a text: ${reason}`, { cause })
  }
}

async function tokenizerFile(directory: string): Promise<string> {
  for (const file of TOKENIZER_FILES) {
    const isThere = await access(join(directory, file)).then(
      () => true,
      () => false,
    )
    if (isThere) return file
  }
  throw new Error(`${directory}: a tokenizer was loaded from no known file`)
}

try {
  say({ type: 'facts', facts: await examine((workerData as TextToCheck).modelDir) })
} catch (error) {
  say({ type: 'failed', error: toWireError(error) })
}
