/**
 * Transcripts of VILA-M3's demo: conversations with scripted answers and recorded results of experts, and what is shown of
 * volumes and given to classifiers on the way.
 */
import type { Modality } from '../../models/vila-m3/conversation.ts'
import { errorFeedback, instruction, modalityOf } from '../../models/vila-m3/conversation.ts'
import { EXPERT_CARDS } from '../../models/vila-m3/expert-cards.ts'
import { calledExpert, EXPERTS, mentions, requestedLabels } from '../../models/vila-m3/trigger.ts'
import type { ParityAdapter } from './adapter.ts'
import type { Fact } from './compare.ts'
import { expertPictures } from './m3-expert-pictures.ts'
import { type RecordedSession, sessionFacts } from './m3-sessions.ts'
import type { ReferenceCase } from './reference-case.ts'

interface TriggerRow {
  readonly text: string
  readonly mentioned_by: Readonly<Record<string, boolean>>
  readonly expert_called: string | null
  readonly vista3d?: {
    readonly label_prompt?: readonly number[] | null
    readonly instruction?: string
    readonly error_text?: string
  }
}

interface ModalityRow {
  readonly image: string | readonly string[] | null
  readonly text: string | null
  readonly modality: Modality | 'Unknown'
}

export const m3TranscriptsAdapter: ParityAdapter = {
  name: 'transcripts of VILA-M3',
  accepts: ({ expected }) => expected['family'] === 'vila-m3' && 'sessions' in expected,
  async run(reference) {
    const { expected } = reference
    const pictures = await expertPictures(reference)
    const sessions = expected['sessions'] as readonly RecordedSession[]
    const facts = await Promise.all(sessions.map((session) => sessionFacts(reference, session)))
    return {
      tensors: pictures.tensors,
      leftOut: pictures.leftOut,
      facts: [
        { name: 'model_cards', ours: EXPERT_CARDS, theirs: expected['model_cards'] },
        ...facts.flat(),
        ...triggerFacts(reference),
        ...modalityFacts(reference),
        ...pictures.facts,
      ],
    }
  },
}

/** The prompt of which the instructions of the trigger table speak. */
const PROMPT = 'P'

function triggerFacts({ expected }: ReferenceCase): Fact[] {
  const rows = (expected['triggers'] ?? []) as readonly TriggerRow[]
  return rows.flatMap(({ text, mentioned_by, expert_called, vista3d }, i) => [
    {
      name: `triggers.${i}`,
      ours: [
        Object.fromEntries(EXPERTS.map((e) => [e, mentions(text, e)])),
        calledExpert(text) ?? null,
      ],
      theirs: [mentioned_by, expert_called],
    },
    ...(vista3d ? [{ name: `triggers.${i}.vista3d`, ours: vista3dOf(text), theirs: vista3d }] : []),
  ])
}

function vista3dOf(text: string): TriggerRow['vista3d'] {
  try {
    const { labels } = requestedLabels(text)
    const next = instruction('VISTA3D', text, PROMPT) ?? ''
    return { label_prompt: labels ?? null, instruction: next }
  } catch (error) {
    return { error_text: errorFeedback((error as Error).message) }
  }
}

function modalityFacts({ expected }: ReferenceCase): Fact[] {
  const rows = (expected['modality'] ?? []) as readonly ModalityRow[]
  return rows.map(({ image, text, modality }, i) => {
    const [file] = image === null ? [] : [image].flat()
    return {
      name: `modality.${i}`,
      ours: modalityOf(file, text ?? '') ?? 'Unknown',
      theirs: modality,
    }
  })
}
