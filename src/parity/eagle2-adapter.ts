/**
 * Cases of Eagle 2 and 2.5, both generations: requests with pictures and videos, each stage from the rendered text and the
 * tiles over towers and connector to the merged prompt and the logits of greedy steps; and tables of the frames chosen.
 */
import { loadModelConfig } from '../../models/load-config.ts'
import { loadModelText } from '../chat/model.ts'
import { createBackend } from '../engine/backends/create.ts'
import { openModelFiles } from '../engine/backends/model-files.ts'
import { AerieError } from '../errors.ts'
import { encoderHere } from '../tokenizer/encoder-here.ts'
import { Tokenizer } from '../tokenizer/tokenizer.ts'
import type { ParityAdapter, ParityRun } from './adapter.ts'
import type { ComputedTensor, Fact } from './compare.ts'
import { type AnswerEnd, SESSION } from './decoding.ts'
import {
  type Conversation,
  type NewMessage,
  newConversation,
  type OldMessage,
  oldConversation,
  type RecordedVideos,
  type TileChanges,
} from './eagle2-conversation.ts'
import { Eagle2Encoder } from './eagle2-encoder.ts'
import { compareFrameRules } from './eagle2-frame-rules.ts'
import { type ComputedPrompt, computePrompt, type PromptTools, textOf } from './eagle2-prompt.ts'
import { stageOf } from './eagle2-stages.ts'
import type { ReferenceCase } from './reference-case.ts'

/** `prompts` of expected.json; of a generation, some fields. */
interface RecordedPrompt {
  readonly name: string
  readonly messages?: readonly NewMessage[]
  readonly conversations?: readonly (readonly NewMessage[])[]
  readonly processor_kwargs?: {
    readonly images_kwargs?: TileChanges
    readonly videos_kwargs?: TileChanges
  }
  readonly video_meta?: { readonly used: boolean }
  readonly rendered_template?: readonly string[]
  readonly expanded_text?: readonly string[]
  readonly request?: {
    readonly prompt?: readonly OldMessage[]
    readonly system?: string
    readonly question?: string
    readonly max_input_tiles?: number
    readonly video_frame_num?: number
  }
  readonly query_text?: string
}

/** Tensors that need no model, and tensors of a decoder at every position of the prompt. */
const PREPARED = /\.(input_ids|attention_mask|position_ids|pixel_values)$/
const DECODED = /\.(inputs_embeds|prefill_logits|llm\.)/

export const eagle2Adapter: ParityAdapter = {
  name: 'Eagle 2',
  accepts: ({ expected, tensors }) =>
    expected['family'] === 'eagle2' && Array.isArray(expected['prompts']) && tensors.size > 0,
  run,
}

async function run(reference: ReferenceCase, backend: string): Promise<ParityRun> {
  const { checkpoint, expected } = reference
  const tensors = new Map<string, ComputedTensor>()
  const facts: Fact[] = []
  const model = await loadModelConfig(checkpoint)
  const files = await openModelFiles(checkpoint)
  await using _checkpoint = files.checkpoint
  const tokenizer = await Tokenizer.load(checkpoint)
  const { template } = await loadModelText(checkpoint, {
    conversationOf: (has) => model.family.conversation?.(model.config, has),
    load: async () => encoderHere(tokenizer),
  })
  const session = await (await createBackend(backend)).loadDecoder(checkpoint, SESSION)
  const tools: PromptTools = {
    reference,
    model,
    tokenizer,
    template,
    encoder: new Eagle2Encoder(files, model, backend),
    files,
    session,
    backend,
    end: answerEnd(tokenizer),
  }
  try {
    for (const prompt of expected['prompts'] as RecordedPrompt[]) {
      const prefix = `${prompt.name}.`
      const wanted = [...reference.tensors.keys()].filter((name) => name.startsWith(prefix))
      const { conversations, images, videos } = conversationsOf(prompt, tools)
      const greedy = reference.tensors.get(`${prefix}greedy_ids`)?.shape[1] ?? 0
      const computed = await computePrompt(tools, {
        conversations,
        changes: { images, videos },
        greedySteps: greedy,
        isRun: wanted.some((name) => DECODED.test(name)),
        isEncoded: wanted.some((name) => !PREPARED.test(name)),
      })
      for (const name of wanted) {
        const stage = await stageOf(name.slice(prefix.length), computed, {
          meaning: meaningOf(expected, name),
          encoder: tools.encoder,
          hiddenSize: files.limits.hiddenSize,
        })
        if (stage) tensors.set(name, stage)
      }
      facts.push(...compareTexts(prompt, computed))
    }
    facts.push(...compareFrameRules(expected))
  } finally {
    await session.dispose()
  }
  return { tensors, facts, leftOut: new Map() }
}

function answerEnd(tokenizer: Tokenizer): AnswerEnd {
  const [stop, pad] = ['<|im_end|>', '<|endoftext|>'].map((token) => tokenizer.idOf(token))
  if (stop === undefined || pad === undefined)
    throw new AerieError('invalid_package', 'tokenizer: expected <|im_end|> and <|endoftext|>')
  return { stop, pad }
}

interface Asked {
  readonly conversations: readonly Conversation[]
  readonly images: TileChanges
  readonly videos: TileChanges
}

/** The conversations of a prompt, one unless it is a batch, and how their pictures are cut. */
function conversationsOf(prompt: RecordedPrompt, { reference, model }: PromptTools): Asked {
  const videos = (reference.expected['video_frames'] ?? {}) as RecordedVideos
  const marks = model.picturePrompt!
  const { request } = prompt
  if (request) {
    const messages = request.prompt ?? [
      { role: 'system', content: request.system ?? '' },
      { role: 'user', content: request.question ?? '' },
    ]
    const frames = request.video_frame_num ?? 64
    const { max_input_tiles: most } = request
    return {
      conversations: [oldConversation(messages, marks, videos, frames)],
      images: most === undefined ? {} : { max_dynamic_tiles: most },
      videos: {},
    }
  }
  const all = prompt.conversations ?? [prompt.messages ?? []]
  const saysSampling = prompt.video_meta?.used ?? true
  return {
    conversations: all.map((messages) =>
      newConversation(messages, marks, { videos, saysSampling }),
    ),
    images: prompt.processor_kwargs?.images_kwargs ?? {},
    videos: prompt.processor_kwargs?.videos_kwargs ?? {},
  }
}

function meaningOf(expected: ReferenceCase['expected'], name: string): string {
  const described = expected['tensors'] as
    | Readonly<Record<string, { meaning?: string }>>
    | undefined
  return described?.[name]?.meaning ?? ''
}

/** The rendered and the expanded text of each row. */
function compareTexts(prompt: RecordedPrompt, { rows }: ComputedPrompt): Fact[] {
  const { query_text, rendered_template = [] } = prompt
  const expandedTexts = prompt.expanded_text ?? (query_text === undefined ? [] : [query_text])
  const compare = (name: string, theirs: readonly string[], ours: readonly string[]) =>
    theirs.map((text, i): Fact => {
      const row = `${prompt.name}.${name}${theirs.length > 1 ? `.${i}` : ''}`
      return { name: row, ours: ours[i], theirs: text }
    })
  return [
    ...compare(
      'rendered_template',
      rendered_template,
      rows.map((row) => row.rendered),
    ),
    ...compare(
      'expanded_text',
      expandedTexts,
      rows.map((row) => textOf(row.plan)),
    ),
  ]
}
