/** The filters between ffmpeg's decoder and our pixels, as the text that it takes. */
import type { ClipFacts } from './clip-protocol.ts'
import { CUT_HEIGHT, CUT_WIDTH } from './cut-detector.ts'

/** Seconds, both ends included, in the file's own time. */
export interface Span {
  readonly from: number
  readonly to: number
}

/** One opening of the file: where decoding starts, and what is wanted of what follows. */
export interface Place {
  /** Absent: the file's beginning. */
  readonly seek: number | undefined
  /** In order, without overlap. */
  readonly spans: readonly Span[]
}

/**
 * Lines that the graph writes: `pts` of a frame in microseconds and, below it, its place (`decoded=3`) and then, once it is on its way
 * out, `leaving=3`. Frames leave in the order of these last ones.
 */
const report = (key: string) => `metadata=mode=print:key=${key}:file='pipe\\:2':direct=1`
const mark = (key: string, place: number) => `metadata=mode=add:key=${key}:value=${place}`

/** The pictures of all places, one after another: what lies in the spans, upright, with square pixels, as `rgb24` or `rgba`. */
export function pictureGraph(
  facts: ClipFacts,
  places: readonly Place[],
  isOpaque: boolean,
): string {
  const chains = places.map(({ seek, spans }, place) => {
    const inSpan = spans
      .map(({ from, to }) => `between(t,${seconds(from)},${seconds(to)})`)
      .join('+')
    // What comes before the first keyframe refers to pictures that were not decoded.
    const chosen = seek === undefined ? inSpan : `if(key,st(0,1));ld(0)*(${inSpan})`
    return [
      ...beginning(facts, place),
      `trim=end=${seconds(spans.at(-1)!.to + TICK)}`,
      `select='${chosen}'`,
      ...[mark('decoded', place), report('decoded'), mark('leaving', place)],
      ...toneMapping(facts),
      `scale=${facts.width}:${facts.height}:flags=bicubic+accurate_rnd+full_chroma_int`,
      ...['setsar=1', `format=${isOpaque ? 'rgb24' : 'rgba'}[p${place}]`],
    ].join(',')
  })
  return joined(chains, `,${report('leaving')}`)
}

/** When the frames of all places are shown, up to the first one behind the last span; no picture leaves. */
export function timeGraph(facts: ClipFacts, places: readonly Place[]): string {
  const chains = places.map(({ seek, spans }, place) =>
    [
      ...beginning(facts, place),
      ...(seek === undefined ? [] : [`select='if(key,st(0,1));ld(0)'`]),
      ...[mark('decoded', place), report('decoded')],
      `trim=end=${seconds(spans.at(-1)!.to + TICK)}`,
      `scale=16:16:flags=neighbor,setsar=1,format=gray[p${place}]`,
    ].join(','),
  )
  return joined(chains, '')
}

/** The frames of a span, as small as cuts are looked for in them. Averages of areas, so that noise is no change. */
export function sceneGraph(
  { stream }: ClipFacts,
  seek: number | undefined,
  { from, to }: Span,
): string {
  const chain = [
    `[0:${stream}]settb=AVTB`,
    ...(seek === undefined ? [] : [`select='if(key,st(0,1));ld(0)'`]),
    `trim=start=${seconds(from)}:end=${seconds(to)}`,
    ...[mark('decoded', 0), report('decoded'), mark('leaving', 0)],
    `scale=${CUT_WIDTH}:${CUT_HEIGHT}:flags=area`,
    ...['setsar=1', 'format=yuv444p', `${report('leaving')}[out]`],
  ]
  return chain.join(',')
}

const TICK = 1e-6

function beginning({ stream, isInterlaced }: ClipFacts, place: number): string[] {
  const deinterlace = isInterlaced ? ['bwdif=mode=send_frame:deint=interlaced'] : []
  const [first, ...rest] = [...deinterlace, 'settb=AVTB']
  return [`[${place}:${stream}]${first}`, ...rest]
}

/** The recipe of ffmpeg's own documentation: to linear light, into BT.709, with Hable's curve. */
function toneMapping({ hdr }: ClipFacts): string[] {
  if (!hdr) return []
  const { transfer, primaries, matrix } = hdr
  return [
    `zscale=tin=${transfer}:pin=${primaries}:min=${matrix}:t=linear:npl=100`,
    ...['format=gbrpf32le', 'zscale=p=bt709', 'tonemap=hable:desat=0'],
    ...['zscale=t=bt709:m=bt709:r=tv', 'format=yuv444p'],
  ]
}

function joined(chains: readonly string[], behind: string): string {
  const outs = chains.map((_, place) => `[p${place}]`).join('')
  return `${chains.join(';')};${outs}concat=n=${chains.length}:v=1:a=0${behind}[out]`
}

/** ffmpeg would read an exponent, too, but not in every place. */
const seconds = (value: number) => value.toFixed(6)
