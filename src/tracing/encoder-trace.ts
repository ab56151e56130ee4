/** The encoder's calls with a span each: what was read from the disk, and what the towers computed. */
import type {
  EncodeRequest,
  EncodeResult,
  Encoder,
  KnownFeatures,
  SoundRequest,
} from '../engine/types.ts'
import { machineMs } from '../machine-clock.ts'
import { currentSpan, traced } from './trace.ts'

/** `param`: the request field that the picture or sound stands in. */
export async function tracedLookup(
  encoder: Pick<Encoder, 'lookup'>,
  key: string,
  param: string,
): Promise<KnownFeatures | undefined> {
  const begun = machineMs()
  const known = await encoder.lookup(key)
  const span = currentSpan()
  if (known?.from === 'disk') span.add('disk', begun, machineMs(), { 'aerie.part': param })
  else if (known) span.event('cached', begun, { 'aerie.part': param })
  return known
}

export async function tracedEncode(
  encoder: Pick<Encoder, 'encode'>,
  request: EncodeRequest | SoundRequest,
  { param, signal }: { readonly param: string; readonly signal: AbortSignal },
): Promise<EncodeResult> {
  return await traced('encode', { 'aerie.part': param }, async (span) => {
    const begun = machineMs()
    const result = await encoder.encode(request, signal)
    // What of it was waiting for the towers.
    if (!result.cached) span.event('started', begun + result.queueMs)
    span.set({ 'aerie.cached': result.cached, 'aerie.tokens': result.features.rows })
    return result
  })
}
