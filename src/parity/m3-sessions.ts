/** Sessions of VILA-M3's demo, played again with our steps: scripted answers, and experts whose results are recorded. */

import { meanFindings } from '../../models/vila-m3/chest-xray.ts'
import {
  bratsFeedback,
  cxrFeedback,
  type M3Message,
  type Modality,
  mergeExpertMessages,
  modalityOf,
  vista3dFeedback,
} from '../../models/vila-m3/conversation.ts'
import {
  addAnswer,
  type ExpertCall,
  endTurn,
  feedBack,
  feedError,
  type M3Session,
  NEW_SESSION,
  type Study,
  startTurn,
} from '../../models/vila-m3/session.ts'
import { labelColours, slicePicture } from '../../models/vila-m3/slices.ts'
import { ChatTemplate } from '../chat/template.ts'
import type { Tokenizer } from '../tokenizer/tokenizer.ts'
import type { Fact } from './compare.ts'
import { loadVolume } from './m3-expert-pictures.ts'
import type { ReferenceCase } from './reference-case.ts'
import { demoPrompt } from './vila-m3-adapter.ts'

interface RecordedMessage {
  readonly role: M3Message['role']
  readonly content: readonly (
    | { readonly type: 'text'; readonly text: string }
    | { readonly type: 'image_path'; readonly image_path: string | readonly string[] }
  )[]
}

interface RecordedTurn {
  readonly user_prompt: string
  /** A file, the sequences of an MRI, `(unchanged)`, or none. */
  readonly selected: string | readonly string[] | null
  readonly slice_index: number | null
  readonly interactive: boolean
  readonly model_says: readonly string[]
  readonly model_calls?: readonly {
    readonly messages: readonly RecordedMessage[]
    readonly prompt_text: string
    readonly image_files: readonly string[]
    readonly stop: readonly string[]
  }[]
  readonly new_history_messages: readonly RecordedMessage[]
  readonly expert_result?: ExpertResult
  readonly expert_requests: readonly { readonly label_prompt: readonly number[] | null }[]
  readonly session_after?: {
    readonly backup: { readonly image_url: unknown; readonly slice_index: unknown }
  } | null
}

/** A segmentation by its name, probabilities by theirs, or what went wrong. */
type ExpertResult = string | { readonly cxr_probabilities: string } | { readonly raises: string }

export interface RecordedSession {
  readonly name: string
  readonly what: string
  readonly template: string
  readonly use_model_cards: boolean
  readonly modality_prompt: Modality | 'Auto'
  readonly turns: readonly RecordedTurn[]
}

export async function sessionFacts(
  reference: ReferenceCase,
  recorded: RecordedSession,
): Promise<Fact[]> {
  const { name, template } = recorded
  const chat = await ChatTemplate.ofFamily(template, NO_TOKENIZER)
  const facts: Fact[] = []
  let session = NEW_SESSION
  let overlays = 0
  for (const [t, turn] of recorded.turns.entries()) {
    const fact = (what: string, ours: unknown, theirs: unknown) =>
      facts.push({ name: `${name}.${t}.${what}`, ours, theirs })
    // The demo asks nothing before a picture is chosen.
    if (!turn.interactive) continue
    const before = session.messages.length
    const calls = turn.model_calls ?? []
    const generate = (at: number) => {
      const call = calls[at]
      const merged = mergeExpertMessages(session.messages)
      fact(`call${at}.messages`, merged, call?.messages.map(messageOf))
      fact(`call${at}.prompt_text`, demoPrompt(chat, template, merged), call?.prompt_text)
      fact(
        `call${at}.image_files`,
        merged.flatMap((m) => m.pictures),
        call?.image_files,
      )
      const stop = call?.stop[0] ?? ''
      const said = turn.model_says[at]!.trim()
      return said.endsWith(stop) ? said.slice(0, said.length - stop.length) : said
    }
    const study = studyOf(turn)
    const modality = chosenModality(recorded, turn, study)
    session = startTurn(session, turn.user_prompt, study, {
      withCards: recorded.use_model_cards,
      ...(modality === undefined ? {} : { modality }),
      pictureOf: sliceName,
    })
    const answered = addAnswer(session, generate(0))
    session = answered.session
    let called = 1
    if (answered.called && 'error' in answered.called) {
      session = feedError(session, answered.called.error)
    } else if (answered.called) {
      const { call } = answered.called
      if (call.expert === 'VISTA3D')
        fact('labels', call.labels ?? null, turn.expert_requests[0]?.label_prompt)
      const result = await runExpert(reference, call, turn.expert_result!)
      if ('error' in result) {
        session = feedError(session, result.error)
      } else {
        const overlay =
          call.expert === 'CXR' ? {} : { overlay: `seg_${String(++overlays).padStart(4, '0')}.jpg` }
        const { text } = result
        const fed = feedBack(session, call.expert, { text, ...overlay })
        session = fed.session
        if (fed.goesOn) session = addAnswer(session, generate(called++)).session
      }
    }
    fact('calls', called, calls.length)
    fact('new_messages', session.messages.slice(before), turn.new_history_messages.map(messageOf))
    session = endTurn(session)
    fact('remembered', rememberedOf(session), turn.session_after?.backup)
  }
  return facts
}

/** These templates use nothing of a tokenizer. */
const NO_TOKENIZER = { config: {} } as Tokenizer

/** A recorded message in our terms: its texts joined, its pictures in order. */
function messageOf({ role, content }: RecordedMessage): M3Message {
  return {
    role,
    text: content.map((part) => (part.type === 'text' ? part.text : '')).join(''),
    pictures: content.flatMap((part) => (part.type === 'image_path' ? part.image_path : [])),
  }
}

function studyOf({ selected, slice_index }: RecordedTurn): Study | undefined {
  if (selected === null || selected === '(unchanged)') return undefined
  const isSequence = typeof selected !== 'string'
  return { files: [selected].flat(), isSequence, slice: slice_index ?? undefined }
}

/**
 * What the user chose instead of leaving it to the demo. A choice for one turn is not recorded but in the message that it led to,
 * so it is taken from there where the session says that there was one.
 */
function chosenModality(
  { modality_prompt, what }: RecordedSession,
  { user_prompt, new_history_messages: [first] }: RecordedTurn,
  study: Study | undefined,
): Modality | undefined {
  if (modality_prompt !== 'Auto') return modality_prompt
  const isByHand = what.includes('modality chosen by hand')
  if (!isByHand || !first || modalityOf(study?.files[0], user_prompt)) return undefined
  const said = /This is a (.+) image\.\n/.exec(messageOf(first).text)?.[1]
  return said as Modality | undefined
}

/** `<base>_slice<k>_img.jpg` for a volume; a picture keeps its name. */
function sliceName(file: string, slice: number | undefined): string {
  const base = file.slice(file.lastIndexOf('/') + 1)
  return base.replaceAll('.nii.gz', `_slice${slice}_img.jpg`)
}

function rememberedOf({ remembered }: M3Session): unknown {
  const files = remembered?.files
  return {
    image_url: (remembered?.isSequence ? files : files?.[0]) ?? null,
    slice_index: remembered?.slice ?? null,
  }
}

async function runExpert(
  reference: ReferenceCase,
  { expert, study }: ExpertCall,
  result: ExpertResult,
): Promise<{ readonly text: string } | { readonly error: string }> {
  if (typeof result === 'object' && 'raises' in result) return { error: result.raises }
  if (typeof result === 'object') {
    const members = reference.expected['cxr_probabilities'] as Record<
      string,
      Record<string, Record<string, number>>
    >
    return { text: cxrFeedback(meanFindings(members[result.cxr_probabilities]!)) }
  }
  const labels = slicePicture(await loadVolume(reference, `seg_${result}.nii.gz`), study.slice)
  const colours = labelColours(labels)
  return { text: expert === 'BRATS' ? bratsFeedback(colours) : vista3dFeedback(colours) }
}
