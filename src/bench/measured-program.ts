/** The other end of a measured process: loads the job of its command line, and runs it whenever it is told to. */

export interface MeasuredRun {
  readonly seconds: number
  /** Of all threads and cores: what the run costs on a machine that is shared. */
  readonly cpuSeconds: number
  /** The highest memory of the process so far. */
  readonly peakBytes: number
  /** Before the run, where pictures have to be made ready for it. */
  readonly prepareSeconds?: number
  /** Of the towers, where they are asked by way of a queue. */
  readonly runs?: number
}

export type MeasuredSaid =
  | { readonly type: 'loaded'; readonly seconds: number }
  | ({ readonly type: 'ran' } & MeasuredRun)

/** Runs with so many pictures. */
export type Runner = (pictures: number) => Promise<Omit<MeasuredRun, 'peakBytes'>>

export async function serveMeasured<Job>(load: (job: Job) => Promise<Runner>): Promise<void> {
  const say = (message: MeasuredSaid) => process.send!(message)
  const start = performance.now()
  const run = await load(JSON.parse(process.argv[2]!) as Job)
  say({ type: 'loaded', seconds: (performance.now() - start) / 1000 })
  process.on('message', async (pictures: number) => {
    const ran = await run(pictures)
    say({ type: 'ran', ...ran, peakBytes: process.resourceUsage().maxRSS * 1024 })
  })
}

/** What it gives, and the time that it takes. */
export async function timed<T>(
  work: () => Promise<T>,
): Promise<{ result: T } & Pick<MeasuredRun, 'seconds' | 'cpuSeconds'>> {
  const start = performance.now()
  const before = process.cpuUsage()
  const result = await work()
  const { user, system } = process.cpuUsage(before)
  const seconds = (performance.now() - start) / 1000
  return { result, seconds, cpuSeconds: (user + system) / 1e6 }
}
