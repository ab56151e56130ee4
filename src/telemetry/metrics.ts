/** What the server counts and times, for Prometheus. Events are pushed, states are read when scraped. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { monitorEventLoop } from './event-loop.ts'
import { registerSources, type Snapshot } from './sources.ts'

export interface RequestOutcome {
  /** The route's pattern, never the raw path; `unknown` where none matched. */
  readonly route: string
  readonly status: number
  /** The error code; `ok` without one. */
  readonly code: string
  /** Undefined where the head never came whole: there is no arrival to measure from. */
  readonly seconds: number | undefined
}

export interface Metrics extends Disposable {
  readonly contentType: string
  /** Prometheus text format. */
  render(): Promise<string>
  requestFinished(outcome: RequestOutcome): void
  /** Seconds from the request's arrival to the first text of its answer. */
  firstToken(seconds: number): void
  /** Seconds between tokens after the first, averaged over one request. */
  perToken(seconds: number): void
  /** Milliseconds that one request spent at each station. */
  stations(times: Readonly<Record<string, number | undefined>>): void
  /** Frames of clips that one request looked at: how many there were, and how many of them the cache knew. */
  videoFrames(frames: number, cached: number): void
}

const LATENCY_BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120]
const STATION_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
const TOKEN_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1]

/** `snapshot` is called once a scrape. */
export function createMetrics(snapshot: () => Snapshot): Metrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  const update = registerSources(registry)

  const requests = new Counter({
    name: 'aerie_requests_total',
    help: 'HTTP requests by route, status and error code.',
    labelNames: ['route', 'status', 'code'],
    registers,
  })
  const requestSeconds = new Histogram({
    name: 'aerie_request_seconds',
    help: 'Time from arrival of the head to the last byte of the answer, by route.',
    labelNames: ['route'],
    buckets: LATENCY_BUCKETS,
    registers,
  })
  const ttft = new Histogram({
    name: 'aerie_ttft_seconds',
    help: 'Time from arrival of the head to the first text of the answer.',
    buckets: LATENCY_BUCKETS,
    registers,
  })
  const tpot = new Histogram({
    name: 'aerie_tpot_seconds',
    help: 'Time per token after the first, one observation a request.',
    buckets: TOKEN_BUCKETS,
    registers,
  })
  const station = new Histogram({
    name: 'aerie_station_seconds',
    help: 'Time of a request at each station; pictures of one request add up.',
    labelNames: ['station'],
    buckets: STATION_BUCKETS,
    registers,
  })
  const videoFrames = new Counter({
    name: 'aerie_video_frames_total',
    help: 'Frames of clips that were looked at: decoded, or known by the encoder cache.',
    labelNames: ['from'],
    registers,
  })
  const eventLoop = monitorEventLoop()
  new Gauge({
    name: 'aerie_event_loop_delay_seconds',
    help: 'Delay of timers on the main thread over the last 10 to 20 s, by quantile.',
    labelNames: ['quantile'],
    registers,
    collect() {
      for (const [quantile, seconds] of eventLoop.quantiles()) this.set({ quantile }, seconds)
    },
  })

  return {
    contentType: registry.contentType,
    render() {
      update(snapshot())
      return registry.metrics()
    },
    requestFinished({ route, status, code, seconds }) {
      requests.inc({ route, status, code })
      if (seconds !== undefined) requestSeconds.observe({ route }, seconds)
    },
    firstToken: (seconds) => ttft.observe(seconds),
    perToken: (seconds) => tpot.observe(seconds),
    stations(times) {
      for (const [name, ms] of Object.entries(times)) {
        if (ms !== undefined) station.observe({ station: name }, ms / 1000)
      }
    },
    videoFrames(frames, cached) {
      videoFrames.inc({ from: 'decoded' }, frames - cached)
      videoFrames.inc({ from: 'cache' }, cached)
    },
    [Symbol.dispose]() {
      eventLoop[Symbol.dispose]()
      registry.clear()
    },
  }
}
