/** Which backend runs a model: the one that is asked for, or the best that can. */
import type { FamilyGraphs } from '../../../models/family.ts'
import { nativeProgram } from '../../../models/graph/native/lower.ts'
import { AerieError } from '../../errors.ts'
import type { ComputedForm } from '../../weights/computed-form.ts'
import type { Backend, KvCacheType } from '../backend.ts'
import type { BACKENDS } from './create.ts'
import { FASTER_ON_ONNX, findNativeAddon } from './native-addon.ts'

export type BackendName = (typeof BACKENDS)[number]

export interface BackendChoice {
  readonly name: BackendName
  /** For the log: what runs the model's parts, and why. */
  readonly text: string
}

/**
 * `auto` is `native` where its addon loads and has instructions for the decoder, else `onnx`. Throws `invalid_config` where
 * `native` is asked for by name and cannot be.
 */
export function chooseBackend(
  wanted: BackendName | 'auto',
  graphs: Pick<FamilyGraphs, 'decoder' | 'encoder'>,
): BackendChoice {
  if (wanted === 'reference') return { name: wanted, text: 'reference: exact and very slow' }
  if (wanted === 'onnx') return { name: wanted, text: 'ONNX Runtime, as configured' }
  const reason = whyNotNative(graphs)
  if (reason === undefined) return { name: 'native', text: nativeText(graphs) }
  if (wanted === 'auto') return { name: 'onnx', text: `ONNX Runtime: ${reason}` }
  throw new AerieError('invalid_config', `backend native: ${reason}; auto takes ONNX Runtime then`)
}

/**
 * `auto` is half precision where linears multiply 8-bit numbers, whose rounding is far coarser (`aerie bench kv`,
 * docs/engine.md), and float32 where logits are promised to follow the published code. Throws `invalid_config` for a type that the backend lacks.
 */
export function chooseKvCacheType(
  wanted: KvCacheType | 'auto',
  backend: Backend['name'],
  computed: ComputedForm,
): KvCacheType {
  if (wanted === 'auto') return backend === 'native' && computed === 'int8' ? 'f16' : 'f32'
  if (backend === 'native' || wanted === 'f32') return wanted
  throw new AerieError(
    'invalid_config',
    `kvCacheType ${wanted}: the ${backend} backend keeps keys and values as f32; auto takes that`,
  )
}

/**
 * Tokens that a sequence may be guessed ahead. `auto` guesses on the native backend alone: there a row of several positions
 * costs little, and gives the same bits as its positions one by one.
 */
export function chooseMaxDraft(
  {
    speculation,
    maxDraftTokens,
  }: { readonly speculation: 'auto' | 'on' | 'off'; readonly maxDraftTokens: number },
  backend: BackendName,
): number {
  const isOn = speculation === 'on' || (speculation === 'auto' && backend === 'native')
  return isOn ? maxDraftTokens : 0
}

function whyNotNative({ decoder }: Pick<FamilyGraphs, 'decoder'>): string | undefined {
  const search = findNativeAddon()
  if ('reason' in search) return search.reason
  const refusal = decoder && refusalOf(decoder)
  return refusal && `the native runtime cannot run the decoder: ${refusal}`
}

function nativeText({ encoder }: Pick<FamilyGraphs, 'encoder'>): string {
  const search = findNativeAddon()
  const [isa] = 'addon' in search ? search.addon.isas() : []
  if (!encoder) return `native (${isa})`
  if (FASTER_ON_ONNX.has(isa!)) return `native (${isa}); the towers on ONNX Runtime, as the faster`
  const refusal = refusalOf(encoder)
  return refusal === undefined
    ? `native (${isa})`
    : `native (${isa}); the towers on ONNX Runtime, for want of ${refusal}`
}

function refusalOf(graph: NonNullable<FamilyGraphs['decoder']>): string | undefined {
  const lowered = nativeProgram(graph)
  return 'refusal' in lowered ? lowered.refusal : undefined
}
