/**
 * The course of a conversation with VILA-M3, step by step; whoever drives it generates answers and runs experts
 * (`m3/demo/gradio_m3.py: process_prompt`).
 */
import {
  errorFeedback,
  instruction,
  type M3Message,
  type Modality,
  modalityOf,
  userMessage,
} from './conversation.ts'
import { calledExpert, type Expert, requestedLabels } from './trigger.ts'

/** What a user looks at: a picture, a slice of a volume, or the same slice of the sequences of an MRI. */
export interface Study {
  readonly files: readonly string[]
  readonly isSequence: boolean
  /** Undefined for a picture. */
  readonly slice: number | undefined
}

export interface M3Session {
  readonly messages: readonly M3Message[]
  /** What the user asked in the turn that is on, and an expert's result is to answer. */
  readonly prompt: string
  /** Of the turn that is on. */
  readonly study: Study | undefined
  /** Of the turn before, for an expert that is called without a new one; a turn without a study forgets it. */
  readonly remembered: Study | undefined
}

export const NEW_SESSION: M3Session = {
  messages: [],
  prompt: '',
  study: undefined,
  remembered: undefined,
}

export interface TurnOptions {
  readonly withCards: boolean
  /** Undefined: told from the file's name or the prompt. */
  readonly modality?: Modality
  /** Name of the picture that the model is shown of a file. */
  pictureOf(file: string, slice: number | undefined): string
}

/** Adds the user's message; the model answers next. */
export function startTurn(
  { messages, remembered }: M3Session,
  asked: string,
  study: Study | undefined,
  { withCards, modality, pictureOf }: TurnOptions,
): M3Session {
  // The sequences of an MRI have placeholders of their own.
  const prompt = study?.isSequence ? asked.replaceAll('<image>', '') : asked
  const message = userMessage({
    prompt,
    pictures: study?.files.map((file) => pictureOf(file, study.slice)) ?? [],
    isSequence: study?.isSequence ?? false,
    modality: modality ?? modalityOf(study?.files[0], asked),
    withCards,
  })
  return { messages: [...messages, message], prompt, study, remembered }
}

export interface ExpertCall {
  readonly expert: Expert
  /** Undefined: every label, or an expert that takes none. */
  readonly labels: readonly number[] | undefined
  readonly study: Study
}

/** A call that cannot be made ends the turn with a sentence to the model (`feedError`). */
export type Called =
  | { readonly call: ExpertCall }
  | { readonly expert: Expert; readonly error: string }

/** What the published code's libraries say of a picture that is not there; for CXR it depends on their versions. */
const NO_STUDY: Readonly<Record<Expert, string>> = {
  CXR: 'expected str, bytes or os.PathLike object, not NoneType',
  VISTA3D: 'expected str, bytes or os.PathLike object, not NoneType',
  BRATS: "'NoneType' object is not iterable",
}

/** Adds an answer without the white space around it, and says which expert it calls. Only a turn's first answer may call one. */
export function addAnswer(
  session: M3Session,
  answer: string,
): { readonly session: M3Session; readonly called: Called | undefined } {
  const text = answer.trim()
  const messages = [...session.messages, { role: 'assistant' as const, text, pictures: [] }]
  const expert = calledExpert(text)
  if (expert === undefined) return { session: { ...session, messages }, called: undefined }
  const study = session.study ?? session.remembered
  return { session: { ...session, messages, study }, called: callOf(expert, text, study) }
}

function callOf(expert: Expert, answer: string, study: Study | undefined): Called {
  if (!study) return { expert, error: NO_STUDY[expert] }
  if (expert !== 'VISTA3D') return { call: { expert, labels: undefined, study } }
  try {
    return { call: { expert, study, ...requestedLabels(answer) } }
  } catch (error) {
    return { expert, error: (error as Error).message }
  }
}

/** Adds an expert's result; `goesOn`: the model is to answer once more, and what it says then calls nobody. */
export function feedBack(
  session: M3Session,
  expert: Expert,
  result: { readonly text: string; readonly overlay?: string },
): { readonly session: M3Session; readonly goesOn: boolean } {
  const answer = session.messages.at(-1)!.text
  const said = expertMessage(result.text, result.overlay)
  const next = instruction(expert, answer, session.prompt)
  const added = next === undefined ? [said] : [said, expertMessage(next)]
  return {
    session: { ...session, messages: [...session.messages, ...added] },
    goesOn: next !== undefined,
  }
}

/** Adds what went wrong with an expert; the turn ends. */
export function feedError(session: M3Session, message: string): M3Session {
  return { ...session, messages: [...session.messages, expertMessage(errorFeedback(message))] }
}

export function endTurn({ messages, study }: M3Session): M3Session {
  return { messages, prompt: '', study: undefined, remembered: study }
}

function expertMessage(text: string, overlay?: string): M3Message {
  return { role: 'expert', text, pictures: overlay === undefined ? [] : [overlay] }
}
